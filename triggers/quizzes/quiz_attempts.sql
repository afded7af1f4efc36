-- What happens when quizzes are written, in this order: rules are held; each right answer, the quiz, and
-- that it was perfect are facts, which pay; and what they paid is noted with the quiz.

-- 1. Before anything is written: content and rules are held.
create or replace trigger quiz_attempts_hold
  before insert on learn.quiz_attempts
  for each statement
  execute function learn_internal.hold_content_first();

-- 2. One quiz after the other, by user and time. Answers that the same statement writes tell which
-- questions were right, whatever the writer of the quiz says. Facts are written many at a time.
create or replace function learn_internal.quizzes_completed()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan  -- plans by key, made once: see docs/engine.md
set enable_seqscan = off
set enable_mergejoin = off
set enable_hashjoin = off
set jit = off
as $$
declare
  n           learn.quiz_attempts;
  v_right     record;                -- the right answers of a quiz
  v_paid      record;
  v_fact      learn_internal.fact;
  v_facts     learn_internal.fact[] := '{}'::learn_internal.fact[];
  v_user_id   uuid;
  v_user_ids  uuid[] := '{}'::uuid[];
  v_first     bigint;
  v_now       timestamptz := learn.clock();
begin
  for n in select a.* from new_rows a order by a.user_id, a.completed_at, a.id loop
    if n.user_id is distinct from v_user_id then
      perform from learn.user_stats s where s.user_id = n.user_id for no key update;
      v_user_id := n.user_id;
      v_user_ids := v_user_ids || v_user_id;
      v_first := coalesce(v_first, (select min(a.id) from new_rows a));
    end if;
    select count(*)::integer as asked,
      coalesce(array_agg(a.question_id order by a.position) filter (
        where a.user_answer = coalesce(q.correct_answer, a.correct_answer)), '{}') as ids,
      array_agg(q.domain order by a.position) filter (
        where a.user_answer = coalesce(q.correct_answer, a.correct_answer)) as domains
    into v_right
    from learn.user_answers a
    left join learn.questions q on q.id = a.question_id
    where a.user_id = n.user_id and a.quiz_attempt_id = n.id;
    if v_right.asked = 0 then
      v_right.ids := array_fill(null::bigint, array[n.correct_answers]);
    end if;
    if v_right.asked > 0
      and (v_right.asked, cardinality(v_right.ids)) <> (n.total_questions, n.correct_answers)
      or n.xp_earned <> 0
    then
      update learn.quiz_attempts a
      set total_questions = coalesce(nullif(v_right.asked, 0), a.total_questions),
        correct_answers = cardinality(v_right.ids), xp_earned = 0
      where a.user_id = n.user_id and a.id = n.id
      returning a.* into n;
    end if;
    foreach v_fact in array learn_internal.quiz_facts(n, v_right.ids, v_right.domains,
      learn_internal.pay_questions(n.user_id, n.exam_type, v_right.ids, n.completed_at, v_first))
    loop
      if v_fact.activity_type = 'quiz_perfect' and not learn_internal.pay_perfect(n.user_id) then
        v_fact.xp := 0;
      end if;
      v_facts := v_facts || v_fact;
    end loop;
    if cardinality(v_facts) > 1000 then
      perform learn_internal.write_facts(v_facts);
      v_facts := '{}'::learn_internal.fact[];
    end if;
  end loop;
  if v_user_id is null then
    return null;
  end if;
  perform learn_internal.write_facts(v_facts);

  -- 3. What the facts have paid is what the ledger has got since.
  for v_paid in
    select t.user_id, t.source_id, sum(t.amount) as xp
    from learn.xp_transactions t
    where t.user_id = any (v_user_ids) and t.created_at >= v_now
      and t.source_id = any (array(select a.id::text from new_rows a))
      and t.activity_type in ('question_answered_correctly', 'quiz_completed', 'quiz_perfect')
    group by t.user_id, t.source_id
  loop
    update learn.quiz_attempts a
    set xp_earned = v_paid.xp
    where a.user_id = v_paid.user_id and a.id = v_paid.source_id::bigint;
  end loop;
  return null;
end;
$$;
comment on function learn_internal.quizzes_completed() is
  'Statement trigger: quizzes, right answers and perfect scores become facts, which pay.';

create or replace trigger quizzes_completed
  after insert on learn.quiz_attempts
  referencing new table as new_rows
  for each statement
  execute function learn_internal.quizzes_completed();

-- When a row is written: it is dated neither ahead of the clock nor absurdly far back.
-- Errors: LX001.
create or replace trigger refuse_times
  before insert on learn.quiz_attempts
  for each row
  when (learn_internal.is_off_time(new.completed_at, new.completed_at))
  execute function learn_internal.refuse_times('completed_at');

create or replace trigger refuse_new_times
  before update of completed_at on learn.quiz_attempts
  for each row
  when (new.completed_at is distinct from old.completed_at and learn_internal.is_off_time(new.completed_at, new.completed_at))
  execute function learn_internal.refuse_times('completed_at');

-- Quizzes stay as they were graded: regrade_question() grades again, where the key was wrong.
-- Errors: LX009 another time.
create or replace trigger results_stay
  after update of completed_at on learn.quiz_attempts
  for each row when (pg_trigger_depth() = 0 and old.completed_at <> new.completed_at)
  execute function learn_internal.refuse_change();
