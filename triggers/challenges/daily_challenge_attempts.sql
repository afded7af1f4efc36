-- What happens when rows of learn.daily_challenge_attempts are written, in the order in which triggers fire.

-- Before attempts at daily challenges are written: content is held.
create or replace trigger daily_challenge_attempts_hold
  before insert on learn.daily_challenge_attempts
  for each statement
  execute function learn_internal.hold_content_first();
comment on trigger daily_challenge_attempts_hold on learn.daily_challenge_attempts is
  'Keeps content as it is.';

-- When daily challenges are attempted: every attempt is a fact, a passed one pays, and what it paid
-- is noted with it.
create or replace function learn_internal.daily_challenge_attempts_inserted()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_ids uuid[];
  v_now      timestamptz := learn.clock();
begin
  select array_agg(distinct n.user_id) into v_user_ids from new_rows n;
  if v_user_ids is null then
    return null;
  end if;
  perform from learn.user_stats s where s.user_id = any (v_user_ids)
  order by s.user_id for no key update;

  perform learn_internal.write_facts(array_agg(
    (n.user_id, t.type, 'daily_challenge', d.id::text,
      jsonb_build_object('challenge', c.slug, 'category', c.category, 'date', d.date,
        'score', n.score, 'passed', n.passed),
      t.xp, n.completed_at)::learn_internal.fact
    order by n.user_id, n.completed_at, d.id, t.type))
  from new_rows n
  join learn.daily_challenges d on d.id = n.daily_challenge_id
  join learn.challenges c on c.id = d.challenge_id
  cross join lateral (
    values
      ('challenge_attempted', true, null),
      ('daily_challenge_completed', n.passed, round(c.xp_base * d.xp_multiplier)::integer)
  ) t(type, is_due, xp)
  where t.is_due;

  update learn.daily_challenge_attempts a
  set xp_earned = coalesce(t.amount, 0)
  from new_rows n
  left join learn.xp_transactions t on t.user_id = n.user_id
    and t.source_type = 'daily_challenge_completed' and t.source_id = n.daily_challenge_id::text
    and t.amount > 0 and t.created_at >= v_now
  where a.user_id = n.user_id and a.daily_challenge_id = n.daily_challenge_id
    and a.xp_earned <> coalesce(t.amount, 0);
  return null;
end;
$$;
comment on function learn_internal.daily_challenge_attempts_inserted() is
  'Statement trigger: attempts at daily challenges become facts; passed ones pay.';
revoke all on function learn_internal.daily_challenge_attempts_inserted() from public;

create or replace trigger daily_challenge_attempts_inserted
  after insert on learn.daily_challenge_attempts
  referencing new table as new_rows
  for each statement
  execute function learn_internal.daily_challenge_attempts_inserted();
comment on trigger daily_challenge_attempts_inserted on learn.daily_challenge_attempts is
  'Facts and XP.';

-- When a row is written: it is dated neither ahead of the clock nor absurdly far back.
-- Errors: LX001.
create or replace trigger refuse_times
  before insert on learn.daily_challenge_attempts
  for each row
  when (learn_internal.is_off_time(
    greatest(new.completed_at, new.recorded_at),
    least(new.completed_at, new.recorded_at)))
  execute function learn_internal.refuse_times('completed_at', 'recorded_at');
comment on trigger refuse_times on learn.daily_challenge_attempts is 'Refuses times out of bounds (LX001).';

create or replace trigger refuse_new_times
  before update of completed_at, recorded_at on learn.daily_challenge_attempts
  for each row
  when (new.completed_at is distinct from old.completed_at and learn_internal.is_off_time(new.completed_at, new.completed_at)
    or new.recorded_at is distinct from old.recorded_at and learn_internal.is_off_time(new.recorded_at, new.recorded_at))
  execute function learn_internal.refuse_times('completed_at', 'recorded_at');
comment on trigger refuse_new_times on learn.daily_challenge_attempts is 'Refuses times out of bounds (LX001).';
