-- Learners who have learned in several zones, recounted from the log: their active days, and which zone the last one is of.
-- The last zone is settled when its days have come to follow each other, and no fact can be in doubt any more: see
-- settle_days(), which may not have noticed yet (-1).
create or replace view learn_internal.moved_learners as
select m.user_id, m.chain, (m.last_day).zone_number as last_zone_number,
  case when (m.last_day).zone_number = m.zones and exists (
      select from unnest(m.chain) c
      where c.zone_number = m.zones and c.activity_date < (m.last_day).activity_date)
      and not exists (
      select from unnest(m.days) d
      where d.zone_number < m.zones and d.local_date > (m.last_day).activity_date - 4)
    then m.zones else -1 end as settled_zone
from (
  select d.user_id, d.days, d.zones, c.chain, c.chain[cardinality(c.chain)] as last_day
  from (
    select r.user_id, max(r.zone_number) as zones, array_agg(
      (r.user_id, r.zone_number, r.local_date, r.first_at, r.last_at, false)::learn_internal.local_days) as days
    from learn_internal.local_day_recounts r
    group by r.user_id
    having max(r.zone_number) > 0
  ) d
  cross join lateral (
    select array_agg((h.activity_date, h.zone_number, h.flown_over)::learn_internal.chained_day
      order by h.activity_date) as chain
    from learn_internal.chain_days(d.days) h
  ) c
) m;
comment on view learn_internal.moved_learners is
  'Learners who have learned in several zones: their active days recounted, and whether the last zone is settled.';
