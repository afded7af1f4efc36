-- Courses: with or without levels, enrolment, prerequisites, level unlocks, ratings. A course can be
-- an item of a track, like a lesson.

set role learn_owner;

insert into learn.activity_types (key, description, is_qualifying, happens_once) values
  ('course_enrolled', 'The user enrolled in a course.', false, true),
  ('level_completed', 'The user completed a level of a course.', true, true),
  ('course_completed', 'The user completed a course.', true, true)
-- they stay when this is rolled back, because facts of theirs may be in the log
on conflict (key) do nothing;

insert into learn.platform_settings (key, value, value_type, description) values
  ('level_completion_policy', '"any"', 'string',
    'A level of a course is completed when "any" of its published lessons is, or when "all" are.');
alter table learn.platform_settings add constraint level_completion_policy_is_known check (
  key <> 'level_completion_policy' or value in ('"any"', '"all"'));

-- functions/catalog/is_translations.sql
-- Whether a document holds translations: {"fil": {"title": "…", "description": "…"}, …}.
create or replace function learn_internal.is_translations(p_translations jsonb)
returns boolean
language sql
immutable
parallel safe
set search_path = ''
as $$
  select jsonb_typeof(p_translations) = 'object'
    and not jsonb_path_exists(p_translations, 'strict $.* ? (@.type() != "object")')
    and not jsonb_path_exists(p_translations, 'strict $.*.* ? (@.type() != "string")');
$$;
comment on function learn_internal.is_translations(jsonb) is
  'Whether a document holds translations: texts by field by language tag.';
revoke all on function learn_internal.is_translations(jsonb) from public;

create table learn.courses (
  id              bigint generated always as identity primary key,
  slug            text not null,
  track_id        bigint references learn.tracks on delete set null,
  title           text not null,
  description     text not null default '',
  category        text not null default '',
  language        text not null default '',
  difficulty      text not null default 'beginner' references learn.difficulties on update cascade,
  estimated_hours numeric(6, 2),
  icon_url        text,
  color           text,
  position        integer not null default 0,
  completion_xp   integer not null default 0,
  translations    jsonb not null default '{}',
  is_published    boolean not null default true,
  is_featured     boolean not null default false,
  total_lessons   integer not null default 0,
  total_levels    integer not null default 0,
  total_weight    numeric(12, 2) not null default 0,
  created_at      timestamptz not null default learn.clock(),
  updated_at      timestamptz not null default learn.clock(),
  constraint courses_slug_is_unique unique (slug),
  constraint slug_is_a_slug check (slug ~ '^[a-z0-9]+([-_.][a-z0-9]+)*$'),
  constraint title_is_not_blank check (title ~ '\S'),
  constraint estimated_hours_are_positive check (estimated_hours > 0),
  constraint completion_xp_is_not_negative check (completion_xp >= 0),
  constraint translations_are_texts check (learn_internal.is_translations(translations))
);
comment on table learn.courses is
  'A course of lessons, directly or in levels. Completed when all its published levels are '
  '(lessons, where it has no levels). Can be an item of a track.';
comment on column learn.courses.track_id is 'The track of which the course is an item.';
comment on column learn.courses.language is
  'What the course teaches or is taught in, such as python; for clients to filter by.';
comment on column learn.courses.completion_xp is 'XP for completing the course.';
comment on column learn.courses.translations is
  '{"fil": {"title": "…", "description": "…"}}: read with learn.localized().';
comment on column learn.courses.total_lessons is
  'Published lessons. This and the next two are kept by triggers.';
comment on column learn.courses.total_levels is 'Published levels with a published lesson.';
comment on column learn.courses.total_weight is
  'Sum of the XP multipliers of the published lessons: what mastery is measured by.';
create index courses_track on learn.courses (track_id, difficulty, category);
create index courses_difficulty on learn.courses (difficulty, category);
grant select on learn.courses to learn_app, learn_readonly;

create table learn.course_prerequisites (
  course_id              bigint not null references learn.courses on delete cascade,
  prerequisite_course_id bigint not null references learn.courses on delete cascade,
  is_required            boolean not null default true,
  primary key (course_id, prerequisite_course_id),
  constraint course_is_not_its_own_prerequisite check (course_id <> prerequisite_course_id)
);
comment on table learn.course_prerequisites is
  'Courses to complete before another. A cycle is refused (LX012).';
comment on column learn.course_prerequisites.is_required is
  'True: enrolment waits for it (LX006). False: it is recommended.';
create index course_prerequisites_prerequisite
  on learn.course_prerequisites (prerequisite_course_id);
grant select on learn.course_prerequisites to learn_app, learn_readonly;

create table learn.course_levels (
  id           bigint generated always as identity primary key,
  course_id    bigint not null references learn.courses on delete cascade,
  slug         text not null,
  title        text not null,
  description  text not null default '',
  position     integer not null default 0,
  translations jsonb not null default '{}',
  is_published boolean not null default true,
  created_at   timestamptz not null default learn.clock(),
  updated_at   timestamptz not null default learn.clock(),
  constraint course_levels_slug_is_unique unique (course_id, slug),
  constraint course_levels_course_is_unique unique (id, course_id),
  constraint slug_is_a_slug check (slug ~ '^[a-z0-9]+([-_.][a-z0-9]+)*$'),
  constraint title_is_not_blank check (title ~ '\S'),
  constraint translations_are_texts check (learn_internal.is_translations(translations))
);
comment on table learn.course_levels is
  'A chapter of a course, in order of position (then id). Completing one unlocks the next.';
create index course_levels_position on learn.course_levels (course_id, position, id);
grant select on learn.course_levels to learn_app, learn_readonly;

alter table learn.lessons
  add column course_id       bigint references learn.courses on delete cascade,
  add column course_level_id bigint,
  add column is_available    boolean not null default true,
  add constraint lessons_course_level_fkey foreign key (course_level_id, course_id)
    references learn.course_levels (id, course_id) on update cascade on delete cascade,
  add constraint level_lessons_have_a_course check (course_level_id is null or course_id is not null),
  add constraint lessons_sequence_is_unique unique (course_id, sequence_number)
    deferrable initially immediate,
  add constraint lessons_tier_is_unique unique (course_level_id, difficulty)
    deferrable initially immediate,
  drop constraint translations_are_an_object,
  add constraint translations_are_texts check (learn_internal.is_translations(translations));
update learn.lessons set is_available = is_published where not is_published;
comment on column learn.lessons.course_id is
  'The course that the lesson belongs to; filled in where only course_level_id is given.';
comment on column learn.lessons.course_level_id is
  'The level of the course, at most one lesson for each difficulty; null: directly in the course.';
comment on column learn.lessons.sequence_number is
  'Place in the course, 1 first; unique in it. For clients to order by.';
comment on column learn.lessons.is_available is
  'Published, and so are its level and course: what learners can complete. Kept by triggers.';
comment on column learn.lessons.translations is
  '{"fil": {"title": "…"}}: read with learn.localized().';
create index lessons_course_level on learn.lessons (course_level_id, course_id);
create index lessons_content on learn.lessons using gin (content jsonb_path_ops);
create index user_lesson_progress_recent
  on learn.user_lesson_progress (user_id, completed_at desc) where completed_at is not null;

create table learn.user_course_progress (
  user_id               uuid not null references learn.users on delete cascade,
  course_id             bigint not null references learn.courses on delete cascade,
  status                text not null generated always as (
    case when completed_at is not null then 'completed'
      when lessons_completed > 0 then 'in_progress' else 'not_started' end) stored,
  enrolled_at           timestamptz not null default learn.clock(),
  completed_at          timestamptz,
  lessons_completed     integer not null default 0,
  total_lessons         integer not null default 0,
  levels_completed      integer not null default 0,
  total_levels          integer not null default 0,
  weight_completed      numeric(12, 2) not null default 0,
  total_weight          numeric(12, 2) not null default 0,
  completion_percentage numeric(5, 2) not null generated always as (
    case when total_levels > 0 then round(100.0 * levels_completed / total_levels, 2)
      when total_lessons > 0 then round(100.0 * lessons_completed / total_lessons, 2)
      else 0 end) stored,
  mastery_percentage    numeric(5, 2) not null generated always as (
    case when total_weight > 0 then round(100.0 * weight_completed / total_weight, 2)
      else 0 end) stored,
  time_spent_seconds    bigint not null default 0,
  last_activity_at      timestamptz,
  primary key (user_id, course_id),
  constraint lessons_completed_are_lessons check (
    lessons_completed between 0 and total_lessons),
  constraint levels_completed_are_levels check (levels_completed between 0 and total_levels),
  constraint weight_completed_is_weight check (weight_completed between 0 and total_weight),
  constraint time_spent_is_not_negative check (time_spent_seconds >= 0)
) with (fillfactor = 70);
comment on table learn.user_course_progress is
  'An enrolment, and how far it has come: live numbers, a sticky completed_at. '
  'Inserting a row enrols: it checks prerequisites (LX006) and unlocks the first level.';
comment on column learn.user_course_progress.completion_percentage is
  'Completed of the published levels (lessons, where the course has no levels), in percent.';
comment on column learn.user_course_progress.mastery_percentage is
  'XP multipliers of the completed lessons, of those of all published lessons, in percent.';
comment on column learn.user_course_progress.weight_completed is
  'Sum of the XP multipliers of the completed lessons.';
comment on column learn.user_course_progress.time_spent_seconds is
  'Time spent in the lessons of the course, in seconds.';
create index user_course_progress_course on learn.user_course_progress (course_id, user_id);
grant select on learn.user_course_progress to learn_app, learn_readonly;

create table learn.user_level_unlocks (
  user_id         uuid not null references learn.users on delete cascade,
  id              bigint generated always as identity,
  course_level_id bigint not null references learn.course_levels on delete cascade,
  unlocked_at     timestamptz not null default learn.clock(),
  completed_at    timestamptz,
  primary key (user_id, course_level_id),
  constraint user_level_unlocks_id_is_unique unique (user_id, id)
) with (fillfactor = 80);
comment on table learn.user_level_unlocks is
  'Levels of courses that a user may work on. Unlocks and completions are sticky.';
comment on column learn.user_level_unlocks.id is 'Order of the unlocks.';
comment on column learn.user_level_unlocks.completed_at is
  'When the level was completed, by the setting level_completion_policy; null: not yet.';
create index user_level_unlocks_level on learn.user_level_unlocks (course_level_id, user_id);
grant select on learn.user_level_unlocks to learn_app, learn_readonly;

create table learn.course_ratings (
  user_id    uuid not null references learn.users on delete cascade,
  course_id  bigint not null references learn.courses on delete cascade,
  rating     integer not null,
  review     text,
  created_at timestamptz not null default learn.clock(),
  updated_at timestamptz not null default learn.clock(),
  primary key (user_id, course_id),
  constraint rating_is_one_to_five check (rating between 1 and 5),
  constraint review_is_not_blank check (review ~ '\S' and length(review) <= 10000)
);
comment on table learn.course_ratings is 'Ratings of courses by users who are enrolled, 1 to 5.';
create index course_ratings_course on learn.course_ratings (course_id, user_id, rating);
grant select on learn.course_ratings to learn_app, learn_readonly;

reset role;
