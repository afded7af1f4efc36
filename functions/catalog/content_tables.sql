-- Content for editors who are no owners: drafts that are saved, submitted, approved by somebody else where that is asked
-- for, and published. The tables that it is about, and the column that says whether learners see a row; empty: they do
-- at once.
create or replace function learn_internal.content_tables()
returns jsonb
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select '{
    "learning_paths": "is_published", "tracks": "is_published", "courses": "is_published",
    "course_levels": "is_published", "lessons": "is_published", "exercises": "is_published",
    "challenges": "is_active", "achievements": "is_active", "exam_types": "is_active", "questions": "is_active",
    "notification_rules": "is_active", "challenge_levels": "", "daily_challenges": "", "skills": "", "avatars": "",
    "learning_path_tracks": "", "track_lessons": "", "track_prerequisites": "", "course_prerequisites": "",
    "challenge_prerequisites": "", "skill_prerequisites": ""}'::jsonb;
$$;
comment on function learn_internal.content_tables() is
  'The tables that editors write, with the column that says whether learners see a row; empty: they do at once.';
