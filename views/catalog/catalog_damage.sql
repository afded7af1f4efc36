-- Where content is not counted as it is, or not available as it is published: the part of
-- check_integrity() about the catalog. Content is nobody's: no user is named.
create or replace view learn_internal.catalog_damage (check_name, user_id, expected, actual) as
select 'course_sizes_follow_from_lessons', null::uuid,
  format('course %s: %s lessons, %s levels, weight %s', c.id,
    coalesce(z.total_lessons, 0), coalesce(z.total_levels, 0), coalesce(z.total_weight, 0)),
  format('course %s: %s lessons, %s levels, weight %s', c.id,
    c.total_lessons, c.total_levels, c.total_weight)
from learn.courses c
left join learn_internal.course_sizes z on z.course_id = c.id
where (c.total_lessons, c.total_levels, c.total_weight)
  <> (coalesce(z.total_lessons, 0), coalesce(z.total_levels, 0), coalesce(z.total_weight, 0))
union all
select 'track_sizes_follow_from_items', null,
  format('track %s: %s items', t.id, coalesce(z.total_items, 0)),
  format('track %s: %s items', t.id, t.total_items)
from learn.tracks t
left join learn_internal.track_sizes z on z.track_id = t.id
where t.total_items <> coalesce(z.total_items, 0)
union all
select 'lessons_are_available_when_all_is_published', null,
  format('lesson %s: %s', l.id, not l.is_available), format('lesson %s: %s', l.id, l.is_available)
from learn.lessons l
left join learn.course_levels v on v.id = l.course_level_id
left join learn.courses c on c.id = l.course_id
where l.is_available
  <> (l.is_published and coalesce(v.is_published, true) and coalesce(c.is_published, true));
comment on view learn_internal.catalog_damage is
  'Where content is not counted as it is, or not available as it is published; '
  'no row when all is well.';
