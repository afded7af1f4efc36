-- Grades a user's answers to a question by its key of today. The facts that were true by the old key are
-- withdrawn from the metrics, and what is true instead are facts of the time of the quiz; they pay what is
-- missing: a question once on the quiz's day, a perfect score once. Returns how many answers it graded.
create or replace function learn_internal.regrade_user(
  p_user_id uuid, p_question learn.questions, p_take_back boolean
)
returns integer
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_answers integer;
  v_ids     bigint[];               -- of quizzes whose score changes
  v_quiz    learn.quiz_attempts;
  v_answer  record;
  v_pays    boolean;
  v_days    date[];                 -- those on which the question has paid
  v_day     date;
  v_today   date;
  v_fact    learn_internal.fact;
  v_facts   learn_internal.fact[] := '{}'::learn_internal.fact[];
  v_last_id bigint;                 -- of the ledger, before
  v_paid    record;
begin
  perform from learn.user_stats s where s.user_id = p_user_id for no key update;
  v_ids := array(
    select a.quiz_attempt_id
    from learn.user_answers a
    where a.user_id = p_user_id and a.question_id = p_question.id
      and a.correct_answer <> p_question.correct_answer
      and a.is_correct <> coalesce(a.user_answer = p_question.correct_answer, false));
  update learn.user_answers a
  set correct_answer = p_question.correct_answer,
    is_correct = coalesce(a.user_answer = p_question.correct_answer, false)
  where a.user_id = p_user_id and a.question_id = p_question.id
    and a.correct_answer <> p_question.correct_answer;
  get diagnostics v_answers = row_count;
  if v_ids = '{}' then
    return v_answers;
  end if;
  select coalesce(max(t.id), 0) into v_last_id
  from learn_internal.all_payments t
  where t.user_id = p_user_id;

  v_days := array(
    select f.local_date
    from learn_internal.all_facts f
    where f.user_id = p_user_id and f.activity_type = 'question_answered_correctly'
      and f.properties @> jsonb_build_object('question_id', p_question.id)
      and f.xp is distinct from 0 and not exists (
        select from learn_internal.withdrawn_facts w
        where w.user_id = f.user_id and w.fact_id = f.id and w.is_taken_back));
  perform learn_internal.withdraw_quiz_facts(p_user_id, p_question.id, v_ids, p_take_back);

  for v_answer in
    select q.id, a.is_correct
    from learn.quiz_attempts q
    join learn.user_answers a on a.user_id = q.user_id and a.quiz_attempt_id = q.id
    where q.user_id = p_user_id and q.id = any (v_ids) and a.question_id = p_question.id
    order by q.completed_at, q.id
  loop
    update learn.quiz_attempts q
    set correct_answers = q.correct_answers + case when v_answer.is_correct then 1 else -1 end
    where q.user_id = p_user_id and q.id = v_answer.id
    returning q.* into v_quiz;
    v_pays := false;
    if v_answer.is_correct then
      v_day := (learn_internal.local_date(p_user_id, v_quiz.completed_at)).local_date;
      v_today := (learn_internal.local_date(p_user_id, learn.clock())).local_date;
      v_pays := v_day <> all (v_days);
      if v_pays and v_day = v_today then  -- and then it does not pay again today
        v_pays := (learn_internal.pay_questions(
          p_user_id, v_quiz.exam_type, array[p_question.id], v_quiz.completed_at, v_quiz.id))[1];
      end if;
      v_days := v_days || v_day;
    end if;
    foreach v_fact in array learn_internal.quiz_facts(
      v_quiz, case when v_answer.is_correct then array[p_question.id] else '{}'::bigint[] end,
      array[p_question.domain], array[v_pays])
    loop
      -- a quiz has paid for being taken, and pays once for being perfect
      if v_fact.activity_type = 'quiz_completed'
        or v_fact.activity_type = 'quiz_perfect' and exists (
          select from learn_internal.all_payments t
          where t.user_id = p_user_id and t.activity_type = 'quiz_perfect'
            and t.source_id = v_quiz.id::text and not exists (
              select from learn_internal.recorded_subjects r
              where r.user_id = p_user_id and r.activity_type = 'xp_reversed'
                and r.subject_type = 'xp_transaction' and r.subject_id = t.id::text))
      then
        v_fact.xp := 0;
      end if;
      v_facts := v_facts || v_fact;
    end loop;
  end loop;
  perform learn_internal.write_facts(v_facts);

  for v_paid in
    select t.source_id::bigint as id, sum(t.amount) as xp
    from learn_internal.all_payments t
    where t.user_id = p_user_id and t.id > v_last_id
      and t.activity_type in ('question_answered_correctly', 'quiz_perfect')
    group by t.source_id
  loop
    update learn.quiz_attempts q
    set xp_earned = q.xp_earned + v_paid.xp
    where q.user_id = p_user_id and q.id = v_paid.id;
  end loop;
  return v_answers;
end;
$$;
comment on function learn_internal.regrade_user(uuid, learn.questions, boolean) is
  'Grades a user''s answers to a question by its key of today; returns how many.';
