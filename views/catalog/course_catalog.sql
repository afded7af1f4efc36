-- The published courses for browsing, each with what leads to it and how it is received.
-- Titles are the base texts: translate with learn.localized().
create or replace view learn.course_catalog with (security_barrier) as
select c.id, c.slug, c.track_id, t.slug as track, c.title, c.description, c.category, c.language,
  c.difficulty, c.estimated_hours, c.icon_url, c.color, c.position, c.completion_xp,
  c.translations, c.is_featured,
  c.total_lessons as lesson_count, c.total_levels as level_count,
  (
    select coalesce(jsonb_agg(jsonb_build_object(
        'course_id', r.id, 'slug', r.slug, 'title', r.title, 'is_required', e.is_required)
      order by e.is_required desc, r.position, r.id), '[]')
    from learn.course_prerequisites e
    join learn.courses r on r.id = e.prerequisite_course_id and r.is_published
    where e.course_id = c.id
  ) as prerequisites,
  (select count(*) from learn.user_course_progress p where p.course_id = c.id) as enrollment_count,
  a.average_rating, a.rating_count
from learn.courses c
left join learn.tracks t on t.id = c.track_id
cross join lateral (
  select round(avg(r.rating), 2) as average_rating, count(*) as rating_count
  from learn.course_ratings r
  where r.course_id = c.id
) a
where c.is_published;
comment on view learn.course_catalog is
  'Published courses with prerequisites, lesson counts, enrolments and ratings.';
comment on column learn.course_catalog.prerequisites is
  '[{"course_id": 1, "slug": "…", "title": "…", "is_required": true}, …]: published ones, '
  'required ones first.';
comment on column learn.course_catalog.average_rating is '1 to 5; null while there is none.';
grant select on learn.course_catalog to learn_editor, learn_app, learn_user, learn_readonly;
