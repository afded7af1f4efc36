-- Catalog, practice and progress

set role learn_owner;

-- functions/catalog/localized.sql

-- A text in a reader's language: localized(c.translations, u.locale, 'title', c.title).
-- Falls back from fil-PH to fil, and from there to the base text; an empty translation is none.
create or replace function learn.localized(
  p_translations jsonb, p_locale text, p_field text, p_base text
)
returns text
language plpgsql                  -- keeps its plan, where an SQL function would be parsed
                                  -- in every statement
immutable
parallel safe
set search_path = pg_catalog, pg_temp
set jit = off
as $$
begin
  if p_translations is null or p_translations = '{}' then
    return p_base;
  end if;
  return coalesce(
    nullif(p_translations -> p_locale ->> p_field, ''),
    nullif(p_translations -> translate(p_locale, '_', '-') ->> p_field, ''),
    nullif(p_translations -> lower(split_part(translate(p_locale, '_', '-'), '-', 1) collate "C") ->> p_field, ''),
    p_base);
end;
$$;
comment on function learn.localized(jsonb, text, text, text) is
  'A field of translations ({"fil": {"title": "…"}}) in a locale such as fil or fil-PH; '
  'the base text where there is no translation.';
grant execute on function learn.localized(jsonb, text, text, text) to learn_editor, learn_app, learn_user, learn_readonly;

-- views/catalog/course_catalog.sql

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

-- views/catalog/course_lessons.sql

-- What a course is made of: its published lessons, in published levels where they belong to one.
-- Counted whether the course itself is published or not, as with tracks.
create or replace view learn_internal.course_lessons as
select l.course_id, l.course_level_id, l.id as lesson_id, coalesce(d.xp_multiplier, 1) as weight
from learn.lessons l
left join learn.course_levels v on v.id = l.course_level_id
left join learn.difficulties d on d.key = l.difficulty
where l.course_id is not null and l.is_published and (l.course_level_id is null or v.is_published);
comment on view learn_internal.course_lessons is
  'The published lessons of each course, with their XP multipliers.';

-- views/catalog/course_requirements.sql

-- What enrolment in courses waits for: required prerequisites. One that nobody can complete
-- keeps nobody out.
create or replace view learn_internal.course_requirements as
select e.course_id, e.prerequisite_course_id, r.slug
from learn.course_prerequisites e
join learn.courses r on r.id = e.prerequisite_course_id
where e.is_required and r.is_published and r.total_lessons > 0;
comment on view learn_internal.course_requirements is
  'Required prerequisites of courses, of those that can be completed.';

-- views/catalog/course_sizes.sql

-- How much each course consists of; no row for a course without published lessons.
create or replace view learn_internal.course_sizes as
select c.course_id, count(*)::integer as total_lessons,
  count(distinct c.course_level_id)::integer as total_levels, sum(c.weight) as total_weight
from learn_internal.course_lessons c
group by c.course_id;
comment on view learn_internal.course_sizes is
  'Published lessons, levels with such lessons, and sum of XP multipliers, per course.';

-- functions/catalog/count_courses.sql

-- After a change of lessons or levels: what courses consist of is counted again.
create or replace function learn_internal.count_courses(p_course_ids bigint[])
returns void
language sql
volatile
set search_path = pg_catalog, pg_temp
as $$
  update learn.courses c
  set total_lessons = n.total_lessons, total_levels = n.total_levels,
    total_weight = n.total_weight
  from (
    select i.id, coalesce(s.total_lessons, 0) as total_lessons,
      coalesce(s.total_levels, 0) as total_levels, coalesce(s.total_weight, 0) as total_weight
    from unnest(p_course_ids) i(id)
    left join learn_internal.course_sizes s on s.course_id = i.id
  ) n
  where c.id = n.id and (c.total_lessons, c.total_levels, c.total_weight)
    <> (n.total_lessons, n.total_levels, n.total_weight);
$$;
comment on function learn_internal.count_courses(bigint[]) is
  'Counts the published lessons and levels of courses again.';

-- functions/catalog/require_course.sql

-- Refuses a course that does not exist or is not published; none (null) may be fine, as for a discussion about no course.
-- Errors: LX003, LX004.
create or replace function learn_internal.require_course(p_course_id bigint, p_may_be_none boolean default false)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_is_published boolean;
begin
  if p_course_id is null and p_may_be_none then
    return;
  end if;
  select c.is_published into v_is_published from learn.courses c where c.id = p_course_id;
  if not found then
    raise exception 'unknown course'
      using errcode = 'LX003',
        detail = format('course_id = %s', coalesce(p_course_id::text, 'null')),
        hint = 'Look the course up in learn.courses.';
  end if;
  if not v_is_published then
    raise exception 'the course is not published'
      using errcode = 'LX004', detail = format('course_id = %s', p_course_id),
        hint = 'Publish it: learn.courses.is_published.';
  end if;
end;
$$;
comment on function learn_internal.require_course(bigint, boolean) is
  'Refuses an unknown (LX003) or unpublished (LX004) course.';

-- functions/catalog/rate_course.sql

-- Rates a course, 1 to 5, with a review if there is one. Rating again replaces the earlier rating.
-- Errors: LX001 rating out of range, blank or overlong review; LX002; LX003 unknown course;
-- LX004 not published or user inactive; LX010 the user is not enrolled; LX013.
create or replace function learn.rate_course(
  p_user_id         uuid,
  p_course_id       bigint,
  p_rating          integer,
  p_review          text default null,
  p_occurred_at     timestamptz default null,
  p_idempotency_key text default null
)
returns learn.award_summary
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_call learn_internal.call := learn_internal.begin_call(
    'rate_course', p_user_id,
    jsonb_build_object('course_id', p_course_id, 'rating', p_rating, 'review', p_review),
    p_occurred_at, p_idempotency_key);
begin
  if (v_call.replay).replayed then
    return v_call.replay;
  end if;
  p_review := learn_internal.require_text('p_review', p_review, 10000);
  perform learn_internal.require_course(p_course_id);
  if p_rating is null or p_rating not between 1 and 5
    or p_review !~ E'\\S'
  then
    raise exception 'the rating makes no sense'
      using errcode = 'LX001',
        detail = format('p_rating = %s, p_review = %L',
          coalesce(p_rating::text, 'null'), left(p_review, 80)),
        hint = 'A rating is a number from 1 to 5; a review has 1 to 10000 characters or is null.';
  end if;
  if not exists (
    select from learn.user_course_progress p
    where p.user_id = p_user_id and p.course_id = p_course_id)
  then
    raise exception 'the user is not enrolled in the course'
      using errcode = 'LX010',
        detail = format('p_user_id = %s, p_course_id = %s', p_user_id, p_course_id),
        hint = 'Enrol first: learn.enroll_in_course().';
  end if;

  insert into learn.course_ratings as r (user_id, course_id, rating, review, created_at, updated_at)
  values (p_user_id, p_course_id, p_rating, p_review, v_call.occurred_at, v_call.occurred_at)
  on conflict (user_id, course_id) do update
    set rating = excluded.rating, review = excluded.review, updated_at = excluded.updated_at;

  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.rate_course(uuid, bigint, integer, text, timestamptz, text) is
  'Rates a course in which the user is enrolled, 1 to 5; again, it replaces the rating.';
grant execute on function learn.rate_course(uuid, bigint, integer, text, timestamptz, text)
  to learn_app, learn_user;

-- functions/progress/enroll_in_course.sql

-- Enrols a user in a course and unlocks its first level. Enrolling again changes nothing.
-- Errors: LX001, LX002, LX003 unknown course, LX004 not published or user inactive,
-- LX006 required prerequisites are not completed, LX013.
create or replace function learn.enroll_in_course(
  p_user_id         uuid,
  p_course_id       bigint,
  p_occurred_at     timestamptz default null,
  p_idempotency_key text default null
)
returns learn.award_summary
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_call learn_internal.call := learn_internal.begin_call(
    'enroll_in_course', p_user_id, jsonb_build_object('course_id', p_course_id),
    p_occurred_at, p_idempotency_key);
begin
  if (v_call.replay).replayed then
    return v_call.replay;
  end if;
  perform learn_internal.require_course(p_course_id);

  insert into learn.user_course_progress (user_id, course_id, enrolled_at)
  values (p_user_id, p_course_id, v_call.occurred_at)
  on conflict (user_id, course_id) do nothing;

  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.enroll_in_course(uuid, bigint, timestamptz, text) is
  'Enrols a user in a course whose required prerequisites are completed, and unlocks '
  'its first level.';
grant execute on function learn.enroll_in_course(uuid, bigint, timestamptz, text) to learn_app, learn_user;

-- functions/catalog/refresh_parents.sql

-- Content that belongs to other content: when rows come, go or move, what they belong to is
-- recounted, in the old place and in the new one.
-- Arguments of the trigger: the function that recounts, and the column of what it recounts.
create or replace function learn_internal.refresh_parents()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  execute format(
    $query$
      select learn_internal.%1$I(array_agg(distinct r.%2$I))
      from (%3$s) r
      where r.%2$I is not null
      having count(*) > 0
    $query$, tg_argv[0], tg_argv[1],
    case tg_op
      when 'INSERT' then 'table new_rows'
      when 'DELETE' then 'table old_rows'
      else 'table new_rows union all table old_rows'
    end);
  return null;
end;
$$;
comment on function learn_internal.refresh_parents() is
  'Statement trigger of content: recounts what the rows belong to. Arguments: the function that '
  'recounts, and the column of what it recounts.';

-- functions/catalog/refuse_cycle.sql

-- Edge tables of prerequisites: an edge that closes a cycle is refused, with the cycle in DETAIL.
-- Arguments of the trigger: the column of the dependent and the column of its prerequisite.
-- Two edges written at the same time, each harmless alone, have waited for each other before: prerequisites
-- are content (change_content()).
-- Errors: LX012.
create or replace function learn_internal.refuse_cycle()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_cycle text;
begin
  execute format(
    $query$
      with recursive walk(start, node, path) as (
        select n.%1$I, n.%2$I, array[n.%1$I, n.%2$I] from new_edges n
        union all
        select w.start, e.%2$I, w.path || e.%2$I
        from walk w
        join %3$s e on e.%1$I = w.node
        where w.node <> w.start and not e.%2$I = any (w.path[2:])
      )
      select array_to_string(w.path, ' → ') from walk w where w.node = w.start limit 1
    $query$, tg_argv[0], tg_argv[1], tg_relid::regclass)
  into v_cycle;
  if v_cycle is not null then
    raise exception 'prerequisites would form a cycle'
      using errcode = 'LX012', detail = v_cycle, hint = 'Remove one of these prerequisites first.';
  end if;
  return null;
end;
$$;
comment on function learn_internal.refuse_cycle() is
  'Statement trigger of prerequisite tables: refuses cycles (LX012). Arguments: '
  'dependent and prerequisite column.';

-- views/catalog/level_order.sql

-- The published levels of courses, each with the one that has to be completed before it: the nearest
-- earlier one that has something to complete. A level without lessons keeps nobody from the next.
create or replace view learn_internal.level_order as
select l.course_id, l.id as course_level_id, l.position, (
    select e.id
    from learn.course_levels e
    where e.course_id = l.course_id and e.is_published and (e.position, e.id) < (l.position, l.id)
      and exists (select from learn.lessons s where s.course_level_id = e.id and s.is_published)
    order by e.position desc, e.id desc
    limit 1
  ) as previous_level_id
from learn.course_levels l
where l.is_published;
comment on view learn_internal.level_order is
  'Published levels of courses, each with the level that unlocks it; null: the first.';

-- functions/progress/require_unlocked.sql

-- Refuses lessons (parallel arrays) in levels that their users have not unlocked. The first level
-- of a course is open: enrolling, or completing a lesson of it, unlocks it.
-- Errors: LX005.
create or replace function learn_internal.require_unlocked(
  p_user_ids uuid[], p_lesson_ids bigint[]
)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_locked record;
begin
  select c.user_id, l.id as lesson_id, v.slug as level, k.slug as course, b.slug as before
  into v_locked
  from unnest(p_user_ids, p_lesson_ids) c(user_id, lesson_id)
  join learn.lessons l on l.id = c.lesson_id
  join learn.course_levels v on v.id = l.course_level_id
  join learn.courses k on k.id = v.course_id
  join learn_internal.level_order o on o.course_level_id = v.id
  left join learn.course_levels b on b.id = o.previous_level_id
  where b.id is not null and not exists (
    select from learn.user_level_unlocks u
    where u.user_id = c.user_id and u.course_level_id = v.id)
  limit 1;
  if found then
    raise exception 'the level of the lesson is locked'
      using errcode = 'LX005',
        detail = format('user_id = %s, lesson_id = %s, level %s of course %s',
          v_locked.user_id, v_locked.lesson_id, v_locked.level, v_locked.course),
        hint = format('Complete the level before it first: %s.', v_locked.before);
  end if;
end;
$$;
comment on function learn_internal.require_unlocked(uuid[], bigint[]) is
  'Refuses lessons in levels that their users have not unlocked (LX005).';

-- functions/catalog/require_lesson.sql

-- Refuses a lesson that does not exist, is not available, or is locked for the user.
-- Errors: LX003, LX004, LX005.
create or replace function learn_internal.require_lesson(p_user_id uuid, p_lesson_id bigint)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_is_available boolean;
  v_level_id     bigint;
begin
  select l.is_available, l.course_level_id into v_is_available, v_level_id
  from learn.lessons l
  where l.id = p_lesson_id;
  if not found then
    raise exception 'unknown lesson'
      using errcode = 'LX003',
        detail = format('p_lesson_id = %s', coalesce(p_lesson_id::text, 'null')),
        hint = 'Look the lesson up in learn.lessons.';
  end if;
  if not v_is_available then
    raise exception 'the lesson is not published'
      using errcode = 'LX004', detail = format('p_lesson_id = %s', p_lesson_id),
        hint = 'Publish it, and its level and course: is_published.';
  end if;
  if v_level_id is not null then
    if not exists (
      select from learn.user_lesson_progress p
      where p.user_id = p_user_id and p.lesson_id = p_lesson_id and p.completed_at is not null)
    then
      perform learn_internal.require_unlocked(array[p_user_id], array[p_lesson_id]);
    end if;
  end if;
end;
$$;
comment on function learn_internal.require_lesson(uuid, bigint) is
  'Refuses an unknown (LX003), unpublished (LX004) or locked (LX005) lesson.';

-- views/catalog/track_items.sql

-- What a track is made of, whatever kind of item: the one definition. Only what can be completed
-- counts: available lessons, published courses and active challenges with something in them. A track counts whether
-- published or not (an unpublished one keeps its learners' numbers right for the day it comes back).
create or replace view learn_internal.track_items as
select tl.track_id, 'lesson' as item_type, tl.lesson_id as item_id
from learn.track_lessons tl
join learn.lessons l on l.id = tl.lesson_id
where l.is_available
union all
select c.track_id, 'course', c.id
from learn.courses c
where c.track_id is not null and c.is_published and c.total_lessons > 0
union all
select c.track_id, 'challenge', c.id
from learn.challenges c
where c.track_id is not null and c.is_active and exists (
  select from learn.challenge_levels l where l.challenge_id = c.id);
comment on view learn_internal.track_items is
  'The published items of each track: what there is to complete.';

-- triggers/catalog/course_levels.sql

-- What happens when rows of learn.course_levels are written, in the order in which triggers fire.

-- When levels of courses are added, published, unpublished, moved or deleted: this blocks learners.
create or replace trigger course_levels_change
  before insert or update of is_published, position, course_id or delete on learn.course_levels
  for each statement
  execute function learn_internal.change_content();

-- When levels of courses change: the lessons of one that is published or unpublished come and go
-- with it, and progress follows, in both courses where a level moves from one to another.
create or replace function learn_internal.course_levels_updated()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_level_ids bigint[];
begin
  select array_agg(n.id) into v_level_ids
  from new_rows n
  join old_rows o on o.id = n.id
  where n.is_published <> o.is_published;
  if v_level_ids is not null then
    -- place_lessons() says what is available now
    update learn.lessons l set is_available = l.is_published
    where l.course_level_id = any (v_level_ids);
  end if;

  perform learn_internal.refresh_courses(array_agg(distinct c.course_id))
  from new_rows n
  join old_rows o on o.id = n.id
  cross join lateral (values (n.course_id), (o.course_id)) c(course_id)
  where n.is_published <> o.is_published or n.position <> o.position or n.course_id <> o.course_id
  having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.course_levels_updated() is
  'Statement trigger: recounts courses whose levels changed.';

create or replace trigger course_levels_updated
  after update on learn.course_levels
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.course_levels_updated();

create or replace trigger course_levels_touch
  before update on learn.course_levels
  for each row
  when (old.* is distinct from new.*)
  execute function learn_internal.touch_updated_at();

-- When levels of courses are deleted: progress follows, and the level behind may be due.
create or replace trigger course_levels_deleted
  after delete on learn.course_levels
  referencing old table as old_rows
  for each statement
  execute function learn_internal.refresh_parents('refresh_courses', 'course_id');

-- When courses get levels: those that are due are unlocked.
create or replace trigger course_levels_inserted
  after insert on learn.course_levels
  referencing new table as new_rows
  for each statement
  execute function learn_internal.refresh_parents('refresh_courses', 'course_id');

-- views/practice/solved_lessons.sql

-- Lessons of which a user has solved every published exercise, at least one:
-- those complete by themselves. Not in a level that is locked for the user, nor in a course whose
-- prerequisites keep the user out: enrolling and unlocking complete these.
create or replace view learn_internal.solved_lessons as
select x.user_id, e.lesson_id, max(x.solved_at) as solved_at
from learn.user_exercise_progress x
join learn.exercises e on e.id = x.exercise_id and e.is_published
join learn.lessons l on l.id = e.lesson_id and l.is_available
where x.solved_at is not null
  and (l.course_level_id is null
    or exists (
      select from learn.user_level_unlocks u
      where u.user_id = x.user_id and u.course_level_id = l.course_level_id)
    or exists (
      select from learn_internal.level_order o
      where o.course_level_id = l.course_level_id and o.previous_level_id is null))
  and (l.course_id is null
    or exists (
      select from learn.user_course_progress p
      where p.user_id = x.user_id and p.course_id = l.course_id)
    or not exists (
      select from learn_internal.course_requirements r
      where r.course_id = l.course_id and not exists (
        select from learn.user_course_progress p
        where p.user_id = x.user_id and p.course_id = r.prerequisite_course_id
          and p.completed_at is not null)))
group by x.user_id, e.lesson_id
having count(*) = (
  select count(*) from learn.exercises a
  where a.lesson_id = e.lesson_id and a.is_published);
comment on view learn_internal.solved_lessons is
  'Available lessons of which a user has solved every published exercise.';

-- functions/practice/complete_solved_lesson.sql

-- Completes a lesson for a user who has solved all its exercises, the last one at p_at, as solved_lessons says. Returns
-- whether it has: not when the lesson is not open to the user, or it was completed before.
-- The caller has locked the user.
create or replace function learn_internal.complete_solved_lesson(
  p_user_id uuid, p_lesson_id bigint, p_at timestamptz
)
returns boolean
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_lesson record;
begin
  select l.is_available, l.course_id, p.user_id, p.completed_at into v_lesson
  from learn.lessons l
  left join learn.user_lesson_progress p on p.user_id = p_user_id and p.lesson_id = l.id
  where l.id = p_lesson_id;
  if not v_lesson.is_available or v_lesson.completed_at is not null then
    return false;
  end if;
  if v_lesson.course_id is not null then
    if not exists (
      select from learn_internal.solved_lessons v
      where v.user_id = p_user_id and v.lesson_id = p_lesson_id)
    then
      return false;
    end if;
  end if;

  if v_lesson.user_id is null then
    insert into learn.user_lesson_progress (user_id, lesson_id, status, completed_at)
    values (p_user_id, p_lesson_id, 'completed', p_at)
    on conflict do nothing;
  else
    update learn.user_lesson_progress p
    set status = 'completed', completed_at = p_at
    where p.user_id = p_user_id and p.lesson_id = p_lesson_id;
  end if;
  return true;
end;
$$;
comment on function learn_internal.complete_solved_lesson(uuid, bigint, timestamptz) is
  'Completes a lesson for a user who has solved all its exercises; whether it has.';

-- functions/practice/complete_solved_lessons.sql

-- Completes the lessons among the given ones (parallel arrays) of which the user
-- has solved every exercise.
create or replace function learn_internal.complete_solved_lessons(
  p_user_ids uuid[], p_lesson_ids bigint[]
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into learn.user_lesson_progress as p (user_id, lesson_id, status, completed_at)
  select c.user_id, c.lesson_id, 'completed', s.solved_at
  from (
    select distinct d.user_id, d.lesson_id
    from unnest(p_user_ids, p_lesson_ids) d(user_id, lesson_id)
  ) c
  cross join lateral (
    select v.solved_at from learn_internal.solved_lessons v
    where v.user_id = c.user_id and v.lesson_id = c.lesson_id
    offset 0
  ) s
  order by c.user_id, s.solved_at, c.lesson_id
  on conflict (user_id, lesson_id) do update
    set status = 'completed', completed_at = excluded.completed_at
    where p.completed_at is null;
end;
$$;
comment on function learn_internal.complete_solved_lessons(uuid[], bigint[]) is
  'Completes those of the given lessons whose exercises the user has all solved.';

-- functions/progress/unlock_levels.sql

-- Unlocks the levels that are due for users in courses, completes those whose lessons are completed
-- already, and goes on with the ones after them until nothing is new: as often as a course has such
-- levels in a row, each time for all users at once.
create or replace function learn_internal.unlock_levels(p_user_ids uuid[], p_course_ids bigint[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set enable_hashjoin = on   -- joins sets with sets
set jit = off
as $$
declare
  v_user_ids   uuid[];
  v_lesson_ids bigint[];
  v_facts      learn_internal.fact[];
begin
  loop
    -- As due_level_unlocks says, by key whatever the size of the statement: the order of levels
    -- is looked up once per course, and unlocks once per user and level.
    with levels as materialized (
      select * from learn_internal.level_order o where o.course_id = any (p_course_ids)
    ), unlocked as (
      insert into learn.user_level_unlocks (user_id, course_level_id, unlocked_at)
      select p.user_id, o.course_level_id, greatest(p.enrolled_at, b.completed_at)
      from learn.user_course_progress p
      join levels o on o.course_id = p.course_id
      left join lateral (
        select u.completed_at from learn.user_level_unlocks u
        where u.user_id = p.user_id and u.course_level_id = o.previous_level_id
        limit 1
      ) b on true
      left join lateral (
        select u.user_id from learn.user_level_unlocks u
        where u.user_id = p.user_id and u.course_level_id = o.course_level_id
        limit 1
      ) a on true
      where p.user_id = any (p_user_ids) and p.course_id = any (p_course_ids)
        and (o.previous_level_id is null or b.completed_at is not null) and a.user_id is null
      order by p.user_id, o.course_id, o.position, o.course_level_id
      on conflict do nothing
      returning user_id, course_level_id
    )
    select array_agg(u.user_id), array_agg(l.id) into v_user_ids, v_lesson_ids
    from unlocked u
    join learn.lessons l on l.course_level_id = u.course_level_id and l.is_available
    where exists (
      select from learn.exercises e
      join learn.user_exercise_progress x
        on x.user_id = u.user_id and x.exercise_id = e.id and x.solved_at is not null
      where e.lesson_id = l.id and e.is_published)
      and not exists (
        select from learn.user_lesson_progress p
        where p.user_id = u.user_id and p.lesson_id = l.id and p.completed_at is not null);
    -- Their exercises may have been solved before, in another level or before there was one.
    if v_user_ids is not null then
      perform learn_internal.complete_solved_lessons(v_user_ids, v_lesson_ids);
    end if;

    with due as (
      select u.user_id, u.course_level_id, r.completed_at
      from learn.user_level_unlocks u
      join learn.course_levels v on v.id = u.course_level_id and v.course_id = any (p_course_ids)
      -- a level that was moved may be in a course in which its learner is not enrolled
      join learn.user_course_progress p on p.user_id = u.user_id and p.course_id = v.course_id
      cross join lateral (
        select x.completed_at from learn_internal.level_recounts x
        where x.user_id = u.user_id and x.course_level_id = u.course_level_id
        limit 1
      ) r
      where u.user_id = any (p_user_ids) and u.completed_at is null
    ), completed as (
      update learn.user_level_unlocks u
      set completed_at = d.completed_at
      from due d
      where u.user_id = d.user_id and u.course_level_id = d.course_level_id
      returning u.user_id, u.course_level_id, u.completed_at
    )
    select array_agg(
      (c.user_id, 'level_completed', 'course_level', c.course_level_id::text,
        jsonb_build_object('slug', v.slug, 'course', k.slug), null,
        c.completed_at)::learn_internal.fact
      order by c.user_id, c.completed_at, v.position, v.id)
    into v_facts
    from completed c
    join learn.course_levels v on v.id = c.course_level_id
    join learn.courses k on k.id = v.course_id;
    exit when v_facts is null;
    perform learn_internal.write_facts(v_facts);
  end loop;
end;
$$;
comment on function learn_internal.unlock_levels(uuid[], bigint[]) is
  'Unlocks levels that are due for users in courses, and completes those that are complete.';

-- views/progress/filled_tracks.sql

-- Published tracks with something in them: those that count in paths and difficulties.
create or replace view learn_internal.filled_tracks as
select t.id as track_id, t.difficulty
from learn.tracks t
where t.is_published and t.total_items > 0;
comment on view learn_internal.filled_tracks is 'Published tracks with something in them.';

-- views/progress/path_sizes.sql

-- How many published tracks with something in them each learning path has;
-- no row for a path without any.
create or replace view learn_internal.path_sizes as
select pt.path_id, count(*)::integer as total_tracks
from learn.learning_path_tracks pt
join learn_internal.filled_tracks t on t.track_id = pt.track_id
group by pt.path_id;
comment on view learn_internal.path_sizes is 'Number of published tracks per learning path.';

-- views/progress/track_sizes.sql

-- How many published items each track has; no row for a track without any.
create or replace view learn_internal.track_sizes as
select i.track_id, count(*)::integer as total_items
from learn_internal.track_items i
group by i.track_id;
comment on view learn_internal.track_sizes is 'Number of published items per track.';

-- functions/progress/refresh_courses.sql

-- After a change of content: what courses consist of is counted anew, and so is the progress
-- of everybody who is enrolled. Percentages are live, unlocks and completions sticky.
create or replace function learn_internal.refresh_courses(p_course_ids bigint[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_ids uuid[];
begin
  perform learn_internal.count_courses(p_course_ids);

  select array_agg(l.user_id) into v_user_ids
  from (
    select s.user_id
    from learn.user_stats s
    where s.user_id in (
      select p.user_id from learn.user_course_progress p where p.course_id = any (p_course_ids))
    order by s.user_id
    for no key update
  ) l;
  if v_user_ids is not null then
    perform learn_internal.settle_courses(v_user_ids, p_course_ids);
  end if;
end;
$$;
comment on function learn_internal.refresh_courses(bigint[]) is
  'Recounts courses, and the progress of everybody enrolled in them, after a change of content.';

-- functions/progress/refresh_difficulties.sql

-- Notes the difficulties that users have completed by now. Returns the facts to write.
create or replace function learn_internal.refresh_difficulties(
  p_user_ids uuid[], p_difficulties text[]
)
returns setof learn_internal.fact
language plpgsql                  -- keeps its plan, where an SQL function would be parsed
                                  -- in every statement
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_difficulties is null then
    return;
  end if;
  return query
  with saved as (
    insert into learn.user_difficulty_progress (user_id, difficulty, completed_at)
    select r.user_id, r.difficulty, r.last_completed_at
    from learn_internal.difficulty_recounts r
    where r.user_id = any (p_user_ids) and r.difficulty = any (p_difficulties)
    order by r.user_id, r.difficulty
    on conflict do nothing
    returning user_id, difficulty, completed_at
  )
  select s.user_id, 'difficulty_completed', 'difficulty', s.difficulty,
    jsonb_build_object('difficulty', s.difficulty), null::integer, s.completed_at
  from saved s
  order by s.user_id, s.completed_at, s.difficulty;
end;
$$;
comment on function learn_internal.refresh_difficulties(uuid[], text[]) is
  'Notes the difficulties that users have completed by now; returns the facts to write.';

-- functions/progress/refresh_paths.sql

-- Recounts learning paths for users. Returns the facts to write: the paths that this completes.
create or replace function learn_internal.refresh_paths(p_user_ids uuid[], p_path_ids bigint[])
returns setof learn_internal.fact
language plpgsql                  -- keeps its plan, where an SQL function would be parsed
                                  -- in every statement
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_path_ids is null then
    return;
  end if;
  return query
  with recounted as (
    select u.user_id, s.path_id, coalesce(r.tracks_completed, 0) as tracks_completed,
      s.total_tracks, s.is_published, r.last_completed_at
    from (select distinct d.user_id from unnest(p_user_ids) d(user_id)) u
    cross join (
      select p.id as path_id, coalesce(z.total_tracks, 0) as total_tracks, p.is_published
      from learn.learning_paths p
      left join learn_internal.path_sizes z on z.path_id = p.id
      where p.id = any (p_path_ids)
    ) s
    left join (  -- filtered where it is grouped: a join would group everybody's
      select * from learn_internal.path_recounts x
      where x.user_id = any (p_user_ids) and x.path_id = any (p_path_ids)
    ) r on r.user_id = u.user_id and r.path_id = s.path_id
    where r.user_id is not null or exists (
      select from learn.user_path_progress e where e.user_id = u.user_id and e.path_id = s.path_id)
  ), earlier as (
    select e.user_id, e.path_id
    from learn.user_path_progress e
    join recounted r on r.user_id = e.user_id and r.path_id = e.path_id
    where e.completed_at is not null
  ), saved as (
    insert into learn.user_path_progress as p
      (user_id, path_id, tracks_completed, total_tracks, completed_at)
    select r.user_id, r.path_id, r.tracks_completed, r.total_tracks,
      case when r.is_published and r.total_tracks > 0 and r.tracks_completed = r.total_tracks
        then r.last_completed_at end
    from recounted r
    order by r.user_id, r.path_id
    on conflict (user_id, path_id) do update
      set tracks_completed = excluded.tracks_completed,
        total_tracks = excluded.total_tracks,
        completed_at = coalesce(p.completed_at, excluded.completed_at)
    returning p.user_id, p.path_id, p.completed_at
  )
  select s.user_id, 'path_completed', 'path', s.path_id::text,
    jsonb_build_object('slug', p.slug), null::integer, s.completed_at
  from saved s
  join learn.learning_paths p on p.id = s.path_id
  where s.completed_at is not null
    and not exists (select from earlier e where e.user_id = s.user_id and e.path_id = s.path_id)
  order by s.user_id, s.completed_at, s.path_id;
end;
$$;
comment on function learn_internal.refresh_paths(uuid[], bigint[]) is
  'Recounts learning paths for users; returns the facts to write for the ones that this completes.';

-- functions/progress/refresh_goals.sql

-- After a change of content: recounts learning paths and difficulties for everybody
-- who has completed a track of them.
create or replace function learn_internal.refresh_goals(
  p_path_ids bigint[], p_difficulties text[] default null
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_ids uuid[];
  v_facts    learn_internal.fact[];
begin
  select array_agg(l.user_id) into v_user_ids
  from (
    select s.user_id
    from learn.user_stats s
    where s.user_id in (
      select p.user_id from learn.user_path_progress p where p.path_id = any (p_path_ids)
      union
      select r.user_id from learn_internal.path_recounts r where r.path_id = any (p_path_ids)
      union
      select r.user_id from learn_internal.difficulty_recounts r
      where r.difficulty = any (p_difficulties))
    order by s.user_id
    for no key update
  ) l;
  if v_user_ids is null then
    return;
  end if;

  select array_agg(f::learn_internal.fact) into v_facts
  from (
    select p.* from learn_internal.refresh_paths(v_user_ids, p_path_ids) p
    union all
    select d.* from learn_internal.refresh_difficulties(v_user_ids, p_difficulties) d
  ) f;
  perform learn_internal.write_facts(v_facts);
end;
$$;
comment on function learn_internal.refresh_goals(bigint[], text[]) is
  'Recounts learning paths and difficulties for everybody concerned, after a change of content.';

-- functions/progress/refresh_tracks.sql

-- After a change of content: counts what tracks consist of, and recounts them for everybody who has
-- begun one.
-- Percentages are live, completions sticky. A learner who has by now completed all that is left
-- of a published track completes it.
create or replace function learn_internal.refresh_tracks(p_track_ids bigint[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_ids uuid[];
begin
  update learn.tracks t
  set total_items = n.total_items
  from (
    select i.id, coalesce(z.total_items, 0) as total_items
    from unnest(p_track_ids) i(id)
    left join learn_internal.track_sizes z on z.track_id = i.id
  ) n
  where t.id = n.id and t.total_items <> n.total_items;

  select array_agg(l.user_id) into v_user_ids
  from (
    select s.user_id
    from learn.user_stats s
    where s.user_id in (
      select p.user_id from learn.user_track_progress p where p.track_id = any (p_track_ids)
      union
      select r.user_id from learn_internal.track_recounts r where r.track_id = any (p_track_ids))
    order by s.user_id
    for no key update
  ) l;

  if v_user_ids is not null then
    perform learn_internal.recount_tracks(v_user_ids, p_track_ids);
  end if;

  -- A track that is new, gone, empty, or no longer published changes what its paths
  -- and its difficulty ask for.
  perform learn_internal.refresh_goals(
    (select array_agg(distinct pt.path_id) from learn.learning_path_tracks pt
      where pt.track_id = any (p_track_ids)),
    (select array_agg(distinct t.difficulty) from learn.tracks t where t.id = any (p_track_ids)));
end;
$$;
comment on function learn_internal.refresh_tracks(bigint[]) is
  'Recounts tracks, and what follows from them, for everybody concerned, '
  'after a change of content.';

-- functions/progress/complete_courses.sql

-- Marks courses as completed for users, parallel arrays, and follows up: facts, certificates
-- and tracks.
create or replace function learn_internal.complete_courses(
  p_user_ids uuid[], p_course_ids bigint[], p_at timestamptz[]
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  c       record;
  v_facts learn_internal.fact[] := '{}'::learn_internal.fact[];
  v_steps learn_internal.track_step[] := '{}'::learn_internal.track_step[];
begin
  for c in
    select d.user_id, d.course_id, d.at, k.slug, k.category, k.difficulty, k.language, k.completion_xp,
      k.track_id, k.is_published and k.total_lessons > 0 as is_item,
      (select t.slug from learn.tracks t where t.id = k.track_id) as track
    from unnest(p_user_ids, p_course_ids, p_at) d(user_id, course_id, at)
    join learn.courses k on k.id = d.course_id
    order by d.user_id, d.at, d.course_id
  loop
    update learn.user_course_progress p
    set completed_at = c.at
    where p.user_id = c.user_id and p.course_id = c.course_id;
    v_facts := v_facts || (
      c.user_id, 'course_completed', 'course', c.course_id::text,
      jsonb_build_object('slug', c.slug, 'category', c.category, 'difficulty', c.difficulty,
        'language', c.language, 'track', c.track),
      c.completion_xp, c.at)::learn_internal.fact;
    if c.track_id is not null and c.is_item then
      v_steps := v_steps || (c.user_id, c.track_id, c.at)::learn_internal.track_step;
    end if;
  end loop;
  perform learn_internal.write_facts(v_facts);
  perform learn_internal.issue_certificates(p_user_ids, p_course_ids, p_at);
  perform learn_internal.advance_tracks(v_steps);
end;
$$;
comment on function learn_internal.complete_courses(uuid[], bigint[], timestamptz[]) is
  'Completes courses for users, writes the facts, issues certificates, and moves the tracks.';

-- functions/progress/complete_tracks.sql

-- Follows up when users have completed tracks: a fact for each, challenges that this unlocks, learning paths and
-- difficulties. Takes parallel arrays of rows of user_track_progress that have just been completed.
create or replace function learn_internal.complete_tracks(
  p_user_ids uuid[], p_track_ids bigint[], p_at timestamptz[]
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_facts learn_internal.fact[];
begin
  perform learn_internal.write_facts(array(
    select (d.user_id, 'track_completed', 'track', d.track_id::text,
      jsonb_build_object('difficulty', t.difficulty, 'slug', t.slug), t.completion_xp, d.at)::learn_internal.fact
    from unnest(p_user_ids, p_track_ids, p_at) d(user_id, track_id, at)
    join learn.tracks t on t.id = d.track_id
    order by d.user_id, d.at, d.track_id));

  if exists (
    select from learn.track_prerequisites e
    join learn.challenges k on k.track_id = e.track_id and k.is_active
    where e.prerequisite_track_id = any (p_track_ids))
  then
    perform learn_internal.unlock_challenges(p_user_ids, learn.clock());
  end if;

  v_facts := learn_internal.advance_goals(p_user_ids, p_track_ids);
  if cardinality(v_facts) > 0 then
    perform learn_internal.write_facts(v_facts);
  end if;
end;
$$;
comment on function learn_internal.complete_tracks(uuid[], bigint[], timestamptz[]) is
  'Writes the facts of tracks that users have completed; completes the paths and difficulties that this fills.';

-- functions/progress/advance_courses.sql

-- Counts newly completed lessons, parallel arrays, towards their courses: enrols users who are not,
-- increments the live numbers, and settles a course where a level or all of it may be complete.
-- Errors: LX005 a lesson's level is locked, after all that this statement unlocks;
-- LX006 required prerequisites of a course are not completed, after all that it completes.
create or replace function learn_internal.advance_courses(
  p_user_ids uuid[], p_lesson_ids bigint[], p_at timestamptz[]
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_ids   uuid[];
  v_course_ids bigint[];
  v_is_new     boolean;
begin
  -- A lesson that settle_courses() completes on its way comes through here too, before
  -- the totals are recounted: no number goes above them, and the recount has the last word.
  with moved as (
    select c.user_id, l.course_id, count(*)::integer as lessons, sum(l.weight) as weight,
      max(c.at) as last_at,
      bool_or(l.course_level_id is not null and u.completed_at is null) as is_new_level
    from unnest(p_user_ids, p_lesson_ids, p_at) c(user_id, lesson_id, at)
    join learn_internal.course_lessons l on l.lesson_id = c.lesson_id
    left join learn.user_level_unlocks u
      on u.user_id = c.user_id and u.course_level_id = l.course_level_id
    group by c.user_id, l.course_id
  ), counted as (
    update learn.user_course_progress p
    set lessons_completed = least(p.lessons_completed + m.lessons, p.total_lessons),
      weight_completed = least(p.weight_completed + m.weight, p.total_weight),
      last_activity_at = greatest(p.last_activity_at, m.last_at)
    from moved m
    where p.user_id = m.user_id and p.course_id = m.course_id
    returning p.user_id, p.course_id, m.is_new_level
      or p.total_levels = 0 and p.lessons_completed = p.total_lessons and p.completed_at is null
      as is_unsettled
  )
  select array_agg(c.user_id) filter (where c.is_unsettled),
    array_agg(c.course_id) filter (where c.is_unsettled),
    count(*) < (select count(*) from moved)
  into v_user_ids, v_course_ids, v_is_new
  from counted c;

  if v_user_ids is not null then
    perform learn_internal.settle_courses(v_user_ids, v_course_ids);
  end if;
  -- Enrolling counts everything, these lessons included. It comes last: what was completed above
  -- may be what it waits for.
  if v_is_new then
    insert into learn.user_course_progress (user_id, course_id, enrolled_at)
    select c.user_id, l.course_id, min(c.at)
    from unnest(p_user_ids, p_lesson_ids, p_at) c(user_id, lesson_id, at)
    join learn_internal.course_lessons l on l.lesson_id = c.lesson_id
    where not exists (
      select from learn.user_course_progress p
      where p.user_id = c.user_id and p.course_id = l.course_id)
    group by c.user_id, l.course_id
    order by c.user_id, min(c.at), l.course_id
    on conflict do nothing;
  end if;
  perform learn_internal.require_unlocked(p_user_ids, p_lesson_ids);
end;
$$;
comment on function learn_internal.advance_courses(uuid[], bigint[], timestamptz[]) is
  'Counts newly completed lessons towards their courses, and enrols where needed.';

-- functions/progress/advance_goals.sql

-- After users have completed tracks (parallel arrays): counts them in their learning paths and
-- difficulties, and completes those that this fills. Returns the facts to write.
-- The caller has locked the users.
create or replace function learn_internal.advance_goals(p_user_ids uuid[], p_track_ids bigint[])
returns learn_internal.fact[]
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  g         record;              -- a user, and a path or a difficulty
  v_count   record;
  v_earlier timestamptz;
  v_at      timestamptz;
  v_facts   learn_internal.fact[] := '{}'::learn_internal.fact[];
begin
  for g in
    select distinct c.user_id, p.id, p.slug, p.is_published
    from unnest(p_user_ids, p_track_ids) c(user_id, track_id)
    join learn.learning_path_tracks i on i.track_id = c.track_id
    join learn.learning_paths p on p.id = i.path_id
    order by c.user_id, p.id
  loop
    select count(*)::integer as total, count(p.completed_at)::integer as done,
      max(p.completed_at) as at
    into v_count
    from learn.learning_path_tracks i
    join learn_internal.filled_tracks t on t.track_id = i.track_id
    left join learn.user_track_progress p on p.user_id = g.user_id and p.track_id = i.track_id
    where i.path_id = g.id;
    select p.completed_at into v_earlier
    from learn.user_path_progress p
    where p.user_id = g.user_id and p.path_id = g.id;
    v_at := coalesce(v_earlier, case
      when g.is_published and v_count.total > 0 and v_count.done = v_count.total then v_count.at end);
    insert into learn.user_path_progress as p
      (user_id, path_id, tracks_completed, total_tracks, completed_at)
    values (g.user_id, g.id, v_count.done, v_count.total, v_at)
    on conflict (user_id, path_id) do update
      set tracks_completed = excluded.tracks_completed, total_tracks = excluded.total_tracks,
        completed_at = excluded.completed_at;
    if v_earlier is null and v_at is not null then
      v_facts := v_facts || (
        g.user_id, 'path_completed', 'path', g.id::text, jsonb_build_object('slug', g.slug),
        null, v_at)::learn_internal.fact;
    end if;
  end loop;

  for g in
    select distinct c.user_id, t.difficulty
    from unnest(p_user_ids, p_track_ids) c(user_id, track_id)
    join learn.tracks t on t.id = c.track_id
    order by c.user_id, t.difficulty
  loop
    -- nearly always, one that is missing is found at once
    continue when exists (
      select from learn_internal.filled_tracks t
      left join learn.user_track_progress p on p.user_id = g.user_id and p.track_id = t.track_id
      where t.difficulty = g.difficulty and p.completed_at is null);
    insert into learn.user_difficulty_progress (user_id, difficulty, completed_at)
    select g.user_id, g.difficulty, max(p.completed_at)
    from learn_internal.filled_tracks t
    join learn.user_track_progress p on p.user_id = g.user_id and p.track_id = t.track_id
    where t.difficulty = g.difficulty
    on conflict do nothing
    returning completed_at into v_at;
    if found then
      v_facts := v_facts || (
        g.user_id, 'difficulty_completed', 'difficulty', g.difficulty,
        jsonb_build_object('difficulty', g.difficulty), null, v_at)::learn_internal.fact;
    end if;
  end loop;
  return v_facts;
end;
$$;
comment on function learn_internal.advance_goals(uuid[], bigint[]) is
  'Counts completed tracks in paths and difficulties, and completes what that fills; returns the facts.';

-- functions/progress/advance_tracks.sql

-- Counts newly completed items towards their tracks, and completes the tracks that this fills.
-- Increments, so that an item costs the same in a track of five items and of five thousand.
-- The caller has locked the users.
create or replace function learn_internal.advance_tracks(p_steps learn_internal.track_step[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  g           learn_internal.track_step;
  v_steps     learn_internal.track_step[] := p_steps;
  v_items     integer[] := array[1];  -- how many each step is worth
  v_row       learn.user_track_progress;
  v_is_filled boolean;               -- by this step
  v_user_ids  uuid[];
  v_track_ids bigint[];
  v_at        timestamptz[];
begin
  if cardinality(p_steps) > 1 then
    select
      array_agg((d.user_id, d.track_id, d.at)::learn_internal.track_step
        order by d.user_id, d.track_id),
      array_agg(d.items order by d.user_id, d.track_id)
    into v_steps, v_items
    from (
      select s.user_id, s.track_id, max(s.at) as at, count(*)::integer as items
      from unnest(p_steps) s
      group by s.user_id, s.track_id
    ) d;
  end if;
  for v_i in 1 .. cardinality(v_steps) loop
    g := v_steps[v_i];
    update learn.user_track_progress p
    set items_completed = p.items_completed + v_items[v_i],
      status = case when p.completed_at is null then 'in_progress' else 'completed' end,
      -- as derive_track_progress() says, without its price
      progress_percentage = case when p.total_items = 0 then 0
        else round(100.0 * (p.items_completed + v_items[v_i]) / p.total_items, 2) end
    where p.user_id = g.user_id and p.track_id = g.track_id
    returning p.* into v_row;
    v_is_filled := false;
    if not found then  -- a load may fill a track at once; to write a row twice has its foreign keys asked again
      insert into learn.user_track_progress as p (user_id, track_id, items_completed, total_items, completed_at)
      select g.user_id, t.id, v_items[v_i], greatest(v_items[v_i], t.total_items),
        case when t.is_published and v_items[v_i] >= t.total_items then g.at end
      from learn.tracks t
      where t.id = g.track_id
      on conflict do nothing
      returning p.* into v_row;
      v_is_filled := v_row.completed_at is not null;
    elsif v_row.items_completed = v_row.total_items and v_row.completed_at is null then
      update learn.user_track_progress p
      set completed_at = g.at
      from learn.tracks t
      where p.user_id = g.user_id and p.track_id = g.track_id and t.id = g.track_id and t.is_published;
      v_is_filled := found;
    end if;
    if v_is_filled then
      v_user_ids := v_user_ids || g.user_id;
      v_track_ids := v_track_ids || g.track_id;
      v_at := v_at || g.at;
    end if;
  end loop;
  if cardinality(v_user_ids) > 0 then
    perform learn_internal.complete_tracks(v_user_ids, v_track_ids, v_at);
  end if;
end;
$$;
comment on function learn_internal.advance_tracks(learn_internal.track_step[]) is
  'Counts newly completed items towards their tracks.';

-- functions/progress/settle_courses.sql

-- Brings users' progress in courses up to date, for those of them who are enrolled: levels,
-- live numbers, completion. The caller has locked the users. Costs grow with the size of the courses,
-- so a single completion comes here only when a level or a course may be complete.
create or replace function learn_internal.settle_courses(p_user_ids uuid[], p_course_ids bigint[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set enable_hashjoin = on   -- joins sets with sets
set jit = off
as $$
declare
  v_user_ids   uuid[];
  v_course_ids bigint[];
  v_at         timestamptz[];
begin
  perform learn_internal.unlock_levels(p_user_ids, p_course_ids);

  with recounted as (
    select p.user_id, p.course_id,
      coalesce(r.lessons_completed, 0) as lessons_completed, c.total_lessons,
      coalesce(v.levels_completed, 0) as levels_completed, c.total_levels,
      coalesce(r.weight_completed, 0) as weight_completed, c.total_weight,
      coalesce(r.time_spent_seconds, 0) as time_spent_seconds, r.last_activity_at,
      c.is_published,
      case when c.total_levels > 0 then v.last_completed_at else r.last_completed_at end
        as last_completed_at
    from learn.user_course_progress p
    join learn.courses c on c.id = p.course_id
    left join lateral (  -- by key: a join of all with all grows with the square of the users
      select * from learn_internal.course_recounts x
      where x.user_id = p.user_id and x.course_id = p.course_id
      limit 1
    ) r on true
    left join lateral (
      select * from learn_internal.course_level_recounts x
      where x.user_id = p.user_id and x.course_id = p.course_id
      limit 1
    ) v on true
    where p.user_id = any (p_user_ids) and p.course_id = any (p_course_ids)
  ), saved as (
    update learn.user_course_progress p
    set lessons_completed = r.lessons_completed, total_lessons = r.total_lessons,
      levels_completed = r.levels_completed, total_levels = r.total_levels,
      weight_completed = r.weight_completed, total_weight = r.total_weight,
      time_spent_seconds = r.time_spent_seconds,
      last_activity_at = greatest(p.last_activity_at, r.last_activity_at)
    from recounted r
    where p.user_id = r.user_id and p.course_id = r.course_id
    returning p.user_id, p.course_id, p.completed_at, r.is_published, r.last_completed_at,
      case when p.total_levels > 0 then p.levels_completed = p.total_levels
        else p.total_lessons > 0 and p.lessons_completed = p.total_lessons end as is_full
  )
  select array_agg(s.user_id order by s.user_id, s.last_completed_at, s.course_id),
    array_agg(s.course_id order by s.user_id, s.last_completed_at, s.course_id),
    array_agg(s.last_completed_at order by s.user_id, s.last_completed_at, s.course_id)
  into v_user_ids, v_course_ids, v_at
  from saved s
  where s.is_full and s.is_published and s.completed_at is null;

  if v_user_ids is not null then
    perform learn_internal.complete_courses(v_user_ids, v_course_ids, v_at);
  end if;
end;
$$;
comment on function learn_internal.settle_courses(uuid[], bigint[]) is
  'Brings users'' progress in courses up to date: levels, numbers, completion.';

-- triggers/catalog/courses.sql

-- What happens when rows of learn.courses are written, in the order in which triggers fire.

-- When courses are published, unpublished, put into tracks or deleted: this blocks learners.
create or replace trigger courses_change
  before update of is_published, track_id or delete on learn.courses
  for each statement
  execute function learn_internal.change_content();

-- When courses change: the lessons of one that is published or unpublished come and go with it, who
-- has completed all of one that is published completes it, and tracks follow when a course
-- comes, goes, moves, or is empty from now on.
create or replace function learn_internal.courses_updated()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_course_ids bigint[];
begin
  select array_agg(n.id) into v_course_ids
  from new_rows n
  join old_rows o on o.id = n.id
  where n.is_published <> o.is_published;
  if v_course_ids is not null then
    -- place_lessons() says what is available now, and lessons_updated() recounts the courses
    update learn.lessons l set is_available = l.is_published where l.course_id = any (v_course_ids);
  end if;

  perform learn_internal.refresh_tracks(array_agg(distinct t.track_id))
  from new_rows n
  join old_rows o on o.id = n.id
  cross join lateral (values (n.track_id), (o.track_id)) t(track_id)
  where t.track_id is not null
    and (n.is_published <> o.is_published or n.track_id is distinct from o.track_id
      or (n.total_lessons > 0) <> (o.total_lessons > 0))
  having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.courses_updated() is
  'Statement trigger: recounts what a published or unpublished course belongs to.';

create or replace trigger courses_updated
  after update on learn.courses
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.courses_updated();

create or replace trigger courses_touch
  before update on learn.courses
  for each row
  when (old.* is distinct from new.*)
  execute function learn_internal.touch_updated_at();

-- When courses are deleted: their tracks may be complete without them.
create or replace trigger courses_deleted
  after delete on learn.courses
  referencing old table as old_rows
  for each statement
  execute function learn_internal.refresh_parents('refresh_tracks', 'track_id');

-- views/progress/completed_items.sql

-- What users have completed, whatever kind of item: the other half of the definition
-- of a track's progress.
create or replace view learn_internal.completed_items as
select p.user_id, 'lesson' as item_type, p.lesson_id as item_id, p.completed_at
from learn.user_lesson_progress p
where p.completed_at is not null
union all
select p.user_id, 'course', p.course_id, p.completed_at
from learn.user_course_progress p
where p.completed_at is not null
union all
select p.user_id, 'challenge', p.challenge_id, p.completed_at
from learn.user_challenge_progress p
where p.completed_at is not null;
comment on view learn_internal.completed_items is 'The items of tracks that users have completed.';

-- functions/progress/recount_tracks.sql

-- Recounts tracks for users, whose stats rows the caller has locked, and completes
-- the tracks that are complete by now.
create or replace function learn_internal.recount_tracks(p_user_ids uuid[], p_track_ids bigint[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_ids  uuid[];
  v_track_ids bigint[];
  v_at        timestamptz[];
begin
  with recounted as (
    select u.user_id, s.track_id, coalesce(r.items_completed, 0) as items_completed,
      s.total_items, r.last_completed_at
    from (select distinct d.user_id from unnest(p_user_ids) d(user_id)) u
    cross join (
      select t.id as track_id, coalesce(z.total_items, 0) as total_items
      from learn.tracks t
      left join learn_internal.track_sizes z on z.track_id = t.id
      where t.id = any (p_track_ids)
    ) s
    left join (  -- filtered where it is grouped: a join would group everybody's
      select * from learn_internal.track_recounts x
      where x.user_id = any (p_user_ids) and x.track_id = any (p_track_ids)
    ) r on r.user_id = u.user_id and r.track_id = s.track_id
    where r.user_id is not null or exists (
      select from learn.user_track_progress e
      where e.user_id = u.user_id and e.track_id = s.track_id)
  ), saved as (
    insert into learn.user_track_progress as p (user_id, track_id, items_completed, total_items)
    select r.user_id, r.track_id, r.items_completed, r.total_items
    from recounted r
    order by r.user_id, r.track_id
    on conflict (user_id, track_id) do update
      set items_completed = excluded.items_completed, total_items = excluded.total_items
    returning p.user_id, p.track_id, p.items_completed, p.total_items, p.completed_at
  )
  select array_agg(s.user_id), array_agg(s.track_id), array_agg(r.last_completed_at)
  into v_user_ids, v_track_ids, v_at
  from saved s
  join recounted r on r.user_id = s.user_id and r.track_id = s.track_id
  join learn.tracks t on t.id = s.track_id and t.is_published
  where s.total_items > 0 and s.items_completed = s.total_items and s.completed_at is null;

  if v_user_ids is not null then
    for v_i in 1 .. cardinality(v_user_ids) loop  -- by key: a join may be planned for a table of few rows
      update learn.user_track_progress p set completed_at = v_at[v_i]
      where p.user_id = v_user_ids[v_i] and p.track_id = v_track_ids[v_i];
    end loop;
    perform learn_internal.complete_tracks(v_user_ids, v_track_ids, v_at);
  end if;
end;
$$;
comment on function learn_internal.recount_tracks(uuid[], bigint[]) is
  'Recounts tracks for users and completes those that are complete by now.';

-- functions/progress/recount_lost_items.sql

-- When progress in items of tracks is deleted, alone or with the item: the tracks are recounted for
-- those who had completed it. What goes with its user concerns nobody, and what goes with its item
-- is counted where the item is deleted.
-- Arguments of the trigger: the table of the items, and the column that refers to it.
create or replace function learn_internal.recount_lost_items()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_ids  uuid[];
  v_track_ids bigint[];
begin
  execute format(
    $query$
      select array_agg(distinct d.user_id), array_agg(distinct i.track_id)
      from deleted_rows d
      join learn.%1$I i on i.id = d.%2$I and i.track_id is not null
      join learn.users u on u.id = d.user_id
      where d.completed_at is not null
    $query$, tg_argv[0], tg_argv[1])
  into v_user_ids, v_track_ids;
  if v_user_ids is null then
    return null;
  end if;
  perform from learn.user_stats s where s.user_id = any (v_user_ids)
  order by s.user_id for no key update;
  perform learn_internal.recount_tracks(v_user_ids, v_track_ids);
  return null;
end;
$$;
comment on function learn_internal.recount_lost_items() is
  'Statement trigger: recounts the tracks of deleted progress in items. Arguments: the table of the '
  'items, and the column that refers to it.';

-- triggers/catalog/difficulties.sql

-- What happens when rows of learn.difficulties are written, in the order in which triggers fire.

-- When difficulties multiply XP differently, or are renamed, which lessons and tracks follow:
-- this blocks learners.
create or replace trigger difficulties_change
  before update of key, xp_multiplier on learn.difficulties
  for each statement
  execute function learn_internal.change_content();

-- When difficulties multiply XP differently: lessons of that tier weigh differently in mastery.
create or replace function learn_internal.difficulties_updated()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform learn_internal.refresh_courses(array_agg(distinct l.course_id))
  from learn.lessons l
  where l.course_id is not null and l.difficulty in (
    select n.key
    from new_rows n
    left join old_rows o on o.key = n.key
    where n.xp_multiplier is distinct from o.xp_multiplier)
  having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.difficulties_updated() is
  'Statement trigger: recounts courses with lessons of difficulties that changed.';

create or replace trigger difficulties_updated
  after update on learn.difficulties
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.difficulties_updated();

-- triggers/catalog/exercises.sql

-- What happens when rows of learn.exercises are written, in the order in which triggers fire.

-- When a lesson's exercises change: this blocks learners.
create or replace trigger exercises_change
  before insert or update of is_published, lesson_id or delete on learn.exercises
  for each statement
  execute function learn_internal.change_content();

-- When exercises are deleted: the lesson may be left solved.
create or replace trigger exercises_deleted
  after delete on learn.exercises
  referencing old table as old_rows
  for each statement
  execute function learn_internal.refresh_parents('refresh_lessons', 'lesson_id');

-- When exercises change: one that is unpublished, or moved to another lesson,
-- may leave its lesson solved.
create or replace function learn_internal.exercises_updated()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform learn_internal.refresh_lessons(array_agg(distinct l.lesson_id))
  from new_rows n
  join old_rows o on o.id = n.id
  cross join lateral (values (n.lesson_id), (o.lesson_id)) l(lesson_id)
  where n.is_published <> o.is_published or n.lesson_id <> o.lesson_id
  having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.exercises_updated() is
  'Statement trigger: completes lessons that a change of exercises leaves solved.';

create or replace trigger exercises_updated
  after update on learn.exercises
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.exercises_updated();

-- functions/practice/refresh_lessons.sql

-- After a change of content: completes lessons for everybody who has solved
-- all that is left of them.
create or replace function learn_internal.refresh_lessons(p_lesson_ids bigint[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_ids   uuid[];
  v_lesson_ids bigint[];
begin
  select array_agg(v.user_id), array_agg(v.lesson_id) into v_user_ids, v_lesson_ids
  from learn_internal.solved_lessons v
  where v.lesson_id = any (p_lesson_ids) and not exists (
    select from learn.user_lesson_progress p
    where p.user_id = v.user_id and p.lesson_id = v.lesson_id and p.completed_at is not null);
  if v_user_ids is not null then
    perform from learn.user_stats s where s.user_id = any (v_user_ids)
    order by s.user_id for no key update;
    perform learn_internal.complete_solved_lessons(v_user_ids, v_lesson_ids);
  end if;
end;
$$;
comment on function learn_internal.refresh_lessons(bigint[]) is
  'Completes lessons for everybody who has solved all that is left of them, '
  'after a change of content.';

-- triggers/catalog/learning_path_tracks.sql

-- What happens when rows of learn.learning_path_tracks are written, in the order in which triggers fire.

-- When the tracks of learning paths change: this blocks learners.
create or replace trigger learning_path_tracks_change
  before insert or update or delete on learn.learning_path_tracks
  for each statement
  execute function learn_internal.change_content();

-- When tracks are taken out of learning paths, alone or with the track: learners' progress follows.
create or replace trigger path_tracks_deleted
  after delete on learn.learning_path_tracks
  referencing old table as old_rows
  for each statement
  execute function learn_internal.refresh_parents('refresh_goals', 'path_id');

-- When tracks are put into learning paths: learners' progress follows.
create or replace trigger path_tracks_inserted
  after insert on learn.learning_path_tracks
  referencing new table as new_rows
  for each statement
  execute function learn_internal.refresh_parents('refresh_goals', 'path_id');

-- When tracks move between learning paths: both paths' progress follows.
create or replace trigger path_tracks_updated
  after update on learn.learning_path_tracks
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.refresh_parents('refresh_goals', 'path_id');

-- triggers/catalog/learning_paths.sql

-- What happens when rows of learn.learning_paths are written, in the order in which triggers fire.

-- When learning paths are published, unpublished or deleted: this blocks learners.
create or replace trigger learning_paths_change
  before update of is_published or delete on learn.learning_paths
  for each statement
  execute function learn_internal.change_content();

-- When learning paths change: one that is published may be complete for some learners already.
create or replace function learn_internal.paths_updated()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform learn_internal.refresh_goals(array_agg(n.id))
  from new_rows n
  join old_rows o on o.id = n.id
  where n.is_published <> o.is_published
  having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.paths_updated() is
  'Statement trigger: recounts published and unpublished paths.';

create or replace trigger paths_updated
  after update on learn.learning_paths
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.paths_updated();

create or replace trigger paths_touch
  before update on learn.learning_paths
  for each row
  when (old.* is distinct from new.*)
  execute function learn_internal.touch_updated_at();

-- triggers/catalog/lessons.sql

-- What happens when rows of learn.lessons are written, in the order in which triggers fire.

-- When lessons are added, published, unpublished, moved or deleted, or their tier changes:
-- this blocks learners.
create or replace trigger lessons_change
  before insert
    or update of is_published, is_available, course_id, course_level_id, difficulty
    or delete on learn.lessons
  for each statement
  execute function learn_internal.change_content();

-- When lessons change: one that is published, unpublished or moved changes the percentages of its
-- courses and tracks, and one that is published is complete for those who have solved its
-- exercises already.
create or replace function learn_internal.lessons_updated()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_course_ids bigint[];
begin
  select array_agg(distinct c.course_id) into v_course_ids
  from new_rows n
  join old_rows o on o.id = n.id
  cross join lateral (values (n.course_id), (o.course_id)) c(course_id)
  where c.course_id is not null
    and (n.is_published, n.is_available, n.course_id, n.course_level_id, n.difficulty)
      is distinct from (o.is_published, o.is_available, o.course_id, o.course_level_id, o.difficulty);
  -- What there is to complete comes first: what is completed then is counted on top of it.
  if v_course_ids is not null then
    perform learn_internal.count_courses(v_course_ids);
  end if;

  perform learn_internal.refresh_tracks(array_agg(distinct t.track_id))
  from (
    select i.track_id
    from new_rows n
    join old_rows o on o.id = n.id
    join learn.track_lessons i on i.lesson_id = n.id
    where n.is_available <> o.is_available
    union
    select c.track_id
    from learn.courses c
    where c.id = any (v_course_ids) and c.track_id is not null
  ) t
  having count(*) > 0;

  if v_course_ids is not null then
    perform learn_internal.refresh_courses(v_course_ids);
  end if;

  perform learn_internal.refresh_lessons(array_agg(n.id))
  from new_rows n
  join old_rows o on o.id = n.id
  where n.is_available
    and (not o.is_available
      or (n.course_id, n.course_level_id) is distinct from (o.course_id, o.course_level_id))
  having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.lessons_updated() is
  'Statement trigger: recounts courses and tracks of published, unpublished and moved lessons.';

create or replace trigger lessons_updated
  after update on learn.lessons
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.lessons_updated();

-- When a lesson is changed, its updated_at says so. What is generated is not known here yet, so no condition of
-- the trigger can compare whole rows.
create or replace function learn_internal.touch_lessons()
returns trigger
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if to_jsonb(new) - 'tier' <> to_jsonb(old) - 'tier' then
    new.updated_at := learn.clock();
  end if;
  return new;
end;
$$;
comment on function learn_internal.touch_lessons() is 'Row trigger: sets updated_at to the time of a change.';

create or replace trigger lessons_touch
  before update on learn.lessons
  for each row
  execute function learn_internal.touch_lessons();

-- When a lesson of a course is written, or one is unpublished: the course follows from the level,
-- and is_available from what is published.
create or replace function learn_internal.place_lessons()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_is_open   boolean := true;
  v_course_id bigint;
begin
  if tg_op = 'UPDATE' and new.course_level_id <> coalesce(old.course_level_id, 0)
    and new.course_id = old.course_id
  then
    new.course_id := null;  -- moved by its level alone
  end if;
  if new.course_level_id is not null then
    select v.is_published, v.course_id into v_is_open, v_course_id
    from learn.course_levels v
    where v.id = new.course_level_id;
    new.course_id := coalesce(new.course_id, v_course_id);
  end if;
  if new.course_id is not null then
    select coalesce(v_is_open and c.is_published, false) into v_is_open
    from learn.courses c
    where c.id = new.course_id;
  end if;
  new.is_available := new.is_published and coalesce(v_is_open, false);
  return new;
end;
$$;
comment on function learn_internal.place_lessons() is
  'Row trigger: a lesson belongs to the course of its level, and is available when all is published.';

create or replace trigger place_lessons
  before insert on learn.lessons
  for each row
  when (new.course_id is not null or new.course_level_id is not null
    or new.is_available <> new.is_published)
  execute function learn_internal.place_lessons();

create or replace trigger move_lessons
  before update on learn.lessons
  for each row
  when (new.course_id is not null or new.course_level_id is not null
    or new.is_available <> new.is_published)
  execute function learn_internal.place_lessons();

-- When lessons are deleted, alone or with their level: progress in their courses follows.
-- (Tracks hear of it from the rows of track_lessons that go with them.)
create or replace trigger lessons_deleted
  after delete on learn.lessons
  referencing old table as old_rows
  for each statement
  execute function learn_internal.refresh_parents('refresh_courses', 'course_id');

-- When lessons are added to courses: progress follows.
create or replace trigger lessons_inserted
  after insert on learn.lessons
  referencing new table as new_rows
  for each statement
  execute function learn_internal.refresh_parents('refresh_courses', 'course_id');

-- triggers/catalog/track_lessons.sql

-- What happens when rows of learn.track_lessons are written, in the order in which triggers fire.

-- When the lessons of tracks change: this blocks learners.
create or replace trigger track_lessons_change
  before insert or update or delete on learn.track_lessons
  for each statement
  execute function learn_internal.change_content();

-- When lessons are taken out of tracks, alone or with the lesson: learners' percentages follow.
create or replace trigger track_lessons_deleted
  after delete on learn.track_lessons
  referencing old table as old_rows
  for each statement
  execute function learn_internal.refresh_parents('refresh_tracks', 'track_id');

-- When lessons are put into tracks: learners' percentages follow.
create or replace trigger track_lessons_inserted
  after insert on learn.track_lessons
  referencing new table as new_rows
  for each statement
  execute function learn_internal.refresh_parents('refresh_tracks', 'track_id');

-- When lessons move between tracks: both tracks' percentages follow.
create or replace trigger track_lessons_updated
  after update on learn.track_lessons
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.refresh_parents('refresh_tracks', 'track_id');

-- triggers/catalog/tracks.sql

-- What happens when rows of learn.tracks are written, in the order in which triggers fire.

-- When tracks change in what they count for: this blocks learners.
create or replace trigger tracks_change
  before update of is_published, difficulty or delete on learn.tracks
  for each statement
  execute function learn_internal.change_content();

-- When tracks change: one that is published, unpublished or of another difficulty changes
-- what paths and difficulties ask for.
create or replace function learn_internal.tracks_updated()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform learn_internal.refresh_tracks(array_agg(n.id)),
    -- the difficulty that it had
    learn_internal.refresh_goals(null, array_agg(distinct o.difficulty))
  from new_rows n
  join old_rows o on o.id = n.id
  where n.is_published <> o.is_published or n.difficulty <> o.difficulty
  having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.tracks_updated() is
  'Statement trigger: recounts what a published or unpublished track belongs to.';

create or replace trigger tracks_updated
  after update on learn.tracks
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.tracks_updated();

create or replace trigger tracks_touch
  before update on learn.tracks
  for each row
  when (old.* is distinct from new.*)
  execute function learn_internal.touch_updated_at();

-- When tracks are deleted: their difficulty may be complete without them. (Their paths hear
-- of it from the rows of learning_path_tracks that go with them.)
create or replace function learn_internal.tracks_deleted()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform learn_internal.refresh_goals(null, array_agg(distinct o.difficulty))
  from old_rows o having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.tracks_deleted() is
  'Statement trigger: recounts the difficulties of deleted tracks.';

create or replace trigger tracks_deleted
  after delete on learn.tracks
  referencing old table as old_rows
  for each statement
  execute function learn_internal.tracks_deleted();

-- functions/practice/submit_query.sql

-- Records a run of a query for an exercise, graded by the backend that ran it.
-- Errors: LX001 blank query, no verdict, an error message on a correct query, negative duration;
-- LX002; LX003 unknown exercise; LX004 exercise or lesson not published, or user inactive;
-- LX005 the lesson's level is locked; LX013.
create or replace function learn.submit_query(
  p_user_id         uuid,
  p_exercise_id     bigint,
  p_query_text      text,
  p_is_correct      boolean,
  p_error_message   text default null,
  p_duration_ms     integer default null,
  p_occurred_at     timestamptz default null,
  p_idempotency_key text default null
)
returns learn.award_summary
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_call         learn_internal.call := learn_internal.begin_call(
    'submit_query', p_user_id,
    jsonb_build_object('exercise_id', p_exercise_id, 'query_text', p_query_text,
      'is_correct', p_is_correct, 'error_message', p_error_message, 'duration_ms', p_duration_ms),
    p_occurred_at, p_idempotency_key);
  v_exercise     record;
begin
  if (v_call.replay).replayed then
    return v_call.replay;
  end if;
  if length(p_query_text) > 100000 or length(p_error_message) > 10000 then  -- without the price of calls
    perform learn_internal.require_size('p_query_text', length(p_query_text), 100000);
    perform learn_internal.require_size('p_error_message', length(p_error_message), 10000);
  end if;
  select e.lesson_id, e.is_published, l.is_available, l.course_level_id into v_exercise
  from learn.exercises e
  join learn.lessons l on l.id = e.lesson_id
  where e.id = p_exercise_id;
  if not found then
    raise exception 'unknown exercise'
      using errcode = 'LX003',
        detail = format('p_exercise_id = %s', coalesce(p_exercise_id::text, 'null')),
        hint = 'Look the exercise up in learn.exercises.';
  end if;
  if not v_exercise.is_published then
    raise exception 'the exercise is not published'
      using errcode = 'LX004', detail = format('p_exercise_id = %s', p_exercise_id),
        hint = 'Publish it: learn.exercises.is_published.';
  end if;
  if not v_exercise.is_available or v_exercise.course_level_id is not null then  -- else it is open to everybody
    perform learn_internal.require_lesson(p_user_id, v_exercise.lesson_id);
  end if;
  if coalesce(p_query_text, '') !~ E'\\S' or p_is_correct is null or p_duration_ms < 0
    or p_is_correct and p_error_message is not null
  then
    raise exception 'the submission makes no sense'
      using errcode = 'LX001',
        detail = format(
          'p_query_text = %L, p_is_correct = %s, p_error_message = %L, p_duration_ms = %s',
          left(p_query_text, 80), p_is_correct, p_error_message, p_duration_ms),
        hint = 'A submission has a query and a verdict; one with an error message is not correct; '
          'its duration is in milliseconds, 0 or more.';
  end if;

  insert into learn.query_submissions
    (user_id, exercise_id, query_text, is_correct, error_message, duration_ms, submitted_at)
  values
    (p_user_id, p_exercise_id, p_query_text, p_is_correct, p_error_message,
     p_duration_ms, v_call.occurred_at);

  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.submit_query(
  uuid, bigint, text, boolean, text, integer, timestamptz, text) is
  'Records a graded run of a query for an exercise: an error message when it did not execute, '
  'duration in milliseconds.';
grant execute on function learn.submit_query(
  uuid, bigint, text, boolean, text, integer, timestamptz, text) to learn_app;

-- views/practice/exercise_recounts.sql

-- Progress in exercises recounted from the submissions, in the order in which they were graded,
-- which is the order of their facts: what user_exercise_progress must say. Submissions and facts are matched by
-- grouping, not by a join: so a learner's are read once.
create or replace view learn_internal.exercise_recounts as
select s.user_id, s.exercise_id, count(*)::integer as submissions,
  count(*) filter (where not s.is_correct)::integer as wrong_submissions,
  count(*) filter (where s.has_failed)::integer as failed_submissions,
  min(s.fact_id) filter (where s.is_correct) is not distinct from min(s.fact_id) as is_first_try,
  (array_agg(s.submitted_at order by s.fact_id) filter (where s.is_correct))[1] as solved_at
from (
  select w.user_id, max(w.exercise_id) as exercise_id, bool_or(w.is_correct) as is_correct,
    bool_or(w.has_failed) as has_failed, max(w.submitted_at) as submitted_at, min(w.fact_id) as fact_id
  from (
    select q.user_id, q.id::text as submission_id, q.exercise_id, q.is_correct,
      q.error_message is not null as has_failed, q.submitted_at, null::bigint as fact_id
    from learn.query_submissions q
    union all
    select f.user_id, f.properties ->> 'submission_id', null, null, null, null, f.id
    from learn_internal.all_facts f
    where f.activity_type = 'exercise_attempted'
  ) w
  group by w.user_id, w.submission_id
  having count(w.exercise_id) > 0 and count(w.fact_id) > 0
) s
group by s.user_id, s.exercise_id;
comment on view learn_internal.exercise_recounts is
  'Progress in exercises recounted from query_submissions.';

-- views/practice/practice_damage.sql

-- Where progress in exercises is not what the submissions say: the part of check_integrity()
-- about practice.
create or replace view learn_internal.practice_damage (check_name, user_id, expected, actual) as
select 'exercise_progress_follows_from_submissions', w.user_id,
  format('exercise %s: %s', w.exercise_id, case when bool_or(w.is_due) then (
    max(w.submissions) filter (where w.is_due), max(w.wrong) filter (where w.is_due),
    max(w.failed) filter (where w.is_due), bool_or(w.is_first_try) filter (where w.is_due),
    max(w.solved_at) filter (where w.is_due))::text end),
  format('exercise %s: %s', w.exercise_id, case when not bool_and(w.is_due) then (
    max(w.submissions) filter (where not w.is_due), max(w.wrong) filter (where not w.is_due),
    max(w.failed) filter (where not w.is_due), bool_or(w.is_first_try) filter (where not w.is_due),
    max(w.solved_at) filter (where not w.is_due))::text end)
from (
  select r.user_id, r.exercise_id, true as is_due, r.submissions, r.wrong_submissions as wrong,
    r.failed_submissions as failed, r.is_first_try, r.solved_at
  from learn_internal.exercise_recounts r
  union all
  select p.user_id, p.exercise_id, false, p.submissions, p.wrong_submissions, p.failed_submissions, p.is_first_try,
    p.solved_at
  from learn.user_exercise_progress p
) w
group by w.user_id, w.exercise_id
having count(*) = 1 or min(w.submissions) <> max(w.submissions) or min(w.wrong) <> max(w.wrong)
  or min(w.failed) <> max(w.failed) or bool_and(w.is_first_try) <> bool_or(w.is_first_try)
  or count(w.solved_at) = 1 or min(w.solved_at) <> max(w.solved_at);
comment on view learn_internal.practice_damage is
  'Where progress in exercises is not what the submissions say; no row when all is well.';

-- triggers/practice/query_submissions.sql

-- What happens when queries are submitted, in this order: content is held; every run is a fact, the first
-- correct one solves the exercise, and solving the last exercise completes the lesson. Submissions stay as they
-- were judged. When they are deleted, progress is recounted.
-- Errors: LX009 a submission would be judged again.

-- 1. Before anything is written: content is held.
create or replace trigger query_submissions_hold
  before insert on learn.query_submissions
  for each statement
  execute function learn_internal.hold_content_first();

-- 2. One submission after the other, by user: what a lesson is worth depends on the submissions before its
-- completion and not on those after it. Facts are written together, but before what follows from them; so are
-- lessons completed, those of many users at once: before a user's next submission, or at the end.
create or replace function learn_internal.grade_submissions()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan  -- plans by key, made once: see docs/engine.md
set enable_seqscan = off
set enable_mergejoin = off
set enable_hashjoin = off
set jit = off
as $$
declare
  n            record;               -- a submission
  v_user_id    uuid;
  v_lesson_id  bigint;
  v_solved_at  timestamptz;
  v_lesson     record;               -- how far it is solved
  v_is_new     boolean;              -- the first run of this exercise
  v_is_solved  boolean;              -- by this submission
  v_is_open    boolean;              -- the lesson is left to be completed
  v_solvers    uuid[];               -- who has solved the last exercise of a lesson
  v_lessons    bigint[];             -- which
  v_are_new    boolean[];            -- whether that was the first run of the exercise
  v_at         timestamptz;          -- when the last of them was solved
  v_subject    text;
  v_facts      learn_internal.fact[] := '{}'::learn_internal.fact[];
begin
  for n in
    select s.user_id, s.id, s.exercise_id, s.is_correct, s.error_message is not null as is_failed,
      s.submitted_at
    from new_submissions s
    order by s.user_id, s.id
  loop
    if n.user_id is distinct from v_user_id then
      perform from learn.user_stats u where u.user_id = n.user_id for no key update;
      v_user_id := n.user_id;
    elsif n.user_id = v_solvers[cardinality(v_solvers)] then
      perform learn_internal.write_facts(v_facts);
      perform learn_internal.end_lessons(v_solvers, v_lessons, v_are_new, v_at);
      v_facts := '{}'::learn_internal.fact[];
      v_solvers := null;
      v_lessons := null;
      v_are_new := null;
    end if;

    -- The exercise
    select e.lesson_id, p.user_id is null, p.solved_at into v_lesson_id, v_is_new, v_solved_at
    from learn.exercises e
    left join learn.user_exercise_progress p on p.user_id = n.user_id and p.exercise_id = e.id
    where e.id = n.exercise_id;
    v_is_solved := n.is_correct and v_solved_at is null;
    if v_is_new then
      insert into learn.user_exercise_progress
        (user_id, exercise_id, submissions, wrong_submissions, failed_submissions, is_first_try,
         solved_at)
      values (n.user_id, n.exercise_id, 1, (not n.is_correct)::integer, n.is_failed::integer,
        n.is_correct, case when n.is_correct then n.submitted_at end)
      on conflict do nothing;
    else
      update learn.user_exercise_progress p
      set submissions = p.submissions + 1,
        wrong_submissions = p.wrong_submissions + (not n.is_correct)::integer,
        failed_submissions = p.failed_submissions + n.is_failed::integer,
        solved_at = case when v_is_solved then n.submitted_at else p.solved_at end
      where p.user_id = n.user_id and p.exercise_id = n.exercise_id;
    end if;

    -- The facts
    v_subject := n.exercise_id::text;
    v_facts := v_facts || (
      n.user_id, 'exercise_attempted', 'exercise', v_subject,
      jsonb_build_object('is_correct', n.is_correct, 'is_failed', n.is_failed,
        'submission_id', n.id),
      null, n.submitted_at)::learn_internal.fact;
    if v_is_solved then
      v_facts := v_facts || (
        n.user_id, 'exercise_solved', 'exercise', v_subject, '{}', null,
        n.submitted_at)::learn_internal.fact;
      if v_is_new then
        v_facts := v_facts || (
          n.user_id, 'exercise_solved_first_try', 'exercise', v_subject, '{}', null,
          n.submitted_at)::learn_internal.fact;
      end if;
    end if;

    -- The lesson: to be completed, where this was the last of its exercises, or begun
    v_is_open := true;
    if v_is_solved then
      select count(*) as exercises, count(x.solved_at) as solved, max(x.solved_at) as at into v_lesson
      from learn.exercises e
      left join learn.user_exercise_progress x on x.user_id = n.user_id and x.exercise_id = e.id
      where e.lesson_id = v_lesson_id and e.is_published;
      if v_lesson.exercises > 0 and v_lesson.solved = v_lesson.exercises then
        v_is_open := false;
        v_solvers := v_solvers || n.user_id;
        v_lessons := v_lessons || v_lesson_id;
        v_are_new := v_are_new || v_is_new;
        v_at := v_lesson.at;
      end if;
    end if;
    if v_is_new and v_is_open then
      insert into learn.user_lesson_progress (user_id, lesson_id, status)
      values (n.user_id, v_lesson_id, 'in_progress')
      on conflict (user_id, lesson_id) do nothing;
    end if;
  end loop;
  if cardinality(v_facts) > 0 then
    perform learn_internal.write_facts(v_facts);
  end if;
  if v_solvers is not null then
    perform learn_internal.end_lessons(v_solvers, v_lessons, v_are_new, v_at);
  end if;
  return null;
end;
$$;
comment on function learn_internal.grade_submissions() is
  'Statement trigger: submissions become facts, solve exercises and complete lessons.';

create or replace trigger grade_submissions
  after insert on learn.query_submissions
  referencing new table as new_submissions
  for each statement
  execute function learn_internal.grade_submissions();

-- 3. Submissions stay as they were judged.
create or replace trigger results_stay
  after update of is_correct, error_message, submitted_at on learn.query_submissions
  for each row when ((old.is_correct, old.error_message, old.submitted_at)
    is distinct from (new.is_correct, new.error_message, new.submitted_at))
  execute function learn_internal.refuse_change();

-- 4. Submissions that are deleted, alone or with their exercise: progress is what the others say.
create or replace function learn_internal.submissions_deleted()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  d record;
begin
  for d in
    select distinct o.user_id, o.exercise_id
    from deleted_rows o
    join learn.users u on u.id = o.user_id
    join learn.exercises e on e.id = o.exercise_id
    order by o.user_id, o.exercise_id
  loop
    perform from learn.user_stats s where s.user_id = d.user_id for no key update;
    delete from learn.user_exercise_progress p
    where p.user_id = d.user_id and p.exercise_id = d.exercise_id;
    insert into learn.user_exercise_progress
      (user_id, exercise_id, submissions, wrong_submissions, failed_submissions, is_first_try, solved_at)
    select r.user_id, r.exercise_id, r.submissions, r.wrong_submissions, r.failed_submissions,
      r.is_first_try, r.solved_at
    from learn_internal.exercise_recounts r
    where r.user_id = d.user_id and r.exercise_id = d.exercise_id;
  end loop;
  return null;
end;
$$;
comment on function learn_internal.submissions_deleted() is
  'Statement trigger: recounts the exercises of deleted submissions.';

create or replace trigger submissions_deleted
  after delete on learn.query_submissions
  referencing old table as deleted_rows
  for each statement
  execute function learn_internal.submissions_deleted();

-- A time that is moved: it is neither ahead of the clock nor absurdly far back. Those of new rows are asked where they
-- become facts.
-- Errors: LX001.
create or replace trigger refuse_new_times
  before update of submitted_at on learn.query_submissions
  for each row
  when (new.submitted_at is distinct from old.submitted_at and learn_internal.is_off_time(new.submitted_at, new.submitted_at))
  execute function learn_internal.refuse_times('submitted_at');

-- functions/progress/apply_late_scores.sql

-- After completed lessons have got a first score that is full, or lost a full one: a lesson without exercises that was
-- completed without a score is perfect when the first one that comes is full. That is a fact, which pays, once.
-- The caller has matched new and old rows.
create or replace function learn_internal.apply_late_scores(p_lessons learn_internal.lesson_event[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  c       record;
  v_facts learn_internal.fact[] := '{}'::learn_internal.fact[];
begin
  for c in
    select p.user_id, p.lesson_id
    from unnest(p_lessons) l
    join learn.user_lesson_progress p
      on p.user_id = l.user_id and p.lesson_id = l.lesson_id and p.score = 100
    where not exists (select from learn.exercises e where e.lesson_id = l.lesson_id)
    order by p.user_id, p.lesson_id
  loop
    perform from learn.user_stats s where s.user_id = c.user_id for no key update;
    v_facts := v_facts || (
      c.user_id, 'lesson_perfect', 'lesson', c.lesson_id::text, '{}', null,
      learn.clock())::learn_internal.fact;
  end loop;
  if cardinality(v_facts) > 0 then
    perform learn_internal.write_facts(v_facts);
  end if;
  -- It has paid: now, or with the completion, where a full score was taken away.
  insert into learn_internal.recorded_subjects (user_id, activity_type, subject_type, subject_id)
  select l.user_id, 'lesson_perfect', 'lesson', l.lesson_id::text
  from unnest(p_lessons) l
  order by 1, 4
  on conflict do nothing;
end;
$$;
comment on function learn_internal.apply_late_scores(learn_internal.lesson_event[]) is
  'Writes the facts of first scores that are full and have come after the completion, once each.';

-- functions/progress/apply_lesson_completions.sql

-- What completing lessons causes: a fact, which pays; another where there was no fault; and a step in
-- each course and track of the lesson. Takes rows of user_lesson_progress that have just become
-- completed, and locks the users in their order.
-- Errors: LX001 a completion ahead of the clock, or before 1970.
create or replace function learn_internal.apply_lesson_completions(
  p_completions learn_internal.completion[]
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  c              learn_internal.completion;
  v_lesson       learn_internal.lesson_terms;
  v_lessons      learn_internal.lesson_terms[];
  v_lesson_ids   bigint[] := array[(p_completions[1]).lesson_id];
  v_places       integer[] := array[1];  -- of each completion, that of its lesson
  v_solved       record;             -- how its exercises were solved
  v_perfect      learn.activity_types;
  v_properties   jsonb;
  v_is_perfect   boolean;
  v_user_id      uuid;
  v_learner      record;             -- the learner's zone
  v_zone         learn_internal.local_date;
  v_has_recorded boolean;            -- facts from outside, perhaps of this lesson
  v_is_recorded  boolean;
  v_fast_seconds integer;
  v_now          timestamptz;
  v_at           timestamptz;        -- of the last completion of the learner
  v_facts        learn_internal.logged_fact[];
  v_steps        learn_internal.track_step[];
  v_in_courses   learn_internal.completion[];
begin
  if cardinality(p_completions) > 1 then
    v_lesson_ids := array(select distinct a.lesson_id from unnest(p_completions) a order by a.lesson_id);
    select array_agg(
        (a.user_id, a.lesson_id, a.completed_at, a.started_at, a.score, a.seconds)::learn_internal.completion),
      array_agg(a.place)
    into p_completions, v_places
    from (
      select u.*, (dense_rank() over (order by u.lesson_id))::integer as place from unnest(p_completions) u
      order by u.user_id, u.completed_at, u.lesson_id
    ) a;
  end if;
  -- each lesson once, however many complete it
  v_lessons := array(
    select (l.id, jsonb_build_object('slug', l.slug, 'difficulty', l.difficulty, 'has_exercises', e.is_there),
      round(coalesce(l.xp_reward, t.pays, 0)
        * coalesce((select d.xp_multiplier from learn.difficulties d where d.key = l.difficulty), 1))::integer,
      t.is_qualifying, l.course_id,
      case when l.is_available then array(select i.track_id from learn.track_lessons i where i.lesson_id = l.id)
        else '{}' end,
      l.pass_score, case when l.time_limit_is_hard then l.time_limit_seconds end, e.is_there,
      not e.is_there and l.pass_score is null and not coalesce(l.time_limit_is_hard, false)
      )::learn_internal.lesson_terms
    from learn.lessons l
    join learn.activity_types t on t.key = 'lesson_completed'
    cross join lateral (
      -- not `exists`, of which a plan for many lessons would read all exercises
      select coalesce((select true from learn.exercises x where x.lesson_id = l.id and x.is_published limit 1), false)
        as is_there
      offset 0
    ) e
    where l.id = any (v_lesson_ids));
  if cardinality(v_lessons) > 1 then
    v_lessons := array(select l from unnest(v_lessons) l order by l.id);
  end if;
  for v_i in 1 .. cardinality(p_completions) loop
    c := p_completions[v_i];
    if c.user_id is distinct from v_user_id then
      select s.user_id, u.timezone, u.day_starts_at, u.zone_number, u.zone_since, exists (
        select from learn_internal.recorded_subjects r where r.user_id = s.user_id) as has_recorded,
        -- the time as learn.clock() tells it
        coalesce((select o.now_is from learn_internal.clock_override o), now()) as now_is
      into v_learner
      from learn.user_stats s
      join learn.users u on u.id = s.user_id
      where s.user_id = c.user_id
      for no key update of s;
      v_user_id := v_learner.user_id;
      v_has_recorded := v_learner.has_recorded;
      v_now := v_learner.now_is;
      v_at := null;
    end if;
    if c.completed_at is distinct from v_at then
      v_at := c.completed_at;
      if v_at > v_now + interval '5 minutes' or v_at < '1970-01-01 00:00:00+00' then
        perform learn_internal.require_possible_time('completed_at', v_at);
      end if;
      if v_at < v_learner.zone_since then
        v_zone := learn_internal.local_date(c.user_id, v_at);
      else
        v_zone.local_date := (v_at at time zone v_learner.timezone - v_learner.day_starts_at)::date;
        v_zone.zone_number := v_learner.zone_number;
      end if;
    end if;
    v_lesson := v_lessons[v_places[v_i]];
    if v_lesson.is_plain and not v_has_recorded and c.score is distinct from 100 then  -- mostly that is all
      v_facts := v_facts || (
        c.user_id, 'lesson_completed', 'lesson', c.lesson_id::text, v_lesson.properties,
        v_lesson.xp, c.completed_at, v_zone.local_date, v_zone.zone_number, v_lesson.is_qualifying
      )::learn_internal.logged_fact;
    else
      v_properties := v_lesson.properties;
      -- A score below the pass mark is kept, and completes nothing; of an attempt beyond a hard limit, the time is.
      if (v_lesson.pass_score is not null or v_lesson.hard_limit is not null)
        and not v_lesson.has_exercises
      then
        if v_lesson.pass_score is not null and coalesce(c.score < v_lesson.pass_score, true)
          or c.seconds > v_lesson.hard_limit
        then
          update learn.user_lesson_progress p
          set status = 'in_progress', completed_at = null,
            score = case when c.seconds > v_lesson.hard_limit then null else p.score end
          where p.user_id = c.user_id and p.lesson_id = c.lesson_id;
          continue;
        end if;
      end if;
      if v_lesson.has_exercises and c.started_at is not null and v_fast_seconds is null then
        v_fast_seconds := learn_internal.setting_number('speed_runner_seconds');
      end if;
      v_is_perfect := coalesce(c.score = 100, false);
      -- How well it was done is known from submissions, and only where these have solved all of it.
      if v_lesson.has_exercises then
        select count(*) = count(*) filter (where x.is_first_try) as is_first_try,
          count(*) = count(x.solved_at) and sum(x.wrong_submissions) = 0 as is_flawless,
          count(*) = count(x.solved_at) and sum(x.failed_submissions) = 0 as is_clean,
          count(*) = count(x.solved_at) as is_solved
        into v_solved
        from learn.exercises e
        left join learn.user_exercise_progress x on x.user_id = c.user_id and x.exercise_id = e.id
        where e.lesson_id = c.lesson_id and e.is_published;
        v_is_perfect := v_solved.is_first_try;
        v_properties := v_properties || jsonb_build_object(
          'is_clean', v_solved.is_clean, 'is_first_try', v_solved.is_first_try,
          'is_flawless', v_solved.is_flawless,
          'is_fast', v_solved.is_solved and coalesce(c.completed_at >= c.started_at
            and c.completed_at < c.started_at + v_fast_seconds * interval '1 second', false));
      end if;
      -- What is remembered has paid: it was recorded from outside, or its row was deleted. It is done again.
      v_is_recorded := false;
      if v_has_recorded then
        v_is_recorded := exists (
          select from learn_internal.recorded_subjects r
          where r.user_id = c.user_id and r.activity_type = 'lesson_completed'
            and r.subject_type = 'lesson' and r.subject_id = c.lesson_id::text);
      end if;
      if not v_is_recorded then
        v_facts := v_facts || (
          c.user_id, 'lesson_completed', 'lesson', c.lesson_id::text, v_properties,
          v_lesson.xp, c.completed_at, v_zone.local_date, v_zone.zone_number, v_lesson.is_qualifying
        )::learn_internal.logged_fact;
      else
        v_facts := v_facts || (
          c.user_id, 'lesson_repeated', 'lesson', c.lesson_id::text, '{}', null,
          c.completed_at, v_zone.local_date, v_zone.zone_number,
          (select t.is_qualifying from learn.activity_types t where t.key = 'lesson_repeated')
        )::learn_internal.logged_fact;
      end if;
      if v_is_perfect then
        if v_perfect.key is null then
          select * into v_perfect from learn.activity_types t where t.key = 'lesson_perfect';
        end if;
        if not exists (
          select from learn_internal.recorded_subjects r
          where r.user_id = c.user_id and r.activity_type = 'lesson_perfect'
            and r.subject_type = 'lesson' and r.subject_id = c.lesson_id::text)
        then
          v_facts := v_facts || (
            c.user_id, 'lesson_perfect', 'lesson', c.lesson_id::text, '{}', null,
            c.completed_at, v_zone.local_date, v_zone.zone_number, v_perfect.is_qualifying
          )::learn_internal.logged_fact;
        end if;
      end if;
    end if;
    if v_lesson.course_id is not null then
      v_in_courses := v_in_courses || c;
    end if;
    for v_j in 1 .. cardinality(v_lesson.track_ids) loop
      v_steps := v_steps
        || (c.user_id, v_lesson.track_ids[v_j], c.completed_at)::learn_internal.track_step;
    end loop;
  end loop;

  if v_facts is not null then
    insert into learn.activity_log
      (user_id, activity_type, subject_type, subject_id, properties, xp,
       occurred_at, local_date, zone_number, is_qualifying, recorded_at)
    select f.user_id, f.activity_type, f.subject_type, f.subject_id, f.properties, f.xp,
      f.occurred_at, f.local_date, f.zone_number, f.is_qualifying, v_now
    from unnest(v_facts) f;
  end if;
  if v_in_courses is not null then
    perform learn_internal.advance_courses(
      array_agg(i.user_id), array_agg(i.lesson_id), array_agg(i.completed_at))
    from unnest(v_in_courses) i;
  end if;
  if v_steps is not null then
    perform learn_internal.advance_tracks(v_steps);
  end if;
end;
$$;
comment on function learn_internal.apply_lesson_completions(learn_internal.completion[]) is
  'Writes the facts of newly completed lessons, and moves their courses and tracks.';

-- functions/progress/complete_lesson.sql

-- Completes a lesson for a user. Completing it again pays nothing; it keeps the best
-- score, adds up the time, and is a learning act: it makes the day active.
-- A lesson of a course enrols its user. A score below the lesson's pass mark, or a time
-- beyond its hard limit, is kept, and completes nothing.
-- Errors: LX001 score or time out of range; LX002; LX003 unknown lesson; LX004 not published
-- or user inactive; LX005 its level is locked; LX006 prerequisites of its course are not met;
-- LX007 exercises are not solved yet; LX010 a learner's own session gives a score; LX013.
create or replace function learn.complete_lesson(
  p_user_id            uuid,
  p_lesson_id          bigint,
  p_score              double precision default null,
  p_time_spent_seconds integer default null,
  p_occurred_at        timestamptz default null,
  p_idempotency_key    text default null
)
returns learn.award_summary
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = pg_catalog, pg_temp
set enable_seqscan = off   -- by key, whatever the size of the tables was: see docs/engine.md
set jit = off
as $$
declare
  v_call      learn_internal.call := learn_internal.begin_call(
    'complete_lesson', p_user_id,
    jsonb_build_object('lesson_id', p_lesson_id, 'score', trim_scale(p_score::numeric),
      'time_spent_seconds', p_time_spent_seconds),
    p_occurred_at, p_idempotency_key);
  v_row       record;
  v_unsolved  bigint[];
  v_is_passed boolean;
begin
  if (v_call.replay).replayed then
    return v_call.replay;
  end if;
  select l.is_available, l.course_level_id, l.pass_score,
    case when l.time_limit_is_hard then l.time_limit_seconds end as hard_limit, p.user_id, p.completed_at, p.score,
    exists (
      select from learn.exercises e
      where e.lesson_id = l.id and e.is_published) as has_exercises
  into v_row
  from learn.lessons l
  left join learn.user_lesson_progress p on p.user_id = p_user_id and p.lesson_id = l.id
  where l.id = p_lesson_id;
  if v_row.is_available is not true
    or v_row.course_level_id is not null and v_row.completed_at is null
  then
    perform learn_internal.require_lesson(p_user_id, p_lesson_id);
  end if;
  if p_score not between 0 and 100 or p_time_spent_seconds < 0 then
    raise exception 'score or time is out of range'
      using errcode = 'LX001',
        detail = format('p_score = %s, p_time_spent_seconds = %s', p_score, p_time_spent_seconds),
        hint = 'A score is a percentage from 0 to 100; time is in seconds, 0 or more.';
  end if;

  if p_score is not null and learn_internal.is_learner() then
    raise exception 'a learner does not grade themselves'
      using errcode = 'LX010', detail = format('p_score = %s', p_score),
        hint = 'Leave p_score out; a backend that is a member of learn_app may pass it.';
  end if;

  if v_row.has_exercises and v_row.completed_at is null then
    select array_agg(e.id order by e.position, e.id) into v_unsolved
    from learn.exercises e
    where e.lesson_id = p_lesson_id and e.is_published and not exists (
      select from learn.user_exercise_progress x
      where x.user_id = p_user_id and x.exercise_id = e.id and x.solved_at is not null);
    if v_unsolved is not null then
      raise exception 'the lesson has unsolved exercises'
        using errcode = 'LX007',
          detail = format('unsolved exercises: %s', array_to_string(v_unsolved, ', ')),
          hint = 'It completes by itself when learn.submit_query() has solved all of them.';
    end if;
  end if;

  -- Below the pass mark the best score is kept, beyond a hard limit only the time, and nothing is completed.
  if v_row.completed_at is null and not v_row.has_exercises and p_time_spent_seconds > v_row.hard_limit then
    p_score := null;
  end if;
  v_is_passed := v_row.completed_at is not null or v_row.has_exercises
    or (v_row.pass_score is null or coalesce(greatest(v_row.score, p_score::numeric) >= v_row.pass_score, false))
      and coalesce(p_time_spent_seconds <= v_row.hard_limit, true);
  if v_row.user_id is null then
    insert into learn.user_lesson_progress
      (user_id, lesson_id, status, score, time_spent_seconds, completed_at)
    values (p_user_id, p_lesson_id, case when v_is_passed then 'completed' else 'in_progress' end, p_score,
      p_time_spent_seconds, case when v_is_passed then v_call.occurred_at end)
    on conflict do nothing;  -- only a direct insert at the same moment conflicts
  end if;
  if v_row.user_id is not null and (v_row.completed_at is null
      or p_score > v_row.score or p_score is not null and v_row.score is null
      or p_time_spent_seconds is not null)
    or v_row.user_id is null and not found
  then
    update learn.user_lesson_progress p
    set status = case when v_is_passed then 'completed' else 'in_progress' end,
      score = greatest(p.score, p_score::numeric),
      time_spent_seconds = case
        when p.time_spent_seconds is null and p_time_spent_seconds is null then null
        else least(
          coalesce(p.time_spent_seconds, 0)::bigint + coalesce(p_time_spent_seconds, 0),
          2147483647)::integer
      end,
      completed_at = coalesce(p.completed_at, case when v_is_passed then v_call.occurred_at end)
    where p.user_id = p_user_id and p.lesson_id = p_lesson_id;
  end if;

  if v_row.completed_at is not null then
    perform learn_internal.write_facts(array[(
      p_user_id, 'lesson_repeated', 'lesson', p_lesson_id::text, '{}', null,
      v_call.occurred_at)::learn_internal.fact]);
  end if;
  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.complete_lesson(uuid, bigint, double precision, integer, timestamptz, text) is
  'Completes a lesson for a user: score in percent (0 to 100), time in seconds. '
  'Again, it pays nothing, but makes the day active.';
grant execute on function learn.complete_lesson(uuid, bigint, double precision, integer, timestamptz, text)
  to learn_app, learn_user;

-- functions/progress/start_lesson.sql

-- Notes that a user starts a lesson. Starting again changes nothing.
-- Errors: LX001, LX002, LX003 unknown lesson, LX004 not published or user inactive,
-- LX005 the lesson's level is locked, LX013.
create or replace function learn.start_lesson(
  p_user_id         uuid,
  p_lesson_id       bigint,
  p_occurred_at     timestamptz default null,
  p_idempotency_key text default null
)
returns learn.award_summary
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_call learn_internal.call := learn_internal.begin_call(
    'start_lesson', p_user_id, jsonb_build_object('lesson_id', p_lesson_id),
    p_occurred_at, p_idempotency_key);
begin
  if (v_call.replay).replayed then
    return v_call.replay;
  end if;
  perform learn_internal.require_lesson(p_user_id, p_lesson_id);

  insert into learn.user_lesson_progress (user_id, lesson_id, status, started_at)
  values (p_user_id, p_lesson_id, 'in_progress', v_call.occurred_at)
  on conflict do nothing;
  if not found then
    update learn.user_lesson_progress p
    set status = 'in_progress', started_at = v_call.occurred_at
    where p.user_id = p_user_id and p.lesson_id = p_lesson_id
      and p.started_at is null and p.completed_at is null;
  end if;

  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.start_lesson(uuid, bigint, timestamptz, text) is
  'Notes that a user starts a lesson; the time to its completion counts from here. '
  'Starting again changes nothing.';
grant execute on function learn.start_lesson(uuid, bigint, timestamptz, text) to learn_app, learn_user;

-- functions/progress/touch_courses.sql

-- Notes activity in lessons with the courses of users who are enrolled: time spent, in seconds, and
-- when. A completion that enrols its user counts the time by itself.
create or replace function learn_internal.touch_courses(p_times learn_internal.lesson_time[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := learn.clock();
begin
  perform from learn.user_stats s where s.user_id = any (array(select t.user_id from unnest(p_times) t))
  order by s.user_id
  for no key update;

  update learn.user_course_progress p
  set time_spent_seconds = greatest(0, p.time_spent_seconds + g.seconds),
    last_activity_at = greatest(p.last_activity_at, g.at)
  from (
    select t.user_id, l.course_id, sum(t.seconds) as seconds, max(coalesce(t.at, v_now)) as at
    from unnest(p_times) t
    join learn.lessons l on l.id = t.lesson_id and l.course_id is not null
    group by t.user_id, l.course_id
  ) g
  where p.user_id = g.user_id and p.course_id = g.course_id;
end;
$$;
comment on function learn_internal.touch_courses(learn_internal.lesson_time[]) is
  'Adds time spent in lessons, in seconds, to the courses of users who are enrolled.';

-- views/progress/completion_facts.sql

-- The first time that the log says a user completed something: levels, courses, challenges,
-- tracks, paths, difficulties: all that is completed as a whole.
create or replace view learn_internal.completion_facts as
select f.user_id, f.activity_type, f.subject_id, min(f.occurred_at) as completed_at
from learn_internal.all_facts f
where f.activity_type in ('level_completed', 'course_completed', 'challenge_completed',
    'track_completed', 'path_completed', 'difficulty_completed')
  and f.subject_id is not null
group by f.user_id, f.activity_type, f.subject_id;
comment on view learn_internal.completion_facts is
  'When the log says that users completed levels, courses, challenges, tracks, paths and '
  'difficulties.';

-- views/progress/course_xp.sql

-- XP that users have earned in courses: lessons, levels and completions, from the ledger.
-- Filter by user_id: the condition reaches the ledger.
create or replace view learn.course_xp as
select x.user_id, x.course_id, sum(x.amount)::bigint as xp_earned
from (
  select t.user_id, l.course_id, t.amount
  from learn_internal.all_payments t
  join learn.lessons l on l.id::text = t.source_id and l.course_id is not null
  where t.source_type in ('lesson_completed', 'lesson_perfect')
  union all
  select t.user_id, v.course_id, t.amount
  from learn_internal.all_payments t
  join learn.course_levels v on v.id::text = t.source_id
  where t.source_type = 'level_completed'
  union all
  select t.user_id, c.id, t.amount
  from learn_internal.all_payments t
  join learn.courses c on c.id::text = t.source_id
  where t.source_type = 'course_completed'
) x
group by x.user_id, x.course_id;
comment on view learn.course_xp is
  'XP earned per user and course: its lessons, its levels and its completion.';
grant select on learn.course_xp to learn_app, learn_readonly;

-- views/progress/due_level_unlocks.sql

-- Levels that users who are enrolled should have unlocked and have not: the first of the course,
-- and the one after each completed level.
create or replace view learn_internal.due_level_unlocks as
select p.user_id, o.course_id, o.course_level_id, o.position,
  greatest(p.enrolled_at, b.completed_at) as unlocked_at
from learn.user_course_progress p
join learn_internal.level_order o on o.course_id = p.course_id
left join learn.user_level_unlocks b
  on b.user_id = p.user_id and b.course_level_id = o.previous_level_id
where (o.previous_level_id is null or b.completed_at is not null)
  and not exists (
    select from learn.user_level_unlocks u
    where u.user_id = p.user_id and u.course_level_id = o.course_level_id);
comment on view learn_internal.due_level_unlocks is
  'Levels of courses that are due to be unlocked for users; empty between statements.';

-- triggers/progress/user_course_progress.sql

-- What happens when rows of learn.user_course_progress are written, in the order in which triggers fire.
-- Errors: LX006.

-- Before users are enrolled: content is held.
create or replace trigger user_course_progress_hold
  before insert or update on learn.user_course_progress
  for each statement
  execute function learn_internal.hold_content_first();

-- When enrolments are deleted, alone or with the course: the tracks concerned are recounted.
create or replace trigger course_progress_deleted
  after delete on learn.user_course_progress
  referencing old table as deleted_rows
  for each statement
  execute function learn_internal.recount_lost_items('courses', 'course_id');

-- When users are enrolled: required prerequisites must be completed, enrolling is a fact, the first
-- level is unlocked, and lessons of the course that were completed before count.
-- Errors: LX006 a required prerequisite is not completed.
create or replace function learn_internal.course_progress_inserted()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan  -- plans by key, made once: see docs/engine.md
set enable_seqscan = off
set enable_mergejoin = off
set jit = off
as $$
declare
  v_user_ids   uuid[];
  v_course_ids bigint[];
  v_missing    record;
  v_done       record;
begin
  select array_agg(n.user_id), array_agg(n.course_id) into v_user_ids, v_course_ids from new_rows n;
  if v_user_ids is null then
    return null;
  end if;
  perform from learn.user_stats s where s.user_id = any (v_user_ids)
  order by s.user_id for no key update;

  perform learn_internal.write_facts(array_agg(
    (n.user_id, 'course_enrolled', 'course', n.course_id::text,
      jsonb_build_object('slug', c.slug), null, n.enrolled_at)::learn_internal.fact
    order by n.user_id, n.enrolled_at, n.course_id))
  from new_rows n
  join learn.courses c on c.id = n.course_id;

  perform learn_internal.settle_courses(v_user_ids, v_course_ids);

  -- Lessons that were solved while the prerequisites were not met, in levels too that were unlocked
  -- before they came to this course
  select array_agg(n.user_id) as user_ids, array_agg(l.id) as lesson_ids
  into v_done
  from new_rows n
  join learn.lessons l on l.course_id = n.course_id and l.is_available
  where exists (
    select from learn.exercises e
    join learn.user_exercise_progress x
      on x.user_id = n.user_id and x.exercise_id = e.id and x.solved_at is not null
    where e.lesson_id = l.id and e.is_published)
    and not exists (
      select from learn.user_lesson_progress p
      where p.user_id = n.user_id and p.lesson_id = l.id and p.completed_at is not null);
  if v_done.user_ids is not null then
    perform learn_internal.complete_solved_lessons(v_done.user_ids, v_done.lesson_ids);
  end if;

  -- A completion that was brought along, by an import
  select array_agg(n.user_id) as user_ids, array_agg(n.course_id) as course_ids,
    array_agg(n.completed_at) as at
  into v_done
  from new_rows n
  where n.completed_at is not null;
  if v_done.user_ids is not null then
    perform learn_internal.complete_courses(v_done.user_ids, v_done.course_ids, v_done.at);
  end if;

  -- Last, because the statement may bring what it asks for
  select n.user_id, c.slug, string_agg(r.slug, ', ' order by r.slug) as prerequisites
  into v_missing
  from new_rows n
  join learn.courses c on c.id = n.course_id
  join learn_internal.course_requirements r on r.course_id = n.course_id
  where not exists (
    select from learn.user_course_progress p
    where p.user_id = n.user_id and p.course_id = r.prerequisite_course_id
      and p.completed_at is not null)
  group by n.user_id, c.slug
  limit 1;
  if found then
    raise exception 'the prerequisites of the course are not met'
      using errcode = 'LX006',
        detail = format('user_id = %s, course %s needs: %s',
          v_missing.user_id, v_missing.slug, v_missing.prerequisites),
        hint = 'Complete these courses first.';
  end if;
  return null;
end;
$$;
comment on function learn_internal.course_progress_inserted() is
  'Statement trigger: enrolments are checked (LX006), become facts, and unlock the first level.';

create or replace trigger course_progress_inserted
  after insert on learn.user_course_progress
  referencing new table as new_rows
  for each statement
  execute function learn_internal.course_progress_inserted();

-- When a row is written: it is dated neither ahead of the clock nor absurdly far back.
-- Errors: LX001.
create or replace trigger refuse_times
  before insert on learn.user_course_progress
  for each row
  when (learn_internal.is_off_time(
    greatest(new.enrolled_at, new.completed_at, new.last_activity_at),
    least(new.enrolled_at, new.completed_at, new.last_activity_at)))
  execute function learn_internal.refuse_times('enrolled_at', 'completed_at', 'last_activity_at');

create or replace trigger refuse_new_times
  before update of enrolled_at, completed_at, last_activity_at on learn.user_course_progress
  for each row
  when (new.enrolled_at is distinct from old.enrolled_at and learn_internal.is_off_time(new.enrolled_at, new.enrolled_at)
    or new.completed_at is distinct from old.completed_at and learn_internal.is_off_time(new.completed_at, new.completed_at)
    or new.last_activity_at is distinct from old.last_activity_at and learn_internal.is_off_time(new.last_activity_at, new.last_activity_at))
  execute function learn_internal.refuse_times('enrolled_at', 'completed_at', 'last_activity_at');

-- triggers/progress/user_lesson_progress.sql

-- What happens when lesson progress is written, in this order: content is held; status and date agree;
-- what has become started or completed is a fact, which pays, and a step in courses and tracks. When
-- it is deleted, courses and tracks are recounted.
-- Errors: LX009 a change would take a completion away; and those of what follows.

-- 1. Before anything is written: content is held.
create or replace trigger user_lesson_progress_hold
  before insert or update on learn.user_lesson_progress
  for each statement execute function learn_internal.hold_content_first();

-- 2. A row that is written by hand: status and date agree, and a completion stays.
create or replace function learn_internal.date_completions()
returns trigger
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'UPDATE' and old.completed_at is not null then
    if new.status = 'in_progress' and new.completed_at is null and pg_trigger_depth() > 1 then
      return new;  -- apply_lesson_completions(): it is not passed
    elsif new.status <> 'completed' or new.completed_at is null then
      raise exception 'a completed lesson stays completed'
        using errcode = 'LX009',
          detail = format('user_id = %s, lesson_id = %s', old.user_id, old.lesson_id),
          hint = 'Completions are sticky; XP is taken back by learn.reverse_xp().';
    end if;
    new.completed_at := old.completed_at;
  elsif new.status = 'completed' and new.completed_at is null then
    new.completed_at := learn.clock();
  elsif new.completed_at is not null then
    new.status := 'completed';
  end if;
  if tg_op = 'UPDATE' then
    new.started_at := coalesce(old.started_at, new.started_at);
  end if;
  return new;
end;
$$;
comment on function learn_internal.date_completions() is
  'Row trigger: a completed lesson has a date, and keeps it (LX009).';

create or replace trigger date_completions
  before insert on learn.user_lesson_progress
  for each row
  when ((new.status = 'completed') <> (new.completed_at is not null))
  execute function learn_internal.date_completions();

create or replace trigger keep_completions
  before update on learn.user_lesson_progress
  for each row
  when ((new.status = 'completed') <> (new.completed_at is not null)
    or old.completed_at is not null and new.completed_at is distinct from old.completed_at
    or old.started_at is not null and new.started_at is distinct from old.started_at)
  execute function learn_internal.date_completions();

-- A start that is moved: it is dated neither ahead of the clock nor absurdly far back. Rows that are new, and
-- completions, are asked where they become facts.
-- Errors: LX001.
create or replace trigger refuse_new_times
  before update of started_at, completed_at on learn.user_lesson_progress
  for each row
  when (new.started_at is distinct from old.started_at and learn_internal.is_off_time(new.started_at, new.started_at)
    or new.completed_at is distinct from old.completed_at and learn_internal.is_off_time(new.completed_at, new.completed_at))
  execute function learn_internal.refuse_times('started_at', 'completed_at');

-- 3. What has become started or completed, by a new row or by a change.
create or replace function learn_internal.lesson_progress_written()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan  -- plans by key, made once: see docs/engine.md
set enable_seqscan = off
set enable_mergejoin = off
set enable_hashjoin = off
set jit = off
as $$
declare
  v_completions learn_internal.completion[];
  v_starts      learn_internal.lesson_event[];
  v_times       learn_internal.lesson_time[];
  v_has_times   boolean;
  v_perfect     learn_internal.lesson_event[];   -- a first score that is full and has come after the completion
begin
  if tg_op = 'INSERT' then
    select
      array_agg((n.user_id, n.lesson_id, n.completed_at, n.started_at, n.score,
          n.time_spent_seconds)::learn_internal.completion) filter (where n.completed_at is not null),
      bool_or(n.time_spent_seconds > 0 or n.started_at is not null)
    into v_completions, v_has_times
    from new_rows n;
    if v_has_times then
      select
        array_agg((n.user_id, n.lesson_id, n.started_at)::learn_internal.lesson_event)
          filter (where n.started_at is not null),
        array_agg((n.user_id, n.lesson_id, coalesce(n.time_spent_seconds, 0),
            greatest(n.started_at, n.completed_at))::learn_internal.lesson_time)
      into v_starts, v_times
      from new_rows n
      where n.time_spent_seconds > 0 or n.started_at is not null;
    end if;
  elsif exists (select from new_rows) then
    select
      array_agg((c.user_id, c.lesson_id, c.completed_at, c.started_at, c.score,
          c.seconds - coalesce(c.old_seconds, 0))::learn_internal.completion)
        filter (where c.completed_at is not null and c.old_completed_at is null),
      array_agg((c.user_id, c.lesson_id, c.started_at)::learn_internal.lesson_event)
        filter (where c.started_at is not null and c.old_started_at is null),
      array_agg((c.user_id, c.lesson_id, coalesce(c.seconds, 0) - coalesce(c.old_seconds, 0),
          greatest(
            case when c.old_started_at is null then c.started_at end,
            case when c.old_completed_at is null then c.completed_at end))::learn_internal.lesson_time)
        filter (where c.seconds is distinct from c.old_seconds
          or c.started_at is not null and c.old_started_at is null),
      array_agg((c.user_id, c.lesson_id, null)::learn_internal.lesson_event order by c.user_id, c.lesson_id)
        filter (where c.old_completed_at is not null and (c.score = 100 and c.old_score is null
          or c.old_score = 100 and c.score is distinct from c.old_score))
    into v_completions, v_starts, v_times, v_perfect
    from (
      -- New and old rows are matched by grouping, in the same time per row for any number.
      select r.user_id, r.lesson_id, max(r.score) filter (where r.is_new) as score,
        max(r.score) filter (where not r.is_new) as old_score,
        max(r.time_spent_seconds) filter (where r.is_new) as seconds,
        max(r.time_spent_seconds) filter (where not r.is_new) as old_seconds,
        max(r.started_at) filter (where r.is_new) as started_at,
        max(r.started_at) filter (where not r.is_new) as old_started_at,
        max(r.completed_at) filter (where r.is_new) as completed_at,
        max(r.completed_at) filter (where not r.is_new) as old_completed_at
      from (
        select n.user_id, n.lesson_id, n.score, n.time_spent_seconds, n.started_at, n.completed_at,
          true as is_new
        from new_rows n
        union all
        select o.user_id, o.lesson_id, o.score, o.time_spent_seconds, o.started_at,
          o.completed_at, false
        from old_rows o
      ) r
      group by r.user_id, r.lesson_id
      having count(*) = 2  -- not where the key itself was changed
    ) c;
  end if;

  if v_times is not null then
    -- all users at once, in key order: the steps below lock some of them each
    perform from learn.user_stats s
    where s.user_id = any (array(select n.user_id from new_rows n))
    order by s.user_id
    for no key update;
    perform learn_internal.touch_courses(v_times);
  end if;
  if v_starts is not null then
    perform learn_internal.write_facts(array_agg(
      (e.user_id, 'lesson_started', 'lesson', e.lesson_id::text, '{}',
        null, e.at)::learn_internal.fact
      order by e.user_id, e.at, e.lesson_id))
    from unnest(v_starts) e;
  end if;
  if v_completions is not null then
    perform learn_internal.apply_lesson_completions(v_completions);
  end if;
  if v_perfect is not null then
    perform learn_internal.apply_late_scores(v_perfect);
  end if;

  -- An upsert comes here twice: with its updated rows, and then with its inserted ones. Courses that were
  -- recounted the first time have counted the inserted rows already. At worst it was an earlier statement.
  if tg_op = 'UPDATE' and v_completions is not null then
    perform set_config('learn_internal.lessons_updated', 'yes', true);
  elsif tg_op = 'INSERT' and current_setting('learn_internal.lessons_updated', true) = 'yes' then
    if exists (select from new_rows) then
      perform set_config('learn_internal.lessons_updated', '', true);
      perform learn_internal.settle_courses(array_agg(distinct n.user_id), array_agg(distinct l.course_id))
      from new_rows n
      join learn.lessons l on l.id = n.lesson_id and l.course_id is not null
      having count(*) > 0;
    end if;
  end if;
  if v_starts is not null then  -- all that was begun must be unlocked by now
    perform learn_internal.require_unlocked(array_agg(e.user_id), array_agg(e.lesson_id))
    from unnest(v_starts) e
    join learn.lessons l on l.id = e.lesson_id and l.course_level_id is not null
    having count(*) > 0;
  end if;
  return null;
end;
$$;
comment on function learn_internal.lesson_progress_written() is
  'Statement trigger: started lessons become facts; completed ones pay and move courses and tracks.';

create or replace trigger lesson_progress_inserted
  after insert on learn.user_lesson_progress
  referencing new table as new_rows
  for each statement execute function learn_internal.lesson_progress_written();

create or replace trigger lesson_progress_updated
  after update on learn.user_lesson_progress
  referencing old table as old_rows new table as new_rows
  for each statement execute function learn_internal.lesson_progress_written();

-- 4. Progress that is deleted, alone or with its lesson: the courses and tracks concerned are recounted. A lesson
-- whose exercises are all solved is completed again: delete the submissions first.
create or replace function learn_internal.lesson_progress_deleted()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan  -- plans by key, made once: see docs/engine.md
set enable_seqscan = off
set enable_mergejoin = off
set jit = off
as $$
declare
  v_user_ids   uuid[];
  v_track_ids  bigint[];
  v_course_ids bigint[];
  v_solved     record;
begin
  select array_agg(distinct d.user_id), array_agg(distinct i.track_id),
    array_agg(distinct l.course_id)
  into v_user_ids, v_track_ids, v_course_ids
  from deleted_rows d
  join learn.lessons l on l.id = d.lesson_id
  join learn.users u on u.id = d.user_id
  left join lateral (
    select t.track_id from learn_internal.track_items t
    where t.item_type = 'lesson' and t.item_id = d.lesson_id and d.completed_at is not null
    offset 0  -- keeps this a query by key
  ) i on true
  where i.track_id is not null or l.course_id is not null;
  if v_user_ids is not null then
    perform from learn.user_stats s where s.user_id = any (v_user_ids)
    order by s.user_id for no key update;
    perform learn_internal.settle_courses(v_user_ids, v_course_ids);
    perform learn_internal.recount_tracks(v_user_ids, v_track_ids);
  end if;
  select array_agg(d.user_id) as user_ids, array_agg(d.lesson_id) as lesson_ids into v_solved
  from deleted_rows d
  join learn.users u on u.id = d.user_id
  where exists (
    select from learn.exercises e
    join learn.user_exercise_progress x
      on x.user_id = d.user_id and x.exercise_id = e.id and x.solved_at is not null
    where e.lesson_id = d.lesson_id and e.is_published);
  if v_solved.user_ids is not null then
    perform learn_internal.complete_solved_lessons(v_solved.user_ids, v_solved.lesson_ids);
  end if;
  return null;
end;
$$;
comment on function learn_internal.lesson_progress_deleted() is
  'Statement trigger: recounts the courses and tracks of deleted lesson progress.';

create or replace trigger lesson_progress_deleted
  after delete on learn.user_lesson_progress
  referencing old table as deleted_rows
  for each statement execute function learn_internal.lesson_progress_deleted();

-- triggers/progress/derive_track_progress.sql

-- When track progress is written: status and percentage follow; a step by one item says them itself, in
-- advance_tracks(). A trigger and no generated columns,
-- because their expressions are read from text anew for every statement, which costs several times
-- as much. Written by hand, it is completed neither ahead of the clock nor absurdly far back; what triggers write follows
-- from facts, of which that was asked.
-- Errors: LX001 more items completed than there are; a time out of bounds.
create or replace function learn_internal.derive_track_progress()
returns trigger
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if new.items_completed > new.total_items then
    raise exception 'more items are completed than there are'
      using errcode = 'LX001',
        detail = format('items_completed = %s, total_items = %s', new.items_completed, new.total_items),
        hint = 'learn.rebuild_user() counts them anew.';
  end if;
  if pg_trigger_depth() = 1 and (tg_op = 'INSERT' or new.completed_at is distinct from old.completed_at) then
    perform learn_internal.require_possible_time('completed_at', new.completed_at);
  end if;
  new.status := case when new.completed_at is not null then 'completed'
    when new.items_completed > 0 then 'in_progress' else 'not_started' end;
  new.progress_percentage := case when new.total_items = 0 then 0
    else round(100.0 * new.items_completed / new.total_items, 2) end;
  return new;
end;
$$;
comment on function learn_internal.derive_track_progress() is
  'Row trigger: status and percentage follow from the items of a track.';

create or replace trigger derive_track_progress
  before insert or update of total_items, completed_at on learn.user_track_progress
  for each row
  execute function learn_internal.derive_track_progress();

-- views/catalog/catalog_damage.sql

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

-- triggers/catalog/course_ratings.sql

-- What happens when rows of learn.course_ratings are written.

-- When a row is written: it is dated neither ahead of the clock nor absurdly far back.
-- Errors: LX001.
create or replace trigger refuse_times
  before insert on learn.course_ratings
  for each row
  when (learn_internal.is_off_time(
    greatest(new.created_at, new.updated_at),
    least(new.created_at, new.updated_at)))
  execute function learn_internal.refuse_times('created_at', 'updated_at');

create or replace trigger refuse_new_times
  before update of created_at, updated_at on learn.course_ratings
  for each row
  when (new.created_at is distinct from old.created_at and learn_internal.is_off_time(new.created_at, new.created_at)
    or new.updated_at is distinct from old.updated_at and learn_internal.is_off_time(new.updated_at, new.updated_at))
  execute function learn_internal.refuse_times('created_at', 'updated_at');

-- triggers/practice/user_exercise_progress.sql

-- What happens when rows of learn.user_exercise_progress are written.

-- When a row is written: it is dated neither ahead of the clock nor absurdly far back. What triggers write follows from
-- facts, of which that was asked.
-- Errors: LX001.
create or replace trigger refuse_times
  before insert on learn.user_exercise_progress
  for each row
  when (pg_trigger_depth() = 0 and learn_internal.is_off_time(new.solved_at, new.solved_at))
  execute function learn_internal.refuse_times('solved_at');

create or replace trigger refuse_new_times
  before update of solved_at on learn.user_exercise_progress
  for each row
  when (new.solved_at is distinct from old.solved_at and learn_internal.is_off_time(new.solved_at, new.solved_at))
  execute function learn_internal.refuse_times('solved_at');

-- triggers/progress/user_difficulty_progress.sql

-- What happens when rows of learn.user_difficulty_progress are written.

-- When a row is written: it is dated neither ahead of the clock nor absurdly far back.
-- Errors: LX001.
create or replace trigger refuse_times
  before insert on learn.user_difficulty_progress
  for each row
  when (learn_internal.is_off_time(new.completed_at, new.completed_at))
  execute function learn_internal.refuse_times('completed_at');

create or replace trigger refuse_new_times
  before update of completed_at on learn.user_difficulty_progress
  for each row
  when (new.completed_at is distinct from old.completed_at and learn_internal.is_off_time(new.completed_at, new.completed_at))
  execute function learn_internal.refuse_times('completed_at');

-- triggers/progress/user_path_progress.sql

-- What happens when rows of learn.user_path_progress are written.

-- When a row is written: it is dated neither ahead of the clock nor absurdly far back.
-- Errors: LX001.
create or replace trigger refuse_times
  before insert on learn.user_path_progress
  for each row
  when (learn_internal.is_off_time(new.completed_at, new.completed_at))
  execute function learn_internal.refuse_times('completed_at');

create or replace trigger refuse_new_times
  before update of completed_at on learn.user_path_progress
  for each row
  when (new.completed_at is distinct from old.completed_at and learn_internal.is_off_time(new.completed_at, new.completed_at))
  execute function learn_internal.refuse_times('completed_at');

-- triggers/progress/user_level_unlocks.sql

-- What happens when rows of learn.user_level_unlocks are written.

-- When a row is written: it is dated neither ahead of the clock nor absurdly far back.
-- Errors: LX001.
create or replace trigger refuse_times
  before insert on learn.user_level_unlocks
  for each row
  when (learn_internal.is_off_time(
    greatest(new.unlocked_at, new.completed_at),
    least(new.unlocked_at, new.completed_at)))
  execute function learn_internal.refuse_times('unlocked_at', 'completed_at');

create or replace trigger refuse_new_times
  before update of unlocked_at, completed_at on learn.user_level_unlocks
  for each row
  when (new.unlocked_at is distinct from old.unlocked_at and learn_internal.is_off_time(new.unlocked_at, new.unlocked_at)
    or new.completed_at is distinct from old.completed_at and learn_internal.is_off_time(new.completed_at, new.completed_at))
  execute function learn_internal.refuse_times('unlocked_at', 'completed_at');

-- functions/practice/exercise_hints.sql

-- The hints of an exercise that a user may see: one for each wrong submission so far, all once it is solved.
-- No row: there is none yet, or no more.
-- Errors: LX002; LX003 unknown exercise; LX010 a learner asks for another.
create or replace function learn.exercise_hints(p_user_id uuid, p_exercise_id bigint)
returns table (hint_number integer, hint text)
language plpgsql
stable
security definer                  -- hints are readable by no app role
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_hints    jsonb;
  v_progress learn.user_exercise_progress;
begin
  perform learn_internal.require_self(p_user_id);
  perform learn_internal.require_user(p_user_id);
  select e.hints into v_hints from learn.exercises e where e.id = p_exercise_id and e.is_published;
  if not found then
    raise exception 'unknown exercise'
      using errcode = 'LX003', detail = format('p_exercise_id = %s', coalesce(p_exercise_id::text, 'null')),
        hint = 'Look the exercise up in learn.exercises.';
  end if;
  select p.* into v_progress
  from learn.user_exercise_progress p
  where p.user_id = p_user_id and p.exercise_id = p_exercise_id;
  return query
  select h.number::integer, h.hint
  from jsonb_array_elements_text(v_hints) with ordinality h(hint, number)
  where v_progress.solved_at is not null or h.number <= v_progress.wrong_submissions
  order by h.number;
end;
$$;
comment on function learn.exercise_hints(uuid, bigint) is
  'The hints of an exercise that a user may see: one for each wrong submission, all once it is solved.';
grant execute on function learn.exercise_hints(uuid, bigint) to learn_app, learn_user;

-- functions/practice/exercise_solution.sql

-- The solution of an exercise, for a user who has solved it; null where none is written down.
-- Errors: LX002; LX003 unknown exercise; LX007 it is not solved yet.
create or replace function learn.exercise_solution(p_user_id uuid, p_exercise_id bigint)
returns text
language plpgsql
stable
security definer                  -- solutions are readable by no app role
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_solution text;
begin
  perform learn_internal.require_self(p_user_id);
  perform learn_internal.require_user(p_user_id);
  select e.solution into v_solution from learn.exercises e where e.id = p_exercise_id;
  if not found then
    raise exception 'unknown exercise'
      using errcode = 'LX003', detail = format('p_exercise_id = %s', coalesce(p_exercise_id::text, 'null')),
        hint = 'Look the exercise up in learn.exercises.';
  end if;
  if not exists (
    select from learn.user_exercise_progress p
    where p.user_id = p_user_id and p.exercise_id = p_exercise_id and p.solved_at is not null)
  then
    raise exception 'the exercise is not solved yet'
      using errcode = 'LX007', detail = format('p_user_id = %s, p_exercise_id = %s', p_user_id, p_exercise_id),
        hint = 'Until then there are hints: learn.exercise_hints().';
  end if;
  return v_solution;
end;
$$;
comment on function learn.exercise_solution(uuid, bigint) is
  'The solution of an exercise, for a user who has solved it (else LX007).';
grant execute on function learn.exercise_solution(uuid, bigint) to learn_app, learn_user;

-- functions/progress/choose_difficulty.sql

-- Notes the tier that a user has chosen for a course: a difficulty that some lesson of it has; null: none.
-- It is a preference and locks nothing: the other tiers stay open.
-- Errors: LX001 the course has no lesson of this difficulty; LX002; LX003 unknown course; LX004 not published
-- or user inactive; LX010 the user is not enrolled; LX013.
create or replace function learn.choose_difficulty(
  p_user_id         uuid,
  p_course_id       bigint,
  p_difficulty      text,
  p_occurred_at     timestamptz default null,
  p_idempotency_key text default null
)
returns learn.award_summary
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_call learn_internal.call := learn_internal.begin_call(
    'choose_difficulty', p_user_id,
    jsonb_build_object('course_id', p_course_id, 'difficulty', p_difficulty),
    p_occurred_at, p_idempotency_key);
begin
  if (v_call.replay).replayed then
    return v_call.replay;
  end if;
  perform learn_internal.require_size('p_difficulty', length(p_difficulty), 200);
  perform learn_internal.require_course(p_course_id);
  if p_difficulty is not null and not exists (
    select from learn.lessons l
    where l.course_id = p_course_id and l.difficulty = p_difficulty and l.is_available)
  then
    raise exception 'the course has no lesson of this difficulty'
      using errcode = 'LX001', detail = format('p_course_id = %s, p_difficulty = %s', p_course_id, p_difficulty),
        hint = 'Choose one of learn.lessons.difficulty of the course.';
  end if;
  update learn.user_course_progress p set preferred_difficulty = p_difficulty
  where p.user_id = p_user_id and p.course_id = p_course_id;
  if not found then
    raise exception 'the user is not enrolled in the course'
      using errcode = 'LX010', detail = format('p_user_id = %s, p_course_id = %s', p_user_id, p_course_id),
        hint = 'Enrol first: learn.enroll_in_course().';
  end if;
  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.choose_difficulty(uuid, bigint, text, timestamptz, text) is
  'Notes the tier that a user has chosen for a course: easy, medium, hard, or what its lessons have; null: none.';
grant execute on function learn.choose_difficulty(uuid, bigint, text, timestamptz, text) to learn_app, learn_user;

-- functions/progress/reset_progress.sql

-- Lets a user begin again: a completed lesson, the completed lessons of a course, a challenge, all of these in a track,
-- or a skill, whose points come back. What was earned stays, completions of the whole too, and nothing pays or counts
-- a second time. What is not completed stays as it is: a first try is the first one. So do hints that were used.
-- Errors: LX001 unknown kind; LX002; LX003 no such thing; LX004 user inactive; LX013.
create or replace function learn.reset_progress(
  p_user_id         uuid,
  p_kind            text,
  p_id              bigint,
  p_occurred_at     timestamptz default null,
  p_idempotency_key text default null
)
returns learn.award_summary
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_call       learn_internal.call := learn_internal.begin_call(
    'reset_progress', p_user_id, jsonb_build_object('kind', p_kind, 'id', p_id),
    p_occurred_at, p_idempotency_key);
  v_is_known   boolean;
  v_lessons    bigint[];
  v_challenges bigint[];
begin
  if (v_call.replay).replayed then
    return v_call.replay;
  end if;
  perform learn_internal.require_size('p_kind', length(p_kind), 50);
  v_is_known := case p_kind
    when 'lesson' then exists (select from learn.lessons l where l.id = p_id)
    when 'course' then exists (select from learn.courses c where c.id = p_id)
    when 'challenge' then exists (select from learn.challenges c where c.id = p_id)
    when 'track' then exists (select from learn.tracks t where t.id = p_id)
    when 'skill' then exists (select from learn.skills s where s.id = p_id)
  end;
  if v_is_known is null then
    raise exception 'this cannot be reset'
      using errcode = 'LX001', detail = format('p_kind = %L', p_kind),
        hint = 'Kinds are: lesson, course, challenge, track, skill.';
  elsif not v_is_known then
    raise exception 'unknown %', p_kind
      using errcode = 'LX003', detail = format('p_id = %s', coalesce(p_id::text, 'null')),
        hint = format('Look the %s up.', p_kind);
  end if;

  select array_agg(p.lesson_id) into v_lessons
  from learn.user_lesson_progress p
  join learn.lessons l on l.id = p.lesson_id
  where p.user_id = p_user_id and p.completed_at is not null and case p_kind
    when 'lesson' then l.id = p_id
    when 'course' then l.course_id = p_id
    when 'track' then l.course_id in (select c.id from learn.courses c where c.track_id = p_id)
      or l.id in (select t.lesson_id from learn.track_lessons t where t.track_id = p_id)
  end;
  delete from learn.query_submissions q
  using learn.exercises e
  where q.user_id = p_user_id and e.lesson_id = any (v_lessons) and q.exercise_id = e.id;
  delete from learn.user_lesson_progress p where p.user_id = p_user_id and p.lesson_id = any (v_lessons);

  select array_agg(c.id) into v_challenges
  from learn.challenges c
  where case p_kind when 'challenge' then c.id = p_id when 'track' then c.track_id = p_id end;
  delete from learn.level_attempts a where a.user_id = p_user_id and a.challenge_id = any (v_challenges);
  delete from learn.imported_challenge_progress i
  where i.user_id = p_user_id and i.challenge_id = any (v_challenges);

  if p_kind = 'skill' then
    update learn.user_skills u set points_allocated = 0 where u.user_id = p_user_id and u.skill_id = p_id;
  end if;
  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.reset_progress(uuid, text, bigint, timestamptz, text) is
  'Lets a user begin a lesson, course, challenge, track or skill again. What was earned stays, and is not paid again.';
grant execute on function learn.reset_progress(uuid, text, bigint, timestamptz, text) to learn_app, learn_user;

-- functions/progress/unenroll.sql

-- Takes a user out of a course. What was completed and earned stays, and is not paid again: who enrols once more goes
-- on where they left. Who is not enrolled is no error.
-- Errors: LX001, LX002, LX003 unknown course, LX004 user inactive, LX013.
create or replace function learn.unenroll(
  p_user_id         uuid,
  p_course_id       bigint,
  p_occurred_at     timestamptz default null,
  p_idempotency_key text default null
)
returns learn.award_summary
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_call learn_internal.call := learn_internal.begin_call(
    'unenroll', p_user_id, jsonb_build_object('course_id', p_course_id), p_occurred_at, p_idempotency_key);
begin
  if (v_call.replay).replayed then
    return v_call.replay;
  end if;
  if not exists (select from learn.courses c where c.id = p_course_id) then
    raise exception 'unknown course'
      using errcode = 'LX003', detail = format('p_course_id = %s', coalesce(p_course_id::text, 'null')),
        hint = 'Look the course up in learn.courses.';
  end if;
  delete from learn.user_course_progress p where p.user_id = p_user_id and p.course_id = p_course_id;
  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.unenroll(uuid, bigint, timestamptz, text) is
  'Takes a user out of a course. What was completed and earned stays, and is not paid again.';
grant execute on function learn.unenroll(uuid, bigint, timestamptz, text) to learn_app, learn_user;

-- triggers/progress/keep_completed.sql

-- When something is completed, it stays completed, and on the day on which it was: whatever happens to content, to
-- other rows, or by hand. Lessons have a trigger of their own: user_lesson_progress.sql.
-- After the change and not before it: a row trigger before updates would lock every row once more.
-- Errors: LX009.
create or replace function learn_internal.keep_completed()
returns trigger
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception 'what is completed stays completed'
    using errcode = 'LX009',
      detail = format('%s of user %s: completed at %s', tg_table_name, old.user_id, old.completed_at),
      hint = 'Completions are sticky; XP is taken back by learn.reverse_xp().';
end;
$$;
comment on function learn_internal.keep_completed() is 'Row trigger: a completion stays (LX009).';

create or replace trigger keep_completed
  after update of completed_at on learn.user_course_progress
  for each row when (old.completed_at is not null and old.completed_at is distinct from new.completed_at)
  execute function learn_internal.keep_completed();

create or replace trigger keep_completed
  after update of completed_at on learn.user_level_unlocks
  for each row when (old.completed_at is not null and old.completed_at is distinct from new.completed_at)
  execute function learn_internal.keep_completed();

create or replace trigger keep_completed
  after update of completed_at on learn.user_track_progress
  for each row when (old.completed_at is not null and old.completed_at is distinct from new.completed_at)
  execute function learn_internal.keep_completed();

create or replace trigger keep_completed
  after update of completed_at on learn.user_path_progress
  for each row when (old.completed_at is not null and old.completed_at is distinct from new.completed_at)
  execute function learn_internal.keep_completed();

create or replace trigger keep_completed
  after update of completed_at on learn.user_challenge_progress
  for each row when (old.completed_at is not null and old.completed_at is distinct from new.completed_at)
  execute function learn_internal.keep_completed();

create or replace trigger keep_completed
  after update of completed_at on learn.user_difficulty_progress
  for each row when (old.completed_at is not null and old.completed_at is distinct from new.completed_at)
  execute function learn_internal.keep_completed();

-- views/progress/dated_rows.sql

-- What rows of learners' progress say to have happened once, and when.
create or replace view learn_internal.dated_rows (user_id, activity_type, subject_type, subject_id, at) as
select p.user_id, 'lesson_completed', 'lesson', p.lesson_id::text, p.completed_at
from learn.user_lesson_progress p
union all
select p.user_id, 'lesson_started', 'lesson', p.lesson_id::text, p.started_at
from learn.user_lesson_progress p
union all
select p.user_id, 'course_enrolled', 'course', p.course_id::text, p.enrolled_at
from learn.user_course_progress p
union all
select p.user_id, 'course_completed', 'course', p.course_id::text, p.completed_at
from learn.user_course_progress p
union all
select p.user_id, 'level_completed', 'course_level', p.course_level_id::text, p.completed_at
from learn.user_level_unlocks p
union all
select p.user_id, 'track_completed', 'track', p.track_id::text, p.completed_at
from learn.user_track_progress p
union all
select p.user_id, 'path_completed', 'path', p.path_id::text, p.completed_at
from learn.user_path_progress p
union all
select p.user_id, 'difficulty_completed', 'difficulty', p.difficulty, p.completed_at
from learn.user_difficulty_progress p
union all
select p.user_id, 'challenge_completed', 'challenge', p.challenge_id::text, p.completed_at
from learn.user_challenge_progress p
union all
select p.user_id, 'skill_mastered', 'skill', p.skill_id::text, p.mastered_at
from learn.user_skills p;
comment on view learn_internal.dated_rows is
  'What rows of learners'' progress say to have happened once, and when; null: not yet.';

-- views/progress/course_level_recounts.sql

-- Completed levels per user and course, of those that there are to complete.
create or replace view learn_internal.course_level_recounts as
select u.user_id, v.course_id, count(*)::integer as levels_completed,
  max(u.completed_at) as last_completed_at
from learn.user_level_unlocks u
join learn.course_levels v on v.id = u.course_level_id and v.is_published
where u.completed_at is not null and exists (
  select from learn.lessons s where s.course_level_id = v.id and s.is_published)
group by u.user_id, v.course_id;
comment on view learn_internal.course_level_recounts is
  'Levels completed per user and course, recounted from user_level_unlocks.';

-- views/progress/course_recounts.sql

-- Progress in courses recounted from lessons: what user_course_progress must say, for those who are
-- enrolled. Filter by user_id and course_id: both conditions reach the tables.
create or replace view learn_internal.course_recounts as
select p.user_id, l.course_id,
  (count(*) filter (where c.lesson_id is not null and p.completed_at is not null))::integer
    as lessons_completed,
  coalesce(sum(c.weight) filter (where p.completed_at is not null), 0) as weight_completed,
  coalesce(sum(p.time_spent_seconds), 0)::bigint as time_spent_seconds,
  max(p.completed_at) filter (where c.lesson_id is not null) as last_completed_at,
  greatest(max(p.started_at), max(p.completed_at)) as last_activity_at
from learn.user_lesson_progress p
join learn.lessons l on l.id = p.lesson_id and l.course_id is not null
left join learn_internal.course_lessons c on c.lesson_id = l.id and c.course_id = l.course_id
group by p.user_id, l.course_id;
comment on view learn_internal.course_recounts is
  'Lessons, XP multipliers and time per user and course, recounted from user_lesson_progress.';

-- views/progress/difficulty_recounts.sql

-- Difficulties of which users have completed every published track that has something in it,
-- at least one.
create or replace view learn_internal.difficulty_recounts as
select p.user_id, t.difficulty, max(p.completed_at) as last_completed_at
from learn_internal.filled_tracks t
join learn.user_track_progress p on p.track_id = t.track_id and p.completed_at is not null
join (
  select f.difficulty, count(*) as tracks from learn_internal.filled_tracks f group by f.difficulty
) n on n.difficulty = t.difficulty
group by p.user_id, t.difficulty, n.tracks
having count(*) = n.tracks;
comment on view learn_internal.difficulty_recounts is
  'Difficulties whose published tracks a user has all completed.';

-- views/progress/level_recounts.sql

-- Levels of courses whose lessons users have completed: any of them or all, as the setting
-- level_completion_policy says. Whether the level was unlocked is not asked here.
create or replace view learn_internal.level_recounts as
select r.user_id, r.course_id, r.course_level_id,
  case when s.is_any then r.first_completed_at else r.last_completed_at end as completed_at
from (
  select p.user_id, c.course_id, c.course_level_id, count(*) as lessons_completed,
    min(p.completed_at) as first_completed_at, max(p.completed_at) as last_completed_at
  from learn_internal.course_lessons c
  join learn.user_lesson_progress p on p.lesson_id = c.lesson_id and p.completed_at is not null
  where c.course_level_id is not null
  group by p.user_id, c.course_id, c.course_level_id
) r
cross join (
  select coalesce(bool_or(t.value = '"any"'), true) as is_any
  from learn.platform_settings t
  where t.key = 'level_completion_policy'
) s
where s.is_any or r.lessons_completed = (
  select count(*) from learn_internal.course_lessons a
  where a.course_level_id = r.course_level_id);
comment on view learn_internal.level_recounts is
  'Levels of courses that users'' completed lessons complete, by level_completion_policy.';

-- views/progress/path_recounts.sql

-- Progress in learning paths recounted from completed tracks: what user_path_progress must say.
create or replace view learn_internal.path_recounts as
select p.user_id, pt.path_id, count(*)::integer as tracks_completed,
  max(p.completed_at) as last_completed_at
from learn.learning_path_tracks pt
join learn_internal.filled_tracks t on t.track_id = pt.track_id
join learn.user_track_progress p on p.track_id = pt.track_id and p.completed_at is not null
group by p.user_id, pt.path_id;
comment on view learn_internal.path_recounts is 'Tracks completed per user and path, recounted.';

-- views/progress/track_recounts.sql

-- Progress in tracks recounted from what users have completed: what user_track_progress must say.
create or replace view learn_internal.track_recounts as
select c.user_id, i.track_id, count(*)::integer as items_completed,
  max(c.completed_at) as last_completed_at
from learn_internal.track_items i
join learn_internal.completed_items c on c.item_type = i.item_type and c.item_id = i.item_id
group by c.user_id, i.track_id;
comment on view learn_internal.track_recounts is 'Items completed per user and track, recounted.';

-- views/progress/date_damage.sql

-- Where learners' progress says that something was started or completed at another time than its fact, never, or
-- without a fact: a part of check_integrity(). What is remembered is passed over: it was recorded from outside, or
-- its row has been deleted and perhaps written again. So is what content no longer has.
create or replace view learn_internal.date_damage (check_name, user_id, expected, actual) as
select c.check_name, d.user_id, c.expected, c.actual
from (
  select w.user_id, w.activity_type, w.subject_id, max(w.subject_type) as subject_type, min(w.fact_at) as fact_at,
    max(w.row_at) as row_at
  from (
    select l.user_id, l.activity_type, l.subject_type, l.subject_id, l.occurred_at as fact_at,
      null::timestamptz as row_at
    from learn_internal.all_facts l
    where l.activity_type = any (case l.subject_type
      when 'lesson' then array['lesson_completed', 'lesson_started']
      when 'course' then array['course_enrolled', 'course_completed']
      when 'course_level' then array['level_completed']
      when 'track' then array['track_completed']
      when 'path' then array['path_completed']
      when 'difficulty' then array['difficulty_completed']
      when 'challenge' then array['challenge_completed']
      when 'skill' then array['skill_mastered'] end)
    union all
    select r.user_id, r.activity_type, r.subject_type, r.subject_id, null, r.at
    from learn_internal.dated_rows r
    where r.at is not null
  ) w
  group by w.user_id, w.activity_type, w.subject_id
  having min(w.fact_at) is distinct from max(w.row_at)
) d
cross join lateral (
  select 'progress_is_dated_by_facts',
    format('%s %s: %s', d.activity_type, d.subject_id, coalesce(d.fact_at::text, 'never')),
    coalesce(d.row_at::text, 'never')
  where (d.row_at is not null or d.activity_type <> 'skill_mastered' or not exists (  -- full_skills_are_mastered
      select from learn.user_skills u where u.user_id = d.user_id and u.skill_id::text = d.subject_id))
    and (d.fact_at is not null or d.activity_type <> 'difficulty_completed')  -- it may have been renamed
    and (d.row_at is not null or case d.subject_type
      when 'lesson' then exists (select from learn.lessons c where c.id::text = d.subject_id)
      when 'course' then exists (select from learn.courses c where c.id::text = d.subject_id)
      when 'course_level' then exists (select from learn.course_levels c where c.id::text = d.subject_id)
      when 'track' then exists (select from learn.tracks c where c.id::text = d.subject_id)
      when 'path' then exists (select from learn.learning_paths c where c.id::text = d.subject_id)
      when 'difficulty' then exists (select from learn.difficulties c where c.key = d.subject_id)
      when 'challenge' then exists (select from learn.challenges c where c.id::text = d.subject_id)
      when 'skill' then exists (select from learn.skills c where c.id::text = d.subject_id)
    end)
    and not exists (
    select from learn_internal.recorded_subjects m
    where m.user_id = d.user_id and m.activity_type = d.activity_type and m.subject_type = d.subject_type
      and m.subject_id = d.subject_id)
  union all
  select case d.activity_type when 'lesson_completed' then 'completed_lessons_are_facts'
      when 'course_enrolled' then 'enrolments_are_facts' else 'completed_courses_are_facts' end,
    format('a fact for %s %s', d.subject_type, d.subject_id), 'none'
  where d.fact_at is null and d.activity_type in ('lesson_completed', 'course_enrolled', 'course_completed')
) c(check_name, expected, actual)
union all
select 'solutions_are_dated_by_facts', p.author_id, format('reply %s: %s', p.id, f.occurred_at),
  p.first_accepted_at::text
from learn.replies p
join learn_internal.all_facts f on f.user_id = p.author_id and f.activity_type = 'solution_accepted'
  and f.subject_type = 'reply' and f.subject_id = p.id::text
where p.first_accepted_at is distinct from f.occurred_at;
comment on view learn_internal.date_damage is
  'Where learners'' progress is dated otherwise than by its facts; no row when all is well.';

-- views/progress/progress_damage.sql

-- Where progress in lessons, courses, tracks, paths and difficulties is not what was done there:
-- the part of check_integrity() about progress.
create or replace view learn_internal.progress_damage (check_name, user_id, expected, actual) as
select 'solved_lessons_are_completed', v.user_id,
  format('lesson %s completed', v.lesson_id), 'not completed'
from learn_internal.solved_lessons v
join learn.lessons l on l.id = v.lesson_id
where not exists (
  select from learn.user_lesson_progress p
  where p.user_id = v.user_id and p.lesson_id = v.lesson_id and p.completed_at is not null)
  and (l.course_id is null or exists (  -- else when they enrol
    select from learn.user_course_progress p
    where p.user_id = v.user_id and p.course_id = l.course_id))
union all
select 'course_progress_follows_from_lessons', p.user_id,
  format('course %s: lessons %s of %s, levels %s of %s, weight %s of %s, %s seconds', p.course_id,
    coalesce(r.lessons_completed, 0), c.total_lessons, coalesce(v.levels_completed, 0),
    c.total_levels, coalesce(r.weight_completed, 0), c.total_weight,
    coalesce(r.time_spent_seconds, 0)),
  format('course %s: lessons %s of %s, levels %s of %s, weight %s of %s, %s seconds', p.course_id,
    p.lessons_completed, p.total_lessons, p.levels_completed, p.total_levels,
    p.weight_completed, p.total_weight, p.time_spent_seconds)
from learn.user_course_progress p
join learn.courses c on c.id = p.course_id
left join learn_internal.course_recounts r
  on r.user_id = p.user_id and r.course_id = p.course_id
left join learn_internal.course_level_recounts v
  on v.user_id = p.user_id and v.course_id = p.course_id
where (p.lessons_completed, p.total_lessons, p.levels_completed, p.total_levels,
    p.weight_completed, p.total_weight, p.time_spent_seconds)
  <> (coalesce(r.lessons_completed, 0), c.total_lessons, coalesce(v.levels_completed, 0),
    c.total_levels, coalesce(r.weight_completed, 0), c.total_weight,
    coalesce(r.time_spent_seconds, 0))
union all
select 'full_courses_are_completed', p.user_id,
  format('course %s completed', p.course_id), 'not completed'
from learn.user_course_progress p
join learn.courses c on c.id = p.course_id and c.is_published
where p.completion_percentage = 100 and p.completed_at is null
union all
select 'due_levels_are_unlocked', d.user_id, format('level %s unlocked', d.course_level_id),
  'locked'
from learn_internal.due_level_unlocks d
union all
select 'full_levels_are_completed', r.user_id, format('level %s completed', r.course_level_id),
  'not completed'
from learn_internal.level_recounts r
join learn.user_course_progress p on p.user_id = r.user_id and p.course_id = r.course_id
join learn.user_level_unlocks u
  on u.user_id = r.user_id and u.course_level_id = r.course_level_id
where u.completed_at is null
union all
select 'track_progress_follows_from_items', w.user_id,
  format('track %s: %s of %s', w.track_id, w.due, coalesce(z.total_items, 0)),
  format('track %s: %s of %s', w.track_id, w.completed, w.total)
from (
  select c.user_id, c.track_id, sum(c.due) as due, sum(c.completed) as completed, sum(c.total) as total
  from (
    select r.user_id, r.track_id, r.items_completed as due, 0 as completed, 0 as total
    from learn_internal.track_recounts r
    union all
    select p.user_id, p.track_id, 0, p.items_completed, p.total_items from learn.user_track_progress p
  ) c
  group by c.user_id, c.track_id
) w
left join learn_internal.track_sizes z on z.track_id = w.track_id
where w.due <> w.completed or coalesce(z.total_items, 0) <> w.total
union all
select 'track_progress_follows_from_items', p.user_id, format('track %s: status and percentage', p.track_id),
  format('%s of %s: %s, %s %%', p.items_completed, p.total_items, p.status, p.progress_percentage)
from learn.user_track_progress p
where p.status <> case when p.completed_at is not null then 'completed'
    when p.items_completed > 0 then 'in_progress' else 'not_started' end
  or p.progress_percentage <> coalesce(round(100.0 * p.items_completed / nullif(p.total_items, 0), 2), 0)
union all
select 'full_tracks_are_completed', p.user_id,
  format('track %s completed', p.track_id), 'not completed'
from learn.user_track_progress p
join learn.tracks t on t.id = p.track_id and t.is_published
where p.total_items > 0 and p.items_completed = p.total_items and p.completed_at is null
union all
select 'path_progress_follows_from_tracks', w.user_id,
  format('path %s: %s of %s', w.path_id, w.due, coalesce(z.total_tracks, 0)),
  format('path %s: %s of %s', w.path_id, w.completed, w.total)
from (
  select c.user_id, c.path_id, sum(c.due) as due, sum(c.completed) as completed, sum(c.total) as total
  from (
    select r.user_id, r.path_id, r.tracks_completed as due, 0 as completed, 0 as total
    from learn_internal.path_recounts r
    union all
    select p.user_id, p.path_id, 0, p.tracks_completed, p.total_tracks from learn.user_path_progress p
  ) c
  group by c.user_id, c.path_id
) w
left join learn_internal.path_sizes z on z.path_id = w.path_id
where w.due <> w.completed or coalesce(z.total_tracks, 0) <> w.total
union all
select 'full_paths_are_completed', p.user_id,
  format('path %s completed', p.path_id), 'not completed'
from learn.user_path_progress p
join learn.learning_paths l on l.id = p.path_id and l.is_published
where p.total_tracks > 0 and p.tracks_completed = p.total_tracks and p.completed_at is null
union all
select 'full_difficulties_are_completed', r.user_id,
  format('difficulty %s completed', r.difficulty), 'not completed'
from learn_internal.difficulty_recounts r
where not exists (
  select from learn.user_difficulty_progress p
  where p.user_id = r.user_id and p.difficulty = r.difficulty);
comment on view learn_internal.progress_damage is
  'Where progress in lessons, courses, tracks, paths and difficulties is not what was done there; '
  'no row when all is well.';

-- functions/progress/recount_courses.sql

-- Recounts users' progress in courses, set-based, and settles what is due to be unlocked or completed, where there is
-- something. The caller has locked the users.
create or replace function learn_internal.recount_courses(p_user_ids uuid[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan  -- for one user or for a million: plans that differ
as $$
begin
  update learn.user_course_progress p
  set lessons_completed = r.lessons_completed, total_lessons = r.total_lessons,
    levels_completed = r.levels_completed, total_levels = r.total_levels,
    weight_completed = r.weight_completed, total_weight = r.total_weight,
    time_spent_seconds = r.time_spent_seconds, last_activity_at = r.last_activity_at
  from (
    select q.user_id, q.course_id, coalesce(l.lessons_completed, 0) as lessons_completed, c.total_lessons,
      coalesce(v.levels_completed, 0) as levels_completed, c.total_levels,
      coalesce(l.weight_completed, 0) as weight_completed, c.total_weight,
      coalesce(l.time_spent_seconds, 0) as time_spent_seconds,
      greatest(q.last_activity_at, l.last_activity_at) as last_activity_at
    from learn.user_course_progress q
    join learn.courses c on c.id = q.course_id
    left join (
      select * from learn_internal.course_recounts x where x.user_id = any (p_user_ids)
    ) l on l.user_id = q.user_id and l.course_id = q.course_id
    left join (
      select * from learn_internal.course_level_recounts x where x.user_id = any (p_user_ids)
    ) v on v.user_id = q.user_id and v.course_id = q.course_id
    where q.user_id = any (p_user_ids)
  ) r
  where p.user_id = r.user_id and p.course_id = r.course_id
    and (p.lessons_completed, p.total_lessons, p.levels_completed, p.total_levels, p.weight_completed,
      p.total_weight, p.time_spent_seconds, p.last_activity_at) is distinct from (r.lessons_completed,
      r.total_lessons, r.levels_completed, r.total_levels, r.weight_completed, r.total_weight,
      r.time_spent_seconds, r.last_activity_at);
  -- what is due to be unlocked or completed
  perform learn_internal.settle_courses(array_agg(distinct d.user_id), array_agg(distinct d.course_id))
  from (
    select u.user_id, u.course_id from learn_internal.due_level_unlocks u
    where u.user_id = any (p_user_ids)
    union all
    select v.user_id, v.course_id
    from learn_internal.level_recounts v
    join learn.user_level_unlocks u
      on u.user_id = v.user_id and u.course_level_id = v.course_level_id and u.completed_at is null
    where v.user_id = any (p_user_ids)
    union all
    select p.user_id, p.course_id
    from learn.user_course_progress p
    where p.user_id = any (p_user_ids) and p.completion_percentage = 100 and p.completed_at is null
  ) d
  having count(*) > 0;
end;
$$;
comment on function learn_internal.recount_courses(uuid[]) is
  'Recounts users'' progress in courses, and settles what is due to be unlocked or completed.';

-- functions/catalog/set_content_public.sql

-- Shows a row of content to learners, or hides it from them. Where the setting content_needs_review is on, it has been
-- approved as it is.
-- Errors: LX003 no such content; LX007 it is not approved as it is; LX010 such content has no drafts.
create or replace function learn_internal.set_content_public(p_table text, p_content jsonb, p_is_public boolean)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_found       record;
  v_state       record;
  v_flag        text := learn_internal.content_tables() ->> p_table;
  v_is_reviewed boolean := learn_internal.setting_boolean('content_needs_review');
begin
  perform from learn_internal.turns t where t.name = 'content' for update;  -- what was approved is what is published
  v_found := learn_internal.find_content(p_table, p_content);
  v_state := learn_internal.content_state(p_table, v_found.content);
  if v_flag = '' then
    raise exception 'such content has no drafts'
      using errcode = 'LX010', detail = format('p_table = %s', p_table), hint = 'It has the effect when it is saved.';
  elsif v_found.content is null then
    raise exception 'there is no such row'
      using errcode = 'LX003', detail = format('%s: %s', p_table, left(p_content::text, 200)),
        hint = 'Name it by slug, key or id.';
  elsif p_is_public and v_is_reviewed and not v_state.is_public and not exists (
      select from learn.content_reviews r
      where r.table_name = p_table and r.content_id = (v_found.content ->> 'id')::bigint and r.state = 'approved'
        and r.content_hash = v_state.hash)
  then
    raise exception 'it is not approved as it is'
      using errcode = 'LX007', detail = format('%s: %s', p_table, left(p_content::text, 200)),
        hint = case when v_found.content ? 'id'
          then 'learn.review_content(): submit it, and let somebody else approve it (setting content_needs_review).'
          else 'It has no id, so no review: where content needs one, only the owner publishes it.' end;
  end if;
  execute format('update learn.%1$I t set %2$I = $2 from jsonb_populate_record(null::learn.%1$I, $1) n'
    ' where %3$s and t.%2$I <> $2', p_table, v_flag, v_found.found_by) using v_found.content, p_is_public;
end;
$$;
comment on function learn_internal.set_content_public(text, jsonb, boolean) is
  'Shows a row of content to learners, or hides it.';

-- functions/catalog/publish_content.sql

-- Shows content to learners. Errors: see set_content_public().
create or replace function learn.publish_content(p_table text, p_content jsonb)
returns void
language plpgsql
volatile
security definer                  -- editors write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
begin
  perform learn_internal.set_content_public(p_table, p_content, true);
end;
$$;
comment on function learn.publish_content(text, jsonb) is
  'Shows content to learners; where the setting content_needs_review is on, only what was approved as it is (LX007).';
grant execute on function learn.publish_content(text, jsonb) to learn_editor;

-- functions/catalog/unpublish_content.sql

-- Hides content from learners; what they did with it stays. Errors: see set_content_public().
create or replace function learn.unpublish_content(p_table text, p_content jsonb)
returns void
language plpgsql
volatile
security definer                  -- editors write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
begin
  perform learn_internal.set_content_public(p_table, p_content, false);
end;
$$;
comment on function learn.unpublish_content(text, jsonb) is 'Hides content from learners; what they did with it stays.';
grant execute on function learn.unpublish_content(text, jsonb) to learn_editor;

-- functions/catalog/find_content.sql

-- The row of content that an editor means, as it is; null where there is none. By its primary key, by slug, or by id.
-- Errors: LX001 no object, or nothing to find it by; LX003 no table of content.
create or replace function learn_internal.find_content(p_table text, p_content jsonb, out content jsonb, out found_by text)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_keys text[];
begin
  perform learn_internal.require_size('p_table', length(p_table), 63);
  perform learn_internal.require_size('p_content', pg_column_size(p_content), 2097152, 'bytes');
  if p_table is null or not learn_internal.content_tables() ? p_table then
    raise exception 'this is no table of content'
      using errcode = 'LX003', detail = format('p_table = %L', left(p_table, 100)),
        hint = 'One of ' || (select string_agg(k, ', ') from jsonb_object_keys(learn_internal.content_tables()) k) || '.';
  end if;
  if jsonb_typeof(p_content) is distinct from 'object' then
    raise exception 'content is a JSON object'
      using errcode = 'LX001', detail = format('p_content is %s', coalesce(jsonb_typeof(p_content), 'null')),
        hint = 'Such as {"slug": "joins", "title": "Joins"}: columns of the table with their values.';
  end if;
  v_keys := array(
    select a.attname from pg_index i
    join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any (i.indkey)
    where i.indrelid = ('learn.' || p_table)::regclass and i.indisprimary);
  if not p_content ?& v_keys and p_content ? 'slug' then
    v_keys := '{slug}';
  end if;
  if p_content ?& v_keys then
    found_by := (select string_agg(format('t.%1$I = n.%1$I', k), ' and ') from unnest(v_keys) k);
    execute format('select to_jsonb(t) from learn.%1$I t, jsonb_populate_record(null::learn.%1$I, $1) n where %2$s',
      p_table, found_by)
    into content using (select jsonb_object_agg(k, p_content -> k) from unnest(v_keys) k);
  end if;
exception
  when data_exception then
    raise exception 'the key of the content is malformed'
      using errcode = 'LX001', detail = left(sqlerrm, 500), hint = 'Ids are numbers, slugs are texts.';
end;
$$;
comment on function learn_internal.find_content(text, jsonb) is
  'The row of content that an editor means: by its primary key, by slug, or by id.';

-- functions/catalog/content_state.sql

-- Whether learners see a row of content by now, and what of it counts as its text: that is what is approved.
create or replace function learn_internal.content_state(
  p_table text, p_row jsonb, out is_public boolean, out hash text
)
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
  select coalesce((p_row ->> (learn_internal.content_tables() ->> p_table))::boolean, false),
    encode(sha256(convert_to((
      p_row - learn_internal.kept_columns() - array['is_published', 'is_active', 'created_at'])::text, 'UTF8')), 'hex');
$$;
comment on function learn_internal.content_state(text, jsonb) is
  'Whether learners see a row of content, and a hash of what is approved of it.';

-- functions/catalog/save_content.sql

-- Saves a row of content: a new one as a draft, which learners do not see until it is published, or what is named of one
-- that is there. Tables without drafts (links, levels of challenges, skills, avatars) have the effect at once.
-- Returns the row.
-- Errors: LX001 an unknown column, or a value that the table does not take; LX003 no table of content; LX010 a column
-- that is not an editor's to say, or what is published where content needs a review.
create or replace function learn.save_content(p_table text, p_content jsonb)
returns jsonb
language plpgsql
volatile
security definer                  -- editors write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_found   record;
  v_flag    text := learn_internal.content_tables() ->> p_table;
  v_problem text;
  v_columns text;
  v_row     jsonb;
  v_is_reviewed boolean := learn_internal.setting_boolean('content_needs_review');
begin
  perform from learn_internal.turns t where t.name = 'content' for update;  -- what is looked at here is what is changed
  v_found := learn_internal.find_content(p_table, p_content);
  select string_agg(quote_ident(e.key), ', ') filter (where a.attname is not null),
    min(e.key) filter (where a.attname is null)
  into v_columns, v_problem
  from jsonb_object_keys(p_content) e(key)
  left join pg_attribute a on a.attrelid = ('learn.' || p_table)::regclass and a.attname = e.key and a.attnum > 0
    and not a.attisdropped and a.attgenerated = ''
  where e.key <> 'id';
  if v_problem is not null or v_columns is null then
    raise exception 'there is no such column'
      using errcode = 'LX001', detail = format('%s: %s', p_table, coalesce(left(v_problem, 100), 'none is given')),
        hint = 'docs/reference.md lists the columns of each table.';
  end if;
  select min(k) into v_problem
  from jsonb_object_keys(p_content) k
  where k in ('is_published', 'is_active', 'created_at') or k = any (learn_internal.kept_columns());
  if v_problem is not null then
    raise exception 'an editor does not say this'
      using errcode = 'LX010', detail = v_problem,
        hint = 'What learners see is published by learn.publish_content(); the rest Laurel keeps itself.';
  elsif v_is_reviewed and (learn_internal.content_state(p_table, v_found.content)).is_public then
    raise exception 'published content is not changed without a review'
      using errcode = 'LX010', detail = format('%s: %s', p_table, left(p_content ->> 'slug', 200)),
        hint = 'learn.unpublish_content() first, or save it as another row and publish that.';
  elsif v_found.content is null and p_content ? 'id' then
    raise exception 'there is no such row'
      using errcode = 'LX003', detail = format('%s: id = %s', p_table, p_content ->> 'id'),
        hint = 'Leave id out to make a new row; the database numbers it.';
  end if;

  if v_is_reviewed then
    perform learn_internal.require_draft(p_table, p_content);
  end if;
  begin
    if v_found.content is null then
      execute format('insert into learn.%1$I as t (%2$s%3$s) select %2$s%4$s'
          ' from jsonb_populate_record(null::learn.%1$I, $1) returning to_jsonb(t)', p_table, v_columns,
        case when v_flag <> '' then ', ' || v_flag end, case when v_flag <> '' then ', false' end)
      into v_row using p_content;
    else
      execute format('update learn.%1$I t set (%2$s) = row(%3$s)'
          ' from jsonb_populate_record(null::learn.%1$I, $1) n where %4$s returning to_jsonb(t)', p_table, v_columns,
        (select string_agg('n.' || c, ', ') from unnest(string_to_array(v_columns, ', ')) c), v_found.found_by)
      into v_row using p_content;
    end if;
  exception
    when integrity_constraint_violation or data_exception then
      raise exception 'the content cannot be saved so'
        using errcode = 'LX001', detail = left(sqlerrm, 500),
          hint = 'What each column may be, the constraints of the table say: docs/reference.md.';
  end;
  return v_row;
end;
$$;
comment on function learn.save_content(text, jsonb) is
  'Saves a row of content: a new one as a draft, or what is named of one that is there. Returns the row.';
grant execute on function learn.save_content(text, jsonb) to learn_editor;

-- functions/catalog/unlink_content.sql

-- Takes a link between content away: a lesson out of a track, a prerequisite. Everything else is unpublished, because
-- deleting it would take learners' rows with it.
-- Errors: LX001; LX003 no such link, or no table of links; LX010 no table of links, or of what
-- is published where content needs a review.
create or replace function learn.unlink_content(p_table text, p_content jsonb)
returns void
language plpgsql
volatile
security definer                  -- editors write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_found record;
begin
  perform from learn_internal.turns t where t.name = 'content' for update;  -- what it is of is not published in between
  v_found := learn_internal.find_content(p_table, p_content);
  if p_table not in ('learning_path_tracks', 'track_lessons', 'track_prerequisites', 'course_prerequisites',
    'challenge_prerequisites', 'skill_prerequisites')
  then
    raise exception 'content is not deleted'
      using errcode = 'LX010', detail = format('p_table = %s', p_table),
        hint = 'Unpublish it: learn.unpublish_content(). What learners did with it would go with it; that is the owner''s to do.';
  elsif v_found.content is null then
    raise exception 'there is no such row'
      using errcode = 'LX003', detail = format('%s: %s', p_table, left(p_content::text, 200)),
        hint = 'Name both of what is linked.';
  end if;
  if learn_internal.setting_boolean('content_needs_review') then
    perform learn_internal.require_draft(p_table, p_content);
  end if;
  execute format('delete from learn.%1$I t using jsonb_populate_record(null::learn.%1$I, $1) n where %2$s',
    p_table, v_found.found_by) using v_found.content;
end;
$$;
comment on function learn.unlink_content(text, jsonb) is
  'Takes a link between content away, such as a lesson out of a track or a prerequisite.';
grant execute on function learn.unlink_content(text, jsonb) to learn_editor;

-- functions/catalog/content_reviewer.sql

-- Who is at the other end: the login role. What the session says counts only from a login that is trusted as a backend,
-- a member of learn_app: else who submits would say to be somebody else, and approve.
-- Errors: LX001 the setting has characters that nobody sees, or too many.
create or replace function learn_internal.content_reviewer()
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return learn_internal.require_text('learn.acting_user', coalesce(
    case when pg_has_role(session_user, 'learn_app', 'usage') then nullif(current_setting('learn.acting_user', true), '') end,
    session_user::text), 200, true);
end;
$$;
comment on function learn_internal.content_reviewer() is
  'Who submits or reviews: the login role; the setting learn.acting_user where that is a member of learn_app.';

-- functions/catalog/review_content.sql

-- A draft goes from its editor to somebody else and back: submitted, then approved, or returned with a note. What is
-- approved is the row as it is: once it is changed, it is submitted again.
-- p_step: submit, approve or return.
-- Errors: LX001 unknown step; LX003 no such content; LX007 it was not submitted as it is; LX010 nobody reviews what they
-- have submitted themselves, or such content is not reviewed.
create or replace function learn.review_content(p_table text, p_content jsonb, p_step text, p_note text default null)
returns void
language plpgsql
volatile
security definer                  -- editors write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_found  record;
  v_state  record;
  v_review learn.content_reviews;
begin
  -- Levels and links are no part of the hash: who changes them waits, and an older snapshot of theirs fails (40001).
  update learn_internal.turns t set name = t.name where t.name = 'content';
  v_found := learn_internal.find_content(p_table, p_content);
  perform learn_internal.require_size('p_step', length(p_step), 20);
  p_note := learn_internal.require_text('p_note', p_note, 2000);
  if p_step is null or p_step not in ('submit', 'approve', 'return') then
    raise exception 'a draft is submitted, approved or returned'
      using errcode = 'LX001', detail = format('p_step = %L', left(p_step, 50)), hint = 'Pass submit, approve or return.';
  elsif v_found.content is null then
    raise exception 'there is no such row'
      using errcode = 'LX003', detail = format('%s: %s', p_table, left(p_content::text, 200)),
        hint = 'Name it by slug or id.';
  elsif learn_internal.content_tables() ->> p_table = '' or not v_found.content ? 'id' then
    raise exception 'such content is not reviewed'
      using errcode = 'LX010', detail = format('p_table = %s', p_table),
        hint = 'It has the effect when it is saved; exam types and notification rules, when they are published.';
  end if;
  v_state := learn_internal.content_state(p_table, v_found.content);
  if p_step = 'submit' then
    insert into learn.content_reviews as r (table_name, content_id, state, content_hash, note, submitted_by)
    values (p_table, (v_found.content ->> 'id')::bigint, 'submitted', v_state.hash, p_note, learn_internal.content_reviewer())
    on conflict (table_name, content_id) do update
      set state = excluded.state, content_hash = excluded.content_hash, note = excluded.note,
        submitted_by = excluded.submitted_by, submitted_at = excluded.submitted_at, reviewed_by = null,
        reviewed_at = null;
    return;
  end if;
  select r.* into v_review
  from learn.content_reviews r
  where r.table_name = p_table and r.content_id = (v_found.content ->> 'id')::bigint
  for update;
  if v_review.state is distinct from 'submitted' or v_review.content_hash <> v_state.hash then
    raise exception 'it was not submitted as it is'
      using errcode = 'LX007', detail = format('%s %s: %s', p_table, v_found.content ->> 'id',
          case when v_review.state is null then 'never submitted' when v_review.state <> 'submitted' then v_review.state
            else 'changed since' end),
        hint = 'Submit it first, or again: learn.review_content(…, ''submit'').';
  elsif v_review.submitted_by = learn_internal.content_reviewer() then
    raise exception 'nobody reviews what they have submitted themselves'
      using errcode = 'LX010', detail = format('submitted by %s', v_review.submitted_by),
        hint = 'Let somebody else review it. Who one is says the login role, or the setting learn.acting_user.';
  end if;
  update learn.content_reviews r
  set state = case p_step when 'approve' then 'approved' else 'returned' end, note = p_note,
    reviewed_by = learn_internal.content_reviewer(), reviewed_at = learn.clock()
  where r.table_name = p_table and r.content_id = v_review.content_id;
end;
$$;
comment on function learn.review_content(text, jsonb, text, text) is
  'A draft is submitted, approved by somebody else, or returned with a note (p_step: submit, approve, return).';
grant execute on function learn.review_content(text, jsonb, text, text) to learn_editor;

-- functions/catalog/require_draft.sql

-- Where content needs a review: content that has no draft of its own, such as a level of a challenge or a link, changes
-- with the draft that it belongs to, and what had been said of that one is void.
-- Errors: LX010 that is published, or there is none.
create or replace function learn_internal.require_draft(p_table text, p_content jsonb)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_of    jsonb := '{
    "challenge_levels": ["challenges", "challenge_id"], "challenge_prerequisites": ["challenges", "challenge_id"],
    "learning_path_tracks": ["learning_paths", "path_id"], "track_lessons": ["tracks", "track_id"],
    "track_prerequisites": ["tracks", "track_id"], "course_prerequisites": ["courses", "course_id"]}'::jsonb -> p_table;
  v_found record;
begin
  if v_of is not null then
    v_found := learn_internal.find_content(v_of ->> 0, jsonb_build_object('id', p_content -> (v_of ->> 1)));
    if v_found.content is not null and not (learn_internal.content_state(v_of ->> 0, v_found.content)).is_public then
      delete from learn.content_reviews r
      where r.table_name = v_of ->> 0 and r.content_id = (v_found.content ->> 'id')::bigint;
      return;
    end if;
  elsif learn_internal.content_tables() ->> p_table <> '' then
    return;
  end if;
  raise exception 'this would be published without a review'
    using errcode = 'LX010', detail = format('%s: %s', p_table, left(p_content::text, 200)),
      hint = coalesce(format('learn.unpublish_content() of its row of learn.%s first; that is submitted again then.', v_of ->> 0),
        'It has no draft: where content needs a review, only the owner writes it.');
end;
$$;
comment on function learn_internal.require_draft(text, jsonb) is
  'Where content needs a review: refuses to change what has no draft of its own and is published (LX010).';

-- functions/practice/end_lessons.sql

-- Completes the lessons of which users have just solved the last exercise (parallel arrays); one that is not open to its
-- user is begun, where the exercise is new to the user. p_at: when the last of them was solved. The caller has locked the users.
create or replace function learn_internal.end_lessons(
  p_user_ids uuid[], p_lesson_ids bigint[], p_are_new boolean[], p_at timestamptz
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if cardinality(p_user_ids) > 1 then
    perform learn_internal.complete_solved_lessons(p_user_ids, p_lesson_ids);
  elsif learn_internal.complete_solved_lesson(p_user_ids[1], p_lesson_ids[1], p_at) then
    return;
  end if;
  if true = any (p_are_new) then
    insert into learn.user_lesson_progress (user_id, lesson_id, status)
    select d.user_id, d.lesson_id, 'in_progress'
    from unnest(p_user_ids, p_lesson_ids, p_are_new) d(user_id, lesson_id, is_new)
    where d.is_new
    on conflict (user_id, lesson_id) do nothing;
  end if;
end;
$$;
comment on function learn_internal.end_lessons(uuid[], bigint[], boolean[], timestamptz) is
  'Completes the lessons of which users have solved the last exercise, or begins them.';

reset role;
