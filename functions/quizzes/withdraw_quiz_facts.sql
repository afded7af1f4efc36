-- Withdraws what quizzes have told by a wrong key: how they went, that they were perfect, and that the question
-- was answered correctly. The metrics that count such facts, and the boards, are counted anew. XP stays,
-- or is taken back: of each fact that is gone, as far as there is any.
create or replace function learn_internal.withdraw_quiz_facts(
  p_user_id uuid, p_question_id bigint, p_quiz_ids bigint[], p_take_back boolean
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  f          record;                -- a fact that is withdrawn
  v_payment  learn.xp_transactions;
  v_total    bigint;
  v_metrics  text[];
begin
  for f in
    select l.id, l.activity_type, l.subject_id, l.xp, l.recorded_at
    from learn_internal.all_facts l
    where l.user_id = p_user_id and l.subject_type = 'quiz'
      and l.subject_id = any (p_quiz_ids::text[])
      and (l.activity_type in ('quiz_completed', 'quiz_perfect')
        or l.activity_type = 'question_answered_correctly'
          and l.properties @> jsonb_build_object('question_id', p_question_id))
      and not exists (
        select from learn_internal.withdrawn_facts w where w.user_id = l.user_id and w.fact_id = l.id)
    order by l.id
  loop
    v_payment := null;
    if p_take_back and f.activity_type <> 'quiz_completed' and f.xp is distinct from 0 then
      select t.* into v_payment
      from learn_internal.all_payments t
      where t.user_id = p_user_id and t.activity_type = f.activity_type
        and t.source_id = f.subject_id and t.amount > 0 and not exists (
          select from learn_internal.recorded_subjects r
          where r.user_id = p_user_id and r.activity_type = 'xp_reversed'
            and r.subject_type = 'xp_transaction' and r.subject_id = t.id::text)
      order by t.id
      limit 1;
    end if;
    insert into learn_internal.withdrawn_facts (user_id, fact_id, is_taken_back)
    values (p_user_id, f.id, v_payment.id is not null);
    if v_payment.id is not null then
      insert into learn_internal.recorded_subjects (user_id, activity_type, subject_type, subject_id)
      values (p_user_id, 'xp_reversed', 'xp_transaction', v_payment.id::text);
      select s.total_xp into v_total from learn.user_stats s where s.user_id = p_user_id;
      perform learn_internal.write_facts(array[(
        p_user_id, 'xp_reversed', 'xp_transaction', v_payment.id::text,
        jsonb_build_object('source_type', 'reversal', 'source_id', v_payment.id::text,
          'description', format('The key of question %s was wrong.', p_question_id)),
        -least(v_payment.amount, v_total), learn.clock())::learn_internal.fact]);
      update learn_internal.paid_questions d  -- today it has not paid then
      set question_ids = array_remove(d.question_ids, p_question_id)
      where d.user_id = p_user_id and f.activity_type = 'question_answered_correctly'
        and d.opened_at <= f.recorded_at;
    end if;
  end loop;

  v_metrics := array(
    select m.key from learn.metrics m
    where m.activity_type in ('question_answered_correctly', 'quiz_completed', 'quiz_perfect'));
  delete from learn.user_metrics m where m.user_id = p_user_id and m.metric = any (v_metrics);
  insert into learn.user_metrics (user_id, metric, scope, value)
  select r.user_id, r.metric, r.scope, r.value
  from learn_internal.metric_recounts r
  where r.user_id = p_user_id and r.metric = any (v_metrics) and r.value <> 0;
  delete from learn_internal.user_metric_days d
  where d.user_id = p_user_id and d.metric = any (v_metrics);
  insert into learn_internal.user_metric_days (user_id, metric, scope, activity_date, zone_number)
  select r.user_id, r.metric, r.scope, r.activity_date, r.zone_number
  from learn_internal.metric_day_recounts r
  where r.user_id = p_user_id and r.metric = any (v_metrics);
  perform learn_internal.recount_boards(array[p_user_id]);
end;
$$;
comment on function learn_internal.withdraw_quiz_facts(uuid, bigint, bigint[], boolean) is
  'Withdraws what quizzes have told by a wrong key, and counts metrics and boards anew.';
