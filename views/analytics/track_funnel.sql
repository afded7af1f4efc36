-- How far the learners of each track have come: a column has those who have come at least so far.
-- Content that changes moves them, except those who have completed it.
-- Nobody enrols in a track: it is started with its first item.
create or replace view learn.track_funnel as
select c.id as track_id, c.slug, c.title, c.is_published,
  coalesce(sum(s.value), 0)::bigint as started,
  coalesce(sum(s.value) filter (where s.stage >= 2), 0)::bigint as reached_25,
  coalesce(sum(s.value) filter (where s.stage >= 3), 0)::bigint as reached_50,
  coalesce(sum(s.value) filter (where s.stage >= 4), 0)::bigint as reached_75,
  coalesce(sum(s.value) filter (where s.stage = 5), 0)::bigint as completed
from learn.tracks c
left join (
  -- case, because a condition on the columns may be tried on items of other measures first
  select case when t.measure = 'track_stages' then split_part(t.item, ':', 1)::bigint end as track_id,
    case when t.measure = 'track_stages' then split_part(t.item, ':', 2)::integer end as stage,
    t.value
  from learn_internal.tally_totals t
  where t.measure = 'track_stages'
) s on s.track_id = c.id and s.stage >= 1
group by c.id;
comment on view learn.track_funnel is
  'Per track: learners who have started, done at least 25, 50 and 75 percent, '
  'and completed it.';
grant select on learn.track_funnel to learn_app, learn_readonly;
