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
revoke all on function learn_internal.fill_multiplier() from public;

create or replace trigger fill_multiplier
  before insert on learn.daily_challenges
  for each row
  when (new.xp_multiplier is null)
  execute function learn_internal.fill_multiplier();
comment on trigger fill_multiplier on learn.daily_challenges is 'Fills in what passing pays.';
