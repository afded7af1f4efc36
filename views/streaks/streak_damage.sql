-- Where active days, streaks and freezes are not what the facts say: the part of
-- check_integrity() about streaks.
create or replace view learn_internal.streak_damage (check_name, user_id, expected, actual) as
select 'active_days_follow_from_facts', w.user_id,
  case when bool_or(w.is_due) then format('%s freeze=%s flown over=%s', w.activity_date,
      bool_or(w.is_freeze) filter (where w.is_due), max(w.flown_over) filter (where w.is_due))
    else 'no ' || w.activity_date end,
  case when bool_and(w.is_due) then 'no ' || w.activity_date
    else format('%s freeze=%s flown over=%s', w.activity_date,
      bool_or(w.is_freeze) filter (where not w.is_due), max(w.flown_over) filter (where not w.is_due)) end
from (
  select r.user_id, r.activity_date, r.is_freeze, r.flown_over, true as is_due
  from learn_internal.activity_day_recounts r
  union all
  select d.user_id, d.activity_date, d.is_freeze, d.flown_over, false
  from learn.user_activity_days d
) w
group by w.user_id, w.activity_date
having count(*) = 1 or bool_and(w.is_freeze) <> bool_or(w.is_freeze) or min(w.flown_over) <> max(w.flown_over)
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
where h.due <> h.used
union all
-- first and last acts may be inner ones, where the zone has long been settled: see local_days
select 'local_days_follow_from_facts', w.user_id,
  format('%s of zone %s: active %s, within %s and %s', w.local_date, w.zone_number,
    bool_or(w.is_active) filter (where w.is_due), min(w.first_at) filter (where w.is_due),
    max(w.last_at) filter (where w.is_due)),
  format('active %s, within %s and %s', bool_or(w.is_active) filter (where not w.is_due),
    min(w.first_at) filter (where not w.is_due), max(w.last_at) filter (where not w.is_due))
from (
  select l.user_id, l.zone_number, l.local_date, l.first_at, l.last_at, true as is_due, exists (
    select from unnest(m.chain) c
    where c.zone_number = l.zone_number and c.activity_date = l.local_date) as is_active
  from learn_internal.moved_learners m
  join learn_internal.local_day_recounts l on l.user_id = m.user_id
  union all
  select d.user_id, d.zone_number, d.local_date, d.first_at, d.last_at, false, d.is_active
  from learn_internal.local_days d
) w
group by w.user_id, w.zone_number, w.local_date
having count(*) = 1 or bool_and(w.is_active) <> bool_or(w.is_active)
  or min(w.first_at) filter (where not w.is_due) < min(w.first_at) filter (where w.is_due)
  or max(w.last_at) filter (where not w.is_due) > max(w.last_at) filter (where w.is_due)
  or max(w.first_at) filter (where not w.is_due) > max(w.last_at) filter (where not w.is_due)
union all
select 'zones_of_days_are_noted', s.user_id,
  format('last zone %s, settled %s', coalesce(m.last_zone_number, 0), coalesce(m.settled_zone, 0)),
  format('last zone %s, settled %s', s.last_zone_number, s.settled_zone)
from learn.user_stats s
left join learn_internal.moved_learners m on m.user_id = s.user_id
where s.last_zone_number <> coalesce(m.last_zone_number, 0)
  or s.settled_zone <> coalesce(m.settled_zone, 0) and (m.user_id is null or s.settled_zone <> -1);
comment on view learn_internal.streak_damage is
  'Where active days, streaks and freezes are not what the facts say; no row when all is well.';
