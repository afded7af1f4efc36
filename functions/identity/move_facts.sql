-- Moves the facts of one account to another, and what they have paid: each once. What both have done counts, and has
-- paid, as it did for the one that stays; for the other it becomes a repetition, which makes its day active and pays
-- nothing, or stays behind and goes with the account, as does what takes such a payment back. The caller has locked
-- both, and nobody else writes for learners. Returns the payments that are left out.
create or replace function learn_internal.move_facts(p_from uuid, p_into uuid)
returns bigint[]
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_lost     bigint[];              -- facts of the one that stays, which the other's are better than
  v_out      bigint[];              -- facts that happened to both
  v_unpaid   bigint[];              -- right answers that have paid the one that stays on the same day
  v_payments bigint[];              -- what these have paid
  v_again    bigint[];              -- what takes such payments back
  v_has_moved boolean := (select u.zone_number > 0 from learn.users u where u.id = p_into);
begin
  -- The better rank of a period stays, and what it has paid. Nobody accepts their own solution for XP.
  v_lost := array(
    select l.id
    from learn.activity_log l
    where l.user_id = p_into and (
      l.activity_type = 'period_rewarded' and l.properties ->> 'source_id' in (
        select format('%s %s %s', f.metric, f.period, to_char(f.starts_on, 'YYYY-MM-DD'))
        from learn.period_standings f
        join learn.period_standings i on i.user_id = p_into
          and (i.metric, i.period, i.starts_on) = (f.metric, f.period, f.starts_on)
        where f.user_id = p_from and f.rank < i.rank and f.xp_paid > 0)
      or l.activity_type = 'solution_accepted' and l.properties ->> 'discussion_id' in (
        select d.id::text from learn.discussions d where d.author_id = p_from)));
  update learn.period_standings i
  set value = f.value, rank = f.rank, xp_paid = greatest(f.xp_paid, i.xp_paid)
  from learn.period_standings f
  where f.user_id = p_from and i.user_id = p_into
    and (i.metric, i.period, i.starts_on) = (f.metric, f.period, f.starts_on) and f.rank < i.rank;

  v_out := array(
    with facts as materialized (
      select l.user_id, l.id, l.activity_type, l.properties, learn_internal.fact_identity(
        l.activity_type, l.subject_type, l.subject_id, l.properties, t.happens_once) as identity
      from learn.activity_log l
      join learn.activity_types t on t.key = l.activity_type
      where l.user_id in (p_from, p_into)
    )
    select f.id
    from facts f
    where f.user_id = p_from and (f.identity in (
        select i.identity from facts i
        where i.user_id = p_into and i.identity is not null and i.id <> all (v_lost))
      or f.activity_type = 'user_registered'
      or f.activity_type = 'solution_accepted' and f.properties ->> 'discussion_id' in (
        select d.id::text from learn.discussions d where d.author_id = p_into)));
  v_unpaid := array(
    with answers as materialized (
      select l.user_id, l.id, l.local_date, l.properties -> 'question_id' as question_id
      from learn.activity_log l
      where l.user_id in (p_from, p_into) and l.activity_type = 'question_answered_correctly'
        and l.subject_type = 'quiz' and l.xp is distinct from 0 and jsonb_typeof(l.properties -> 'question_id') = 'number'
        and not exists (
          select from learn_internal.withdrawn_facts w
          where w.user_id = l.user_id and w.fact_id = l.id and w.is_taken_back)
    )
    select a.id from answers a
    where a.user_id = p_from and (a.question_id, a.local_date) in (
      select i.question_id, i.local_date from answers i where i.user_id = p_into));

  -- Payments have the moment of their fact. Several answers of a quiz are paid alike: so many of them.
  v_payments := array(
    with facts as materialized (
      select l.user_id, l.activity_type, l.recorded_at,
        case when l.activity_type in ('xp_awarded', 'period_rewarded') then l.properties ->> 'source_id'
          else l.subject_id end as source_id, count(*) as facts
      from learn.activity_log l
      where l.user_id in (p_from, p_into) and l.id = any (v_out || v_unpaid || v_lost)
      group by 1, 2, 3, 4
    )
    select t.id
    from (
      select x.id, f.facts, row_number() over (
        partition by x.user_id, x.activity_type, x.source_id, x.created_at order by x.id desc) as place
      from learn.xp_transactions x
      join facts f on f.user_id = x.user_id and f.activity_type = x.activity_type and f.recorded_at = x.created_at
        and f.source_id is not distinct from x.source_id
      where x.user_id in (p_from, p_into)
    ) t
    where t.place <= t.facts);
  v_again := array(
    select l.id from learn.activity_log l
    where l.user_id in (p_from, p_into) and l.activity_type in ('xp_reversed', 'period_reward_reversed')
      and l.subject_id = any (v_payments::text[]));
  v_payments := v_payments || array(
    select x.id from learn.xp_transactions x
    where x.user_id in (p_from, p_into) and x.activity_type in ('xp_reversed', 'period_reward_reversed')
      and x.source_id = any (v_payments::text[]));
  v_lost := v_lost || array(select l.id from learn.activity_log l where l.user_id = p_into and l.id = any (v_again));
  v_out := v_out || v_again;

  -- What attempts and quizzes note as paid is what is left of it.
  update learn.level_attempts a set xp_earned = 0
  where a.user_id = p_from and a.xp_earned > 0 and a.challenge_id || ':' || a.level_number in (
    select l.subject_id from learn.activity_log l
    where l.user_id = p_from and l.activity_type = 'challenge_level_passed' and l.id = any (v_out));
  update learn.quiz_attempts a set xp_earned = greatest(0, a.xp_earned - p.xp)
  from (
    select x.source_id, sum(x.amount) as xp
    from learn.xp_transactions x
    where x.user_id = p_from and x.id = any (v_payments) and x.activity_type = 'question_answered_correctly'
    group by x.source_id
  ) p
  where a.user_id = p_from and a.id::text = p.source_id;
  delete from learn.notifications n where n.user_id = p_from and n.fact_id = any (v_out);

  -- To the account that goes, and to the one that stays: as local dates of then, in the zones of the one that stays.
  update learn.activity_log l set user_id = p_from where l.user_id = p_into and l.id = any (v_lost);
  update learn.xp_transactions x set user_id = p_from where x.user_id = p_into and x.id = any (v_payments);
  update learn.activity_log l
  set user_id = p_into,
    zone_number = case when v_has_moved then (learn_internal.local_date(p_into, l.occurred_at)).zone_number else 0 end,
    activity_type = case when l.id <> all (v_out) then l.activity_type
      when l.activity_type = 'lesson_completed' then 'lesson_repeated' else 'done_before' end,
    properties = case when l.id <> all (v_out) then l.properties else '{}' end,
    xp = case when l.id <> all (v_out || v_unpaid) then l.xp else 0 end
  where l.user_id = p_from and (l.id <> all (v_out) or l.is_qualifying) and l.id <> all (v_lost);
  update learn.xp_transactions x set user_id = p_into where x.user_id = p_from and x.id <> all (v_payments);
  return v_payments;
end;
$$;
comment on function learn_internal.move_facts(uuid, uuid) is
  'Moves the facts of one account to another, and what they have paid, each once; returns the payments that are left out.';
