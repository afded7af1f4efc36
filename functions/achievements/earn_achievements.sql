-- Gives users the achievements whose thresholds they have crossed, where the whole rule is satisfied and
-- nobody has taken the achievement away from them. Earning one is a fact: announce_achievements().
create or replace function learn_internal.earn_achievements(p_won learn_internal.win[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into learn.user_achievements (user_id, achievement_id, earned_at, evidence)
  select w.user_id, w.achievement_id, w.at, w.evidence
  from unnest(p_won) w
  join learn.achievements a on a.id = w.achievement_id
  where (a.criteria ? 'metric' or learn_internal.satisfies_criteria(w.user_id, a.criteria))
    and not exists (
      select from learn.revoked_achievements r
      where r.user_id = w.user_id and r.achievement_id = w.achievement_id
      offset 0)
  order by w.user_id, a.display_order, w.achievement_id
  on conflict (user_id, achievement_id) do nothing;
end;
$$;
comment on function learn_internal.earn_achievements(learn_internal.win[]) is
  'Gives users the achievements whose thresholds they have crossed, where the whole rule is satisfied.';
