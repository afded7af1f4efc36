-- What happens when rows of learn.daily_challenges are written, in the order in which triggers fire.
-- Errors: LX009.

-- When the challenge of a day is written without a multiplier: passing it pays as much as the highest level of
-- the challenge does, and at most twice its base. Why: see docs/economy.md.
create or replace function learn_internal.fill_multiplier()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  select least(2, trunc(max(l.xp_reward)::numeric / nullif(c.xp_base, 0), 2)) into new.xp_multiplier
  from learn.challenges c
  left join learn.challenge_levels l on l.challenge_id = c.id
  where c.id = new.challenge_id
  group by c.xp_base;
  new.xp_multiplier := coalesce(new.xp_multiplier, 2);
  return new;
end;
$$;
comment on function learn_internal.fill_multiplier() is
  'Row trigger: a daily challenge pays as much as the highest level of its challenge.';

create or replace trigger fill_multiplier
  before insert on learn.daily_challenges
  for each row
  when (new.xp_multiplier is null)
  execute function learn_internal.fill_multiplier();

-- When a challenge of a day is deleted, alone or with its challenge: who has passed it does not pass
-- another one of that day for pay. Before it is gone, and its attempts with it.
create or replace function learn_internal.remember_days()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into learn_internal.recorded_subjects (user_id, activity_type, subject_type, subject_id)
  select a.user_id, 'daily_challenge_completed', 'date', old.date::text
  from learn.daily_challenge_attempts a
  where a.daily_challenge_id = old.id and a.passed
  order by a.user_id
  on conflict do nothing;
  return old;
end;
$$;
comment on function learn_internal.remember_days() is
  'Row trigger: who has passed a challenge of the day has passed the day.';

create or replace trigger remember_days
  before delete on learn.daily_challenges
  for each row execute function learn_internal.remember_days();

-- When the challenge of a day is moved to another day, or becomes another one: not when somebody has attempted it.
-- Errors: LX009.
create or replace function learn_internal.keep_attempted_days()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if exists (select from learn.daily_challenge_attempts a where a.daily_challenge_id = old.id) then
    raise exception 'the challenge of the day has been attempted'
      using errcode = 'LX009', detail = format('id = %s, date = %s', old.id, old.date),
        hint = 'Schedule another one for another day.';
  end if;
  return null;
end;
$$;
comment on function learn_internal.keep_attempted_days() is
  'Row trigger: a challenge of the day that was attempted stays the one of its day (LX009).';

create or replace trigger keep_attempted_days
  after update of date, challenge_id on learn.daily_challenges
  for each row when ((old.date, old.challenge_id) is distinct from (new.date, new.challenge_id))
  execute function learn_internal.keep_attempted_days();
