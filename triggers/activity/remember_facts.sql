-- When rows are deleted that say that something has happened once: that it has is remembered, so that doing it
-- again pays nothing and counts nothing. Other facts that follow from the log are not forgotten at all.
-- What goes with its learner, or with the content that it was about, needs no memory.
-- First of all that follows a deletion: the triggers fire in the order of their names.
-- Errors: LX009.
create or replace function learn_internal.remember_facts()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off   -- by key, also where a table was small when this was planned
set jit = off
as $$
begin
  if not exists (select from deleted_rows) then
    return null;
  end if;
  insert into learn_internal.recorded_subjects (user_id, activity_type, subject_type, subject_id)
  select distinct d.user_id, f.activity_type, f.subject_type, f.subject_id
  from (select (to_jsonb(o) ->> 'user_id')::uuid as user_id, to_jsonb(o) as row from deleted_rows o) d
  cross join lateral (
    select t.activity_type, 'lesson' as subject_type, l.id::text as subject_id
    from learn.lessons l
    cross join lateral (
      values
        ('lesson_started', d.row ->> 'started_at' is not null),
        ('lesson_completed', d.row ->> 'completed_at' is not null),
        -- without exercises and so far without a score, the first one is yet to come
        ('lesson_perfect', d.row ->> 'completed_at' is not null and (
          d.row ->> 'score' is not null or exists (select from learn.exercises e where e.lesson_id = l.id)))
    ) t(activity_type, has_happened)
    where tg_table_name = 'user_lesson_progress' and l.id = (d.row ->> 'lesson_id')::bigint and t.has_happened
    union all
    select t.activity_type, 'exercise', e.id::text
    from learn.exercises e
    cross join lateral (
      values ('exercise_solved', d.row ->> 'solved_at' is not null), ('exercise_solved_first_try', true)
    ) t(activity_type, has_happened)
    where tg_table_name = 'user_exercise_progress' and e.id = (d.row ->> 'exercise_id')::bigint
      and t.has_happened
    union all
    select t.activity_type, 'course', c.id::text
    from learn.courses c
    cross join lateral (
      values ('course_enrolled', true), ('course_completed', d.row ->> 'completed_at' is not null)
    ) t(activity_type, has_happened)
    where tg_table_name = 'user_course_progress' and c.id = (d.row ->> 'course_id')::bigint
      and t.has_happened
    union all
    select 'level_completed', 'course_level', v.id::text
    from learn.course_levels v
    where tg_table_name = 'user_level_unlocks' and v.id = (d.row ->> 'course_level_id')::bigint
      and d.row ->> 'completed_at' is not null
    union all
    select 'track_completed', 'track', t.id::text
    from learn.tracks t
    where tg_table_name = 'user_track_progress' and t.id = (d.row ->> 'track_id')::bigint
      and d.row ->> 'completed_at' is not null
    union all
    select 'path_completed', 'path', p.id::text
    from learn.learning_paths p
    where tg_table_name = 'user_path_progress' and p.id = (d.row ->> 'path_id')::bigint
      and d.row ->> 'completed_at' is not null
    union all
    select 'difficulty_completed', 'difficulty', k.key
    from learn.difficulties k
    where tg_table_name = 'user_difficulty_progress' and k.key = d.row ->> 'difficulty'
    union all
    select t.activity_type, 'challenge', c.id::text
    from learn.challenges c
    cross join lateral (
      values
        ('challenge_unlocked', d.row ->> 'unlocked_at' is not null),
        ('challenge_completed', d.row ->> 'completed_at' is not null)
    ) t(activity_type, has_happened)
    where tg_table_name = 'user_challenge_progress' and c.id = (d.row ->> 'challenge_id')::bigint
      and t.has_happened
    union all
    select 'challenge_level_passed', 'challenge_level', c.id || ':' || l.level_number
    from learn.challenges c
    cross join lateral (
      select (d.row ->> 'level_number')::integer where (d.row ->> 'passed')::boolean
      union all
      select x.level::integer
      from jsonb_array_elements_text(coalesce(
        d.row -> 'levels_completed', d.row -> 'completed_levels', '[]')) x(level)
    ) l(level_number)
    where tg_table_name in ('level_attempts', 'user_challenge_progress', 'imported_challenge_progress')
      and c.id = (d.row ->> 'challenge_id')::bigint
    union all
    -- what an import has paid, see apply_imports()
    select 'xp_awarded', 'import', c.id::text
    from learn.challenges c
    where tg_table_name = 'imported_challenge_progress' and c.id = (d.row ->> 'challenge_id')::bigint
    union all
    -- by its date, because another challenge may come on it: see daily_challenges
    select 'daily_challenge_completed', 'date', c.date::text
    from learn.daily_challenges c
    where tg_table_name = 'daily_challenge_attempts' and c.id = (d.row ->> 'daily_challenge_id')::bigint
      and (d.row ->> 'passed')::boolean
  ) f
  join learn.users u on u.id = d.user_id
  order by 1, 2, 3, 4
  on conflict do nothing;
  return null;
end;
$$;
comment on function learn_internal.remember_facts() is
  'Statement trigger: what deleted rows say to have happened once does not happen again.';

create or replace trigger are_remembered
  after delete on learn.user_lesson_progress
  referencing old table as deleted_rows
  for each statement execute function learn_internal.remember_facts();

create or replace trigger are_remembered
  after delete on learn.user_exercise_progress
  referencing old table as deleted_rows
  for each statement execute function learn_internal.remember_facts();

create or replace trigger are_remembered
  after delete on learn.user_course_progress
  referencing old table as deleted_rows
  for each statement execute function learn_internal.remember_facts();

create or replace trigger are_remembered
  after delete on learn.user_level_unlocks
  referencing old table as deleted_rows
  for each statement execute function learn_internal.remember_facts();

create or replace trigger are_remembered
  after delete on learn.user_track_progress
  referencing old table as deleted_rows
  for each statement execute function learn_internal.remember_facts();

create or replace trigger are_remembered
  after delete on learn.user_path_progress
  referencing old table as deleted_rows
  for each statement execute function learn_internal.remember_facts();

create or replace trigger are_remembered
  after delete on learn.user_difficulty_progress
  referencing old table as deleted_rows
  for each statement execute function learn_internal.remember_facts();

create or replace trigger are_remembered
  after delete on learn.user_challenge_progress
  referencing old table as deleted_rows
  for each statement execute function learn_internal.remember_facts();

create or replace trigger are_remembered
  after delete on learn.level_attempts
  referencing old table as deleted_rows
  for each statement execute function learn_internal.remember_facts();

create or replace trigger are_remembered
  after delete on learn.imported_challenge_progress
  referencing old table as deleted_rows
  for each statement execute function learn_internal.remember_facts();

create or replace trigger are_remembered
  after delete on learn.daily_challenge_attempts
  referencing old table as deleted_rows
  for each statement execute function learn_internal.remember_facts();

-- Nor are these tables emptied past the memory.
create or replace trigger refuse_truncate before truncate on learn.user_lesson_progress
  for each statement execute function learn_internal.refuse_truncate();
create or replace trigger refuse_truncate before truncate on learn.user_exercise_progress
  for each statement execute function learn_internal.refuse_truncate();
create or replace trigger refuse_truncate before truncate on learn.user_course_progress
  for each statement execute function learn_internal.refuse_truncate();
create or replace trigger refuse_truncate before truncate on learn.user_level_unlocks
  for each statement execute function learn_internal.refuse_truncate();
create or replace trigger refuse_truncate before truncate on learn.user_track_progress
  for each statement execute function learn_internal.refuse_truncate();
create or replace trigger refuse_truncate before truncate on learn.user_path_progress
  for each statement execute function learn_internal.refuse_truncate();
create or replace trigger refuse_truncate before truncate on learn.user_difficulty_progress
  for each statement execute function learn_internal.refuse_truncate();
create or replace trigger refuse_truncate before truncate on learn.user_challenge_progress
  for each statement execute function learn_internal.refuse_truncate();
create or replace trigger refuse_truncate before truncate on learn.level_attempts
  for each statement execute function learn_internal.refuse_truncate();
create or replace trigger refuse_truncate before truncate on learn.imported_challenge_progress
  for each statement execute function learn_internal.refuse_truncate();
create or replace trigger refuse_truncate before truncate on learn.daily_challenge_attempts
  for each statement execute function learn_internal.refuse_truncate();
create or replace trigger refuse_truncate before truncate on learn.query_submissions
  for each statement execute function learn_internal.refuse_truncate();
create or replace trigger refuse_truncate before truncate on learn.user_achievements
  for each statement execute function learn_internal.refuse_truncate();
create or replace trigger refuse_truncate before truncate on learn.user_skills
  for each statement execute function learn_internal.refuse_truncate();
