-- Where active days, streaks and freezes are not what the facts say: the part of
-- check_integrity() about streaks.
create or replace view learn_internal.streak_damage (check_name, user_id, expected, actual) as
select 'active_days_follow_from_facts', coalesce(r.user_id, d.user_id),
  case when r.user_id is null then 'no ' || d.activity_date
    else format('%s freeze=%s flown over=%s', r.activity_date, r.is_freeze, r.flown_over) end,
  case when d.user_id is null then 'no ' || r.activity_date
    else format('%s freeze=%s flown over=%s', d.activity_date, d.is_freeze, d.flown_over) end
from learn_internal.activity_day_recounts r
full join learn.user_activity_days d
  on r.user_id = d.user_id and r.activity_date = d.activity_date
where (r.is_freeze, r.flown_over) is distinct from (d.is_freeze, d.flown_over)
union all
select 'streak_follows_from_days', s.user_id,
  format('current %s, longest %s, days %s, last %s',
    coalesce(r.current_streak, 0), coalesce(r.longest_streak, 0),
    coalesce(r.active_days, 0), r.last_activity_date),
  format('current %s, longest %s, days %s, last %s',
    s.current_streak, s.longest_streak, s.active_days, s.last_activity_date)
from learn.user_stats s
left join learn_internal.streak_states r on r.user_id = s.user_id
where (s.current_streak, s.longest_streak, s.active_days)
  <> (coalesce(r.current_streak, 0), coalesce(r.longest_streak, 0), coalesce(r.active_days, 0))
  or s.last_activity_date is distinct from r.last_activity_date
union all
select 'freezes_held_are_counted', s.user_id, coalesce(z.held, 0)::text, s.streak_freezes::text
from learn.user_stats s
left join (
  select f.user_id, count(*) as held from learn.streak_freezes f
  where f.used_on is null group by f.user_id
) z on z.user_id = s.user_id
where s.streak_freezes <> coalesce(z.held, 0)
union all
select 'freezes_cover_what_follows_from_days', h.user_id,
  'days ' || array(select u from unnest(h.due) u order by u)::text,
  'days ' || h.used::text
from (
  select f.user_id, (learn_internal.walk_streak(f.user_id, null)).used_on as due,
    coalesce(array_agg(f.used_on order by f.used_on) filter (where f.used_on is not null), '{}') as used
  from learn.streak_freezes f
  group by f.user_id
) h
where h.due <> h.used;
comment on view learn_internal.streak_damage is
  'Where active days, streaks and freezes are not what the facts say; no row when all is well.';
