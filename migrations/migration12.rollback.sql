-- Undoes migration12.sql.

set role learn_owner;

drop trigger course_levels_change on learn.course_levels;
drop trigger course_levels_deleted on learn.course_levels;
drop trigger course_levels_inserted on learn.course_levels;
drop trigger course_levels_touch on learn.course_levels;
drop trigger course_levels_updated on learn.course_levels;
drop trigger course_prerequisites_change on learn.course_prerequisites;
drop trigger course_prerequisites_inserted on learn.course_prerequisites;
drop trigger course_prerequisites_updated on learn.course_prerequisites;
drop trigger course_progress_deleted on learn.user_course_progress;
drop trigger course_progress_inserted on learn.user_course_progress;
drop trigger courses_change on learn.courses;
drop trigger courses_deleted on learn.courses;
drop trigger courses_touch on learn.courses;
drop trigger courses_updated on learn.courses;
drop trigger difficulties_change on learn.difficulties;
drop trigger difficulties_updated on learn.difficulties;
drop trigger lessons_deleted on learn.lessons;
drop trigger lessons_inserted on learn.lessons;
drop trigger move_lessons on learn.lessons;
drop trigger place_lessons on learn.lessons;
drop trigger settings_updated on learn.platform_settings;
drop trigger user_course_progress_hold on learn.user_course_progress;
drop function learn.enroll_in_course(uuid,bigint,timestamp with time zone,text);
drop function learn.rate_course(uuid,bigint,integer,text,timestamp with time zone,text);
drop function learn_internal.advance_courses(uuid[],bigint[],timestamp with time zone[]);
drop function learn_internal.complete_courses(uuid[],bigint[],timestamp with time zone[]);
drop function learn_internal.count_courses(bigint[]);
drop function learn_internal.course_levels_deleted();
drop function learn_internal.course_levels_inserted();
drop function learn_internal.course_levels_updated();
drop function learn_internal.course_progress_deleted();
drop function learn_internal.course_progress_inserted();
drop function learn_internal.courses_deleted();
drop function learn_internal.courses_updated();
drop function learn_internal.difficulties_updated();
drop function learn_internal.lessons_deleted();
drop function learn_internal.lessons_inserted();
drop function learn_internal.place_lessons();
drop function learn_internal.refresh_courses(bigint[]);
drop function learn_internal.require_course(bigint);
drop function learn_internal.require_lesson(uuid,bigint);
drop function learn_internal.require_unlocked(uuid[],bigint[]);
drop function learn_internal.settings_updated();
drop function learn_internal.settle_courses(uuid[],bigint[]);
drop function learn_internal.touch_courses(learn_internal.lesson_time[]);
drop function learn_internal.unlock_levels(uuid[],bigint[]);
drop view learn.course_catalog;
drop view learn.course_xp;
drop view learn.user_dashboard;
drop view learn_internal.course_level_recounts;
drop view learn_internal.course_recounts;
drop view learn_internal.course_sizes;
drop view learn_internal.due_level_unlocks;
drop view learn_internal.level_recounts;
drop view learn_internal.solved_lessons;
drop function learn.localized(jsonb,text,text,text);
drop view learn_internal.course_lessons;
drop view learn_internal.course_requirements;
drop view learn_internal.level_order;

-- view learn.user_dashboard

-- views/identity/user_dashboard.sql
-- What a user's home page shows, one row per user. The streak is as of the user's today.
create or replace view learn.user_dashboard as
select u.id as user_id, u.username, u.display_name, u.avatar_url, u.avatar_emoji,
  v.slug as selected_avatar,
  s.total_xp, s.current_level, s.total_xp - l.min_xp as xp_in_level,
  n.min_xp - s.total_xp as xp_to_next_level,
  learn.calculate_user_streak(u.id) as current_streak, s.longest_streak,
  s.active_days, s.last_activity_date, s.streak_freezes,
  (select count(*) from learn.user_lesson_progress p
    where p.user_id = u.id and p.completed_at is not null) as lessons_completed,
  (select count(*) from learn.user_track_progress p
    where p.user_id = u.id and p.completed_at is not null) as tracks_completed,
  (select count(*) from learn.user_achievements a where a.user_id = u.id) as achievements_earned,
  (
    select coalesce(jsonb_agg(jsonb_build_object(
      'slug', r.slug, 'name', r.name, 'icon', r.icon, 'rarity', r.rarity, 'earned_at', r.earned_at)
        order by r.id desc), '[]')
    from (
      select e.id, e.earned_at, a.slug, a.name, a.icon, a.rarity
      from learn.user_achievements e
      join learn.achievements a on a.id = e.achievement_id
      where e.user_id = u.id
      order by e.id desc
      limit 5
    ) r
  ) as recent_achievements
from learn.users u
join learn.user_stats s on s.user_id = u.id
left join learn.avatars v on v.id = u.selected_avatar_id
left join learn.level_thresholds l on l.level = s.current_level
left join learn.level_thresholds n on n.level = s.current_level + 1;
comment on view learn.user_dashboard is 'One row per user for a home page: XP, level, streak as of the user''s today, counts, the five newest achievements.';
comment on column learn.user_dashboard.xp_to_next_level is 'Null on the highest level.';
grant select on table learn.user_dashboard to learn_app;
grant select on table learn.user_dashboard to learn_readonly;

-- view learn_internal.completed_items

-- views/progress/completed_items.sql
-- What users have completed, whatever kind of item: the other half of the definition
-- of a track's progress.
create or replace view learn_internal.completed_items as
select p.user_id, 'lesson' as item_type, p.lesson_id as item_id, p.completed_at
from learn.user_lesson_progress p
where p.completed_at is not null;
comment on view learn_internal.completed_items is 'The items of tracks that users have completed.';

-- view learn_internal.completion_facts

-- views/progress/completion_facts.sql
-- The first time that the log says a user completed something: tracks, paths, difficulties
-- and all else that is completed as a whole.
create or replace view learn_internal.completion_facts as
select f.user_id, f.activity_type, f.subject_id, min(f.occurred_at) as completed_at
from learn.activity_log f
where f.activity_type in ('track_completed', 'path_completed', 'difficulty_completed')
  and f.subject_id is not null
group by f.user_id, f.activity_type, f.subject_id;
comment on view learn_internal.completion_facts is 'When the log says that users completed tracks, paths and difficulties.';

-- view learn_internal.domain_facts

-- views/activity/domain_facts.sql
-- The facts that happen once per subject and that follow from rows of Laurel's own tables:
-- what those tables' keys say, in the words of the log.
create or replace view learn_internal.domain_facts as
select p.user_id, t.activity_type, 'lesson' as subject_type, p.lesson_id::text as subject_id
from learn.user_lesson_progress p
cross join lateral (
  values
    ('lesson_started', p.started_at is not null),
    ('lesson_completed', p.completed_at is not null),
    ('lesson_perfect', p.completed_at is not null)
) t(activity_type, has_happened)
where t.has_happened
union all
select p.user_id, t.activity_type, 'exercise', p.exercise_id::text
from learn.user_exercise_progress p
cross join lateral (
  values
    ('exercise_solved', p.solved_at is not null),
    ('exercise_solved_first_try', p.solved_at is not null)
) t(activity_type, has_happened)
where t.has_happened
union all
select p.user_id, 'track_completed', 'track', p.track_id::text
from learn.user_track_progress p
where p.completed_at is not null
union all
select p.user_id, 'path_completed', 'path', p.path_id::text
from learn.user_path_progress p
where p.completed_at is not null
union all
select p.user_id, 'difficulty_completed', 'difficulty', p.difficulty
from learn.user_difficulty_progress p;
comment on view learn_internal.domain_facts is 'Facts that happen once per subject and follow from rows of Laurel''s own tables. A lesson or exercise that is done settles the bonus facts of it too, earned or not.';

-- view learn_internal.solved_lessons

-- views/practice/solved_lessons.sql
-- Lessons of which a user has solved every published exercise, at least one:
-- those complete by themselves.
create or replace view learn_internal.solved_lessons as
select x.user_id, e.lesson_id, max(x.solved_at) as solved_at
from learn.user_exercise_progress x
join learn.exercises e on e.id = x.exercise_id and e.is_published
join learn.lessons l on l.id = e.lesson_id and l.is_published
where x.solved_at is not null
group by x.user_id, e.lesson_id
having count(*) = (
  select count(*) from learn.exercises a
  where a.lesson_id = e.lesson_id and a.is_published);
comment on view learn_internal.solved_lessons is 'Published lessons of which a user has solved every published exercise.';

-- view learn_internal.track_items

-- views/catalog/track_items.sql
-- What a track is made of, whatever kind of item: the one definition. Only published items count,
-- and a track counts whether published or not (an unpublished one keeps its learners' numbers
-- right for the day it comes back).
create or replace view learn_internal.track_items as
select tl.track_id, 'lesson' as item_type, tl.lesson_id as item_id
from learn.track_lessons tl
join learn.lessons l on l.id = tl.lesson_id
where l.is_published;
comment on view learn_internal.track_items is 'The published items of each track: what there is to complete.';

-- view learn_internal.xp_recounts

-- views/xp/xp_recounts.sql
-- XP recounted from the ledger, and the level that it means: what user_stats must say.
create or replace view learn_internal.xp_recounts as
select s.user_id, coalesce(x.total_xp, 0) as total_xp, coalesce(h.highest_level, 1) as highest_level
from learn.user_stats s
left join (
  select t.user_id, sum(t.amount)::bigint as total_xp
  from learn.xp_transactions t group by t.user_id
) x on x.user_id = s.user_id
left join (
  select f.user_id, max(f.subject_id::integer) as highest_level
  from learn.activity_log f
  where f.activity_type = 'level_reached'
  group by f.user_id
) h on h.user_id = s.user_id;
comment on view learn_internal.xp_recounts is 'Total XP recounted from the ledger, and the highest level announced, per user.';

-- function learn.check_integrity()

-- functions/operations/check_integrity.sql
-- Recomputes every projection from facts, set-based, and compares. No row when all is well.
-- Reads only.
create or replace function learn.check_integrity()
returns table (check_name text, user_id uuid, expected text, actual text)
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
  -- identity
  select 'user_has_stats', u.id, 'a row in user_stats', 'none'
  from learn.users u
  where not exists (select from learn.user_stats s where s.user_id = u.id)

  -- xp
  union all
  select 'total_xp_is_the_ledger_sum', s.user_id, x.total_xp::text, s.total_xp::text
  from learn.user_stats s
  join learn_internal.xp_recounts x on x.user_id = s.user_id
  where s.total_xp <> x.total_xp
  union all
  select 'level_follows_the_curve', s.user_id,
    learn.calculate_level_from_xp(s.total_xp)::text, s.current_level::text
  from learn.user_stats s
  where s.current_level <> learn.calculate_level_from_xp(s.total_xp)
  union all
  select 'levels_are_announced', s.user_id, x.highest_level::text, s.highest_level::text
  from learn.user_stats s
  join learn_internal.xp_recounts x on x.user_id = s.user_id
  where s.highest_level <> x.highest_level
  union all
  select 'facts_are_paid', coalesce(f.user_id, t.user_id),
    format('%s: %s', coalesce(f.activity_type, t.activity_type), coalesce(f.xp, 0)),
    format('%s: %s', coalesce(f.activity_type, t.activity_type), coalesce(t.xp, 0))
  from (
    select l.user_id, l.activity_type, sum(l.xp) as xp
    from learn.activity_log l
    where l.activity_type in (
      'xp_awarded', 'xp_reversed', 'achievement_earned', 'achievement_revoked')
    group by l.user_id, l.activity_type
  ) f
  full join (
    select t.user_id, t.activity_type, sum(t.amount) as xp
    from learn.xp_transactions t
    where t.activity_type in (
      'xp_awarded', 'xp_reversed', 'achievement_earned', 'achievement_revoked')
    group by t.user_id, t.activity_type
  ) t on t.user_id = f.user_id and t.activity_type = f.activity_type
  where coalesce(f.xp, 0) <> coalesce(t.xp, 0)

  -- streaks
  union all
  select 'active_days_follow_from_facts', coalesce(r.user_id, d.user_id),
    case when r.user_id is null then 'no ' || d.activity_date
      else format('%s freeze=%s', r.activity_date, r.is_freeze) end,
    case when d.user_id is null then 'no ' || r.activity_date
      else format('%s freeze=%s', d.activity_date, d.is_freeze) end
  from learn_internal.activity_day_recounts r
  full join learn.user_activity_days d
    on d.user_id = r.user_id and d.activity_date = r.activity_date
  where r.is_freeze is distinct from d.is_freeze
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

  -- activity
  union all
  select 'metrics_follow_from_facts', coalesce(r.user_id, m.user_id),
    format('%s %s = %s',
      coalesce(r.metric, m.metric), coalesce(r.scope, m.scope), coalesce(r.value, 0)),
    format('%s %s = %s',
      coalesce(r.metric, m.metric), coalesce(r.scope, m.scope), coalesce(m.value, 0))
  from learn_internal.metric_recounts r
  full join learn.user_metrics m
    on m.user_id = r.user_id and m.metric = r.metric and m.scope = r.scope
  where coalesce(r.value, 0) <> coalesce(m.value, 0)

  union all
  select 'metric_days_follow_from_facts', coalesce(r.user_id, d.user_id),
    case when r.user_id is null then 'none'
      else format('%s %s %s', r.metric, r.scope, r.activity_date) end,
    case when d.user_id is null then 'none'
      else format('%s %s %s', d.metric, d.scope, d.activity_date) end
  from learn_internal.metric_day_recounts r
  full join learn_internal.user_metric_days d
    on d.user_id = r.user_id and d.metric = r.metric and d.scope = r.scope
      and d.activity_date = r.activity_date
  where r.user_id is null or d.user_id is null

  -- practice
  union all
  select 'exercise_progress_follows_from_submissions', coalesce(r.user_id, p.user_id),
    format('exercise %s: %s', coalesce(r.exercise_id, p.exercise_id),
      (r.submissions, r.wrong_submissions, r.failed_submissions, r.is_first_try, r.solved_at)),
    format('exercise %s: %s', coalesce(r.exercise_id, p.exercise_id),
      (p.submissions, p.wrong_submissions, p.failed_submissions, p.is_first_try, p.solved_at))
  from learn_internal.exercise_recounts r
  full join learn.user_exercise_progress p
    on p.user_id = r.user_id and p.exercise_id = r.exercise_id
  where (r.submissions, r.wrong_submissions, r.failed_submissions, r.is_first_try, r.solved_at)
    is distinct from (p.submissions, p.wrong_submissions,
      p.failed_submissions, p.is_first_try, p.solved_at)

  -- progress
  union all
  select 'solved_lessons_are_completed', v.user_id,
    format('lesson %s completed', v.lesson_id), 'not completed'
  from learn_internal.solved_lessons v
  where not exists (
    select from learn.user_lesson_progress p
    where p.user_id = v.user_id and p.lesson_id = v.lesson_id and p.completed_at is not null)
  union all
  select 'completed_lessons_are_facts', p.user_id,
    format('a fact for lesson %s', p.lesson_id), 'none'
  from learn.user_lesson_progress p
  left join learn.activity_log f on f.user_id = p.user_id and f.activity_type = 'lesson_completed'
    and f.subject_type = 'lesson' and f.subject_id = p.lesson_id::text
  where p.completed_at is not null and f.id is null
  union all
  select 'track_progress_follows_from_items', coalesce(r.user_id, p.user_id),
    format('track %s: %s of %s',
      coalesce(r.track_id, p.track_id), coalesce(r.items_completed, 0), coalesce(z.total_items, 0)),
    format('track %s: %s of %s',
      coalesce(r.track_id, p.track_id), coalesce(p.items_completed, 0), coalesce(p.total_items, 0))
  from learn_internal.track_recounts r
  full join learn.user_track_progress p on p.user_id = r.user_id and p.track_id = r.track_id
  left join learn_internal.track_sizes z on z.track_id = coalesce(r.track_id, p.track_id)
  where coalesce(r.items_completed, 0) <> coalesce(p.items_completed, 0)
    or coalesce(z.total_items, 0) <> coalesce(p.total_items, 0)
  union all
  select 'full_tracks_are_completed', p.user_id,
    format('track %s completed', p.track_id), 'not completed'
  from learn.user_track_progress p
  join learn.tracks t on t.id = p.track_id and t.is_published
  where p.total_items > 0 and p.items_completed = p.total_items and p.completed_at is null
  union all
  select 'path_progress_follows_from_tracks', coalesce(r.user_id, p.user_id),
    format('path %s: %s of %s',
      coalesce(r.path_id, p.path_id), coalesce(r.tracks_completed, 0), coalesce(z.total_tracks, 0)),
    format('path %s: %s of %s',
      coalesce(r.path_id, p.path_id), coalesce(p.tracks_completed, 0), coalesce(p.total_tracks, 0))
  from learn_internal.path_recounts r
  full join learn.user_path_progress p on p.user_id = r.user_id and p.path_id = r.path_id
  left join learn_internal.path_sizes z on z.path_id = coalesce(r.path_id, p.path_id)
  where coalesce(r.tracks_completed, 0) <> coalesce(p.tracks_completed, 0)
    or coalesce(z.total_tracks, 0) <> coalesce(p.total_tracks, 0)
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
    where p.user_id = r.user_id and p.difficulty = r.difficulty)

  -- achievements
  union all
  select 'achievements_follow_from_facts', coalesce(r.user_id, u.user_id),
    case when r.user_id is null then 'no achievement ' || u.achievement_id
      else 'achievement ' || r.achievement_id end,
    case when u.user_id is null then 'no achievement ' || r.achievement_id
      else 'achievement ' || u.achievement_id end
  from learn_internal.achievement_recounts r
  full join learn.user_achievements u
    on u.user_id = r.user_id and u.achievement_id = r.achievement_id
  where r.user_id is null or u.user_id is null
  union all
  select 'reached_achievements_are_earned', d.user_id, d.slug, 'not earned'
  from learn_internal.deserved_achievements d
  where (d.is_sole or learn_internal.satisfies_criteria(d.user_id, d.criteria))
    and not learn_internal.was_deserved_before(
      d.user_id, d.metric, d.scope, d.threshold, d.criteria_changed_at);
$$;
comment on function learn.check_integrity() is 'Recomputes every projection from facts and compares; no row when all is well. Reads only.';
revoke execute on function learn.check_integrity() from public;

-- function learn_internal.begin_call(text,uuid,jsonb,timestamp with time zone,text)

-- functions/_shared/begin_call.sql
-- The opening of every public function that changes a learner's state: takes the locks in order,
-- answers a retry from its idempotency key, and notes what held before. When the result carries
-- a replay, the caller returns that and nothing else.
-- Errors: LX001 time out of bounds, blank key; LX002 unknown user; LX004 inactive user;
-- LX013 the key was used for another call.
create or replace function learn_internal.begin_call(
  p_function        text,
  p_user_id         uuid,
  p_arguments       jsonb,
  p_occurred_at     timestamptz,
  p_idempotency_key text
)
returns learn_internal.call
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_call      learn_internal.call;
  v_is_active boolean;
  v_earlier   learn.idempotency_keys;
begin
  -- as hold_content() does it, without the price of a call
  lock table learn_internal.content_lock in row share mode;
  if current_setting('transaction_isolation') <> 'read committed' then
    perform learn_internal.hold_content();
  end if;
  select s.total_xp, s.current_level into v_call.total_xp, v_call.current_level
  from learn.user_stats s
  where s.user_id = p_user_id
  for no key update;
  if not found then
    raise exception 'unknown user'
      using errcode = 'LX002', detail = format('p_user_id = %s', coalesce(p_user_id::text, 'null')),
        hint = 'Register the user first: learn.register_user().';
  end if;
  select u.is_active,
    -- the time as learn.clock() tells it
    coalesce(p_occurred_at, (select o.now_is from learn_internal.clock_override o), now()),
    coalesce((
      select a.id from learn.user_achievements a
      where a.user_id = p_user_id order by a.id desc limit 1), 0)
  into v_is_active, v_call.occurred_at, v_call.last_achievement
  from learn.users u
  where u.id = p_user_id;
  if not v_is_active then
    raise exception 'the user is inactive'
      using errcode = 'LX004', detail = format('p_user_id = %s', p_user_id),
        hint = 'Set learn.users.is_active to let the user take part again.';
  end if;

  v_call.user_id := p_user_id;
  v_call.function_name := p_function;

  if p_idempotency_key is not null then
    if p_idempotency_key !~ '\S' or length(p_idempotency_key) > 200 then
      raise exception 'an idempotency key has 1 to 200 characters, not all of them blank'
        using errcode = 'LX001',
          detail = format('p_idempotency_key = %L', left(p_idempotency_key, 50)),
          hint = 'Use a UUID made for the request, or pass null.';
    end if;
    v_call.idempotency_key := p_idempotency_key;
    v_call.arguments_hash := learn_internal.hash_call(
      p_function,
      p_arguments || jsonb_build_object('occurred_at', p_occurred_at at time zone 'UTC'));

    select k.* into v_earlier
    from learn.idempotency_keys k
    where k.user_id = p_user_id and k.key = p_idempotency_key;
    if found then
      if v_earlier.arguments_hash <> v_call.arguments_hash then
        raise exception 'the idempotency key was used for another call'
          using errcode = 'LX013',
            detail = format('key %s: %s at %s',
              p_idempotency_key, v_earlier.function_name, v_earlier.created_at),
            hint = 'Retry with the same arguments, or use a new key for a new call.';
      end if;
      v_call.replay := jsonb_populate_record(null::learn.award_summary, v_earlier.response);
      v_call.replay.replayed := true;
      return v_call;
    end if;
  end if;

  if p_occurred_at is not null then
    perform learn_internal.require_event_time(p_occurred_at);
  end if;
  return v_call;
end;
$$;
comment on function learn_internal.begin_call(text,uuid,jsonb,timestamp with time zone,text) is 'Opens a public call: locks the user, replays a retry (LX013 when it differs), notes what held before.';
revoke execute on function learn_internal.begin_call(text,uuid,jsonb,timestamp with time zone,text) from public;

-- function learn_internal.require_lesson(bigint)

CREATE OR REPLACE FUNCTION learn_internal.require_lesson(p_lesson_id bigint)
 RETURNS void
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_is_published boolean;
begin
  select l.is_published into v_is_published from learn.lessons l where l.id = p_lesson_id;
  if not found then
    raise exception 'unknown lesson'
      using errcode = 'LX003',
        detail = format('p_lesson_id = %s', coalesce(p_lesson_id::text, 'null')),
        hint = 'Look the lesson up in learn.lessons.';
  end if;
  if not v_is_published then
    raise exception 'the lesson is not published'
      using errcode = 'LX004', detail = format('p_lesson_id = %s', p_lesson_id),
        hint = 'Publish it: learn.lessons.is_published.';
  end if;
end;
$function$;
comment on function learn_internal.require_lesson(bigint) is 'Refuses an unknown (LX003) or unpublished (LX004) lesson.';
revoke execute on function learn_internal.require_lesson(bigint) from public;

-- function learn.submit_query(uuid,bigint,text,boolean,text,integer,timestamp with time zone,text)

-- functions/practice/submit_query.sql
-- Records a run of a query for an exercise, graded by the backend that ran it.
-- Errors: LX001 blank query, no verdict, an error message on a correct query, negative duration;
-- LX002; LX003 unknown exercise; LX004 exercise or lesson not published, or user inactive; LX013.
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
as $$
declare
  v_call         learn_internal.call := learn_internal.begin_call(
    'submit_query', p_user_id,
    jsonb_build_object('exercise_id', p_exercise_id, 'query_text', p_query_text,
      'is_correct', p_is_correct, 'error_message', p_error_message, 'duration_ms', p_duration_ms),
    p_occurred_at, p_idempotency_key);
  v_is_published boolean;
begin
  if (v_call.replay).replayed then
    return v_call.replay;
  end if;
  select e.is_published and l.is_published into v_is_published
  from learn.exercises e
  join learn.lessons l on l.id = e.lesson_id
  where e.id = p_exercise_id;
  if not found then
    raise exception 'unknown exercise'
      using errcode = 'LX003',
        detail = format('p_exercise_id = %s', coalesce(p_exercise_id::text, 'null')),
        hint = 'Look the exercise up in learn.exercises.';
  end if;
  if not v_is_published then
    raise exception 'the exercise is not published'
      using errcode = 'LX004', detail = format('p_exercise_id = %s', p_exercise_id),
        hint = 'Publish the exercise and its lesson: is_published.';
  end if;
  if coalesce(p_query_text, '') !~ '\S' or p_is_correct is null or p_duration_ms < 0
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
comment on function learn.submit_query(uuid,bigint,text,boolean,text,integer,timestamp with time zone,text) is 'Records a graded run of a query for an exercise: an error message when it did not execute, duration in milliseconds.';
revoke execute on function learn.submit_query(uuid,bigint,text,boolean,text,integer,timestamp with time zone,text) from public;
grant execute on function learn.submit_query(uuid,bigint,text,boolean,text,integer,timestamp with time zone,text) to learn_app;

-- function learn.complete_lesson(uuid,bigint,numeric,integer,timestamp with time zone,text)

-- functions/progress/complete_lesson.sql
-- Completes a lesson for a user. Completing it again pays nothing; it keeps the best
-- score and adds up the time.
-- Errors: LX001 score or time out of range; LX002; LX003 unknown lesson; LX004 not published
-- or user inactive; LX007 exercises are not solved yet; LX013.
create or replace function learn.complete_lesson(
  p_user_id            uuid,
  p_lesson_id          bigint,
  p_score              numeric default null,
  p_time_spent_seconds integer default null,
  p_occurred_at        timestamptz default null,
  p_idempotency_key    text default null
)
returns learn.award_summary
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = pg_catalog, pg_temp
as $$
declare
  v_call     learn_internal.call := learn_internal.begin_call(
    'complete_lesson', p_user_id,
    jsonb_build_object('lesson_id', p_lesson_id, 'score', trim_scale(p_score),
      'time_spent_seconds', p_time_spent_seconds),
    p_occurred_at, p_idempotency_key);
  v_unsolved bigint[];
begin
  if (v_call.replay).replayed then
    return v_call.replay;
  end if;
  perform learn_internal.require_lesson(p_lesson_id);
  if p_score not between 0 and 100 or p_score = 'NaN' or p_time_spent_seconds < 0 then
    raise exception 'score or time is out of range'
      using errcode = 'LX001',
        detail = format('p_score = %s, p_time_spent_seconds = %s', p_score, p_time_spent_seconds),
        hint = 'A score is a percentage from 0 to 100; time is in seconds, 0 or more.';
  end if;

  if exists (
    select from learn.exercises e where e.lesson_id = p_lesson_id and e.is_published)
  then
    select array_agg(e.id order by e.position, e.id) into v_unsolved
    from learn.exercises e
    where e.lesson_id = p_lesson_id and e.is_published and not exists (
      select from learn.user_exercise_progress x
      where x.user_id = p_user_id and x.exercise_id = e.id and x.solved_at is not null);
  end if;
  if v_unsolved is not null and not exists (
    select from learn.user_lesson_progress p
    where p.user_id = p_user_id and p.lesson_id = p_lesson_id and p.completed_at is not null)
  then
    raise exception 'the lesson has unsolved exercises'
      using errcode = 'LX007',
        detail = format('unsolved exercises: %s', array_to_string(v_unsolved, ', ')),
        hint = 'It completes by itself when learn.submit_query() has solved all of them.';
  end if;

  insert into learn.user_lesson_progress as p
    (user_id, lesson_id, status, score, time_spent_seconds, completed_at)
  values (p_user_id, p_lesson_id, 'completed', p_score, p_time_spent_seconds, v_call.occurred_at)
  on conflict (user_id, lesson_id) do update
    set status = 'completed',
      score = greatest(p.score, excluded.score),
      time_spent_seconds = case
        when p.time_spent_seconds is null and excluded.time_spent_seconds is null then null
        else least(
          coalesce(p.time_spent_seconds, 0)::bigint + coalesce(excluded.time_spent_seconds, 0),
          2147483647)::integer
      end,
      completed_at = coalesce(p.completed_at, excluded.completed_at);

  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.complete_lesson(uuid,bigint,numeric,integer,timestamp with time zone,text) is 'Completes a lesson for a user: score in percent (0 to 100), time in seconds. Again, it pays nothing.';
revoke execute on function learn.complete_lesson(uuid,bigint,numeric,integer,timestamp with time zone,text) from public;
grant execute on function learn.complete_lesson(uuid,bigint,numeric,integer,timestamp with time zone,text) to learn_app;

-- function learn_internal.summarize(learn_internal.call)

-- functions/_shared/summarize.sql
-- What has happened to a user since a call began.
create or replace function learn_internal.summarize(p_call learn_internal.call)
returns learn.award_summary
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_summary    learn.award_summary;
  v_last_date  date;
  v_today      date;
  v_has_earned boolean;
begin
  select s.user_id, s.total_xp - p_call.total_xp, s.total_xp,
    s.current_level, s.current_level > p_call.current_level, s.current_streak,
    s.last_activity_date, (
      -- the time as learn.clock() tells it
      coalesce((select o.now_is from learn_internal.clock_override o), now())
      at time zone u.timezone)::date,
    exists (
      select from learn.user_achievements a
      where a.user_id = p_call.user_id and a.id > p_call.last_achievement)
  into v_summary.user_id, v_summary.xp_awarded, v_summary.total_xp,
    v_summary.current_level, v_summary.leveled_up, v_summary.current_streak,
    v_last_date, v_today, v_has_earned
  from learn.user_stats s
  join learn.users u on u.id = s.user_id
  where s.user_id = p_call.user_id;
  if v_last_date is null or v_last_date < v_today - 1 then
    v_summary.current_streak := learn.calculate_user_streak(p_call.user_id);
  end if;
  v_summary.unlocked := '{}';
  v_summary.replayed := false;
  if not v_has_earned then
    v_summary.new_achievements := '{}';
    return v_summary;
  end if;

  select array_agg(a.slug order by u.id) into v_summary.new_achievements
  from learn.user_achievements u
  join learn.achievements a on a.id = u.achievement_id
  where u.user_id = p_call.user_id and u.id > p_call.last_achievement;

  -- Avatars that these achievements unlock and no earlier one had unlocked.
  select jsonb_build_object('avatars', jsonb_agg(v.slug order by v.display_order, v.slug))
  into v_summary.unlocked
  from learn.avatars v
  where exists (
      select from learn.user_achievements u
      join learn.achievements a on a.id = u.achievement_id
      where u.user_id = p_call.user_id and u.id > p_call.last_achievement
        and a.unlocks_avatar_id = v.id)
    and not exists (
      select from learn.user_achievements u
      join learn.achievements a on a.id = u.achievement_id
      where u.user_id = p_call.user_id and u.id <= p_call.last_achievement
        and a.unlocks_avatar_id = v.id)
  having count(*) > 0;
  v_summary.unlocked := coalesce(v_summary.unlocked, '{}');
  return v_summary;
end;
$$;
comment on function learn_internal.summarize(learn_internal.call) is 'What has happened to a user since a call began.';
revoke execute on function learn_internal.summarize(learn_internal.call) from public;

-- function learn.record_activities(jsonb)

-- functions/activity/record_activities.sql
-- Records a batch of activities, of one user or of many, in one set-based step: all or nothing.
-- Each element is {"user_id", "activity_type", "subject_type"?, "subject_id"?, "properties"?,
-- "occurred_at"?, "idempotency_key"?}. Returns one summary per user, in order of first appearance;
-- replayed: everything of that user was a retry.
-- Errors, each naming the element by its number from 1: LX001 malformed, unknown type,
-- time out of bounds; LX002; LX004 user inactive; LX010 a type that Laurel writes itself; LX013.
create or replace function learn.record_activities(p_batch jsonb)
returns setof learn.award_summary
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = pg_catalog, pg_temp
as $$
declare
  v_bad      record;
  v_calls    learn_internal.call[];
  v_user_ids uuid[];
begin
  if jsonb_typeof(p_batch) is distinct from 'array' then
    raise exception 'the batch is not a list'
      using errcode = 'LX001',
        detail = format('p_batch is %s', coalesce(jsonb_typeof(p_batch), 'null')),
        hint = 'Pass a JSON array of activities.';
  end if;

  perform learn_internal.hold_content();
  -- Users next, in key order.
  perform from learn.user_stats s
  where s.user_id in (
    select (e.value ->> 'user_id')::uuid
    from jsonb_array_elements(p_batch) e
    where e.value ->> 'user_id' ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$')
  order by s.user_id
  for no key update;

  select b.position, b.code, b.problem into v_bad
  from learn_internal.batch_problems(p_batch) b
  order by b.position
  limit 1;
  if found then
    raise exception 'element % of the batch cannot be recorded', v_bad.position
      using errcode = v_bad.code, detail = format('element %s: %s', v_bad.position, v_bad.problem),
        hint = 'Nothing of the batch was recorded. Correct the element, or leave it out, '
          'and send the batch again.';
  end if;

  -- What held before, per user.
  select array_agg(
    (s.user_id, 'record_activities', null, null, null, s.total_xp, s.current_level,
      coalesce((select max(a.id) from learn.user_achievements a where a.user_id = s.user_id), 0),
      null
    )::learn_internal.call order by u.first_position)
  into v_calls
  from (
    select b.user_id, min(b.position) as first_position
    from learn_internal.batch_rows(p_batch) b group by b.user_id
  ) u
  join learn.user_stats s on s.user_id = u.user_id;

  -- Users of whom something is new. A key that was used before is a retry.
  select array_agg(distinct b.user_id) into v_user_ids
  from learn_internal.batch_rows(p_batch) b
  where b.idempotency_key is null or not exists (
    select from learn.idempotency_keys k where k.user_id = b.user_id and k.key = b.idempotency_key);

  -- A key that was used before is a retry, and so is its second appearance here.
  with rows as materialized (
    select b.* from learn_internal.batch_rows(p_batch) b
  ), fresh as (
    select r.*
    from rows r
    where r.idempotency_key is null or (
      not exists (
        select from learn.idempotency_keys k
        where k.user_id = r.user_id and k.key = r.idempotency_key)
      and r.position = r.first_position_of_key)
  ), once as (
    insert into learn_internal.recorded_subjects (user_id, activity_type, subject_type, subject_id)
    select distinct f.user_id, f.activity_type, f.subject_type, f.subject_id
    from fresh f
    join learn.activity_types t on t.key = f.activity_type and t.happens_once
    where f.subject_id is not null
      and not learn_internal.has_happened(f.user_id, f.activity_type, f.subject_type, f.subject_id)
    order by 1, 2, 3, 4
    on conflict do nothing
    returning user_id, activity_type, subject_type, subject_id
  ), kept as (
    select f.*, t.is_qualifying,
      not t.happens_once or f.subject_id is null or (
        o.user_id is not null
        and row_number() over (
          partition by f.user_id, f.activity_type, f.subject_type, f.subject_id
          order by f.position) = 1) as is_kept
    from fresh f
    join learn.activity_types t on t.key = f.activity_type
    left join once o on o.user_id = f.user_id and o.activity_type = f.activity_type
      and o.subject_type = f.subject_type and o.subject_id = f.subject_id
  ), keyed as (
    insert into learn.idempotency_keys (user_id, key, function_name, arguments_hash)
    select f.user_id, f.idempotency_key, 'record_activity', f.arguments_hash
    from fresh f
    where f.idempotency_key is not null
    on conflict do nothing  -- only a caller with an old snapshot conflicts, and gets 40001
  )
  insert into learn.activity_log
    (user_id, activity_type, subject_type, subject_id, properties,
     occurred_at, local_date, is_qualifying, idempotency_key)
  select k.user_id, k.activity_type, k.subject_type, k.subject_id, k.properties, k.occurred_at,
    (k.occurred_at at time zone u.timezone)::date, k.is_qualifying, k.idempotency_key
  from kept k
  join learn.users u on u.id = k.user_id
  where k.is_kept
  order by k.position;

  -- The answers: of this call, and, where everything of a user was a retry, the first one.
  return query
  with summaries as (
    select c.position, learn_internal.summarize(c.call) as summary
    from (
      select u.position,
        (u.user_id, u.function_name, u.idempotency_key, u.arguments_hash, u.occurred_at,
        u.total_xp, u.current_level, u.last_achievement, u.replay)::learn_internal.call as call
      from unnest(v_calls) with ordinality
        u(user_id, function_name, idempotency_key, arguments_hash, occurred_at,
          total_xp, current_level, last_achievement, replay, position)
    ) c
  ), kept as (
    update learn.idempotency_keys k
    set response = to_jsonb(s.summary)
    from summaries s
    where k.user_id = (s.summary).user_id and k.response is null
  ), answers as (
    select s.position, coalesce(
      jsonb_populate_record(null::learn.award_summary, (
        select k.response || '{"replayed": true}'
        from learn_internal.batch_rows(p_batch) b
        join learn.idempotency_keys k on k.user_id = b.user_id and k.key = b.idempotency_key
        where b.user_id = (s.summary).user_id
          and (s.summary).user_id <> all (coalesce(v_user_ids, '{}'))
        order by b.position
        limit 1)),
      s.summary) as answer
    from summaries s
  )
  select (a.answer).* from answers a order by a.position;
end;
$$;
comment on function learn.record_activities(jsonb) is 'Records a batch of activities in one step, all or nothing; returns one summary per user. Elements are {"user_id", "activity_type", "subject_type"?, "subject_id"?, "properties"?, "occurred_at"?, "idempotency_key"?}.';
revoke execute on function learn.record_activities(jsonb) from public;
grant execute on function learn.record_activities(jsonb) to learn_app;

-- function learn.start_lesson(uuid,bigint,timestamp with time zone,text)

-- functions/progress/start_lesson.sql
-- Notes that a user starts a lesson. Starting again changes nothing.
-- Errors: LX001, LX002, LX003 unknown lesson, LX004 not published or user inactive, LX013.
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
as $$
declare
  v_call learn_internal.call := learn_internal.begin_call(
    'start_lesson', p_user_id, jsonb_build_object('lesson_id', p_lesson_id),
    p_occurred_at, p_idempotency_key);
begin
  if (v_call.replay).replayed then
    return v_call.replay;
  end if;
  perform learn_internal.require_lesson(p_lesson_id);

  insert into learn.user_lesson_progress as p (user_id, lesson_id, status, started_at)
  values (p_user_id, p_lesson_id, 'in_progress', v_call.occurred_at)
  on conflict (user_id, lesson_id) do update
    set status = 'in_progress', started_at = excluded.started_at
    where p.started_at is null and p.completed_at is null;

  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.start_lesson(uuid,bigint,timestamp with time zone,text) is 'Notes that a user starts a lesson; the time to its completion counts from here. Starting again changes nothing.';
revoke execute on function learn.start_lesson(uuid,bigint,timestamp with time zone,text) from public;
grant execute on function learn.start_lesson(uuid,bigint,timestamp with time zone,text) to learn_app;

-- function learn_internal.begin_tracks(uuid[],bigint[],uuid[],text,bigint[],timestamp with time zone[])

-- functions/progress/begin_tracks.sql
-- Counts what there is to complete in tracks that users seem to have filled (the first two arrays),
-- and notes it with those that they have only begun. Returns the published ones that are full,
-- and when the last of the items that were completed now (the other arrays) was.
create or replace function learn_internal.begin_tracks(
  p_user_ids uuid[], p_track_ids bigint[],
  p_item_user_ids uuid[], p_item_type text, p_item_ids bigint[], p_at timestamptz[]
)
returns table (user_id uuid, track_id bigint, at timestamptz)
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set enable_hashjoin = on   -- joins sets with sets
as $$
begin
  return query
  with begun as (
    update learn.user_track_progress p
    set total_items = z.total_items
    from unnest(p_user_ids, p_track_ids) g(user_id, track_id)
    join (
      select i.track_id, count(*)::integer as total_items
      from learn_internal.track_items i
      where i.track_id = any (p_track_ids)
      group by i.track_id
    ) z on z.track_id = g.track_id
    where p.user_id = g.user_id and p.track_id = g.track_id and p.total_items <> z.total_items
    returning p.user_id, p.track_id
  )
  select c.user_id, i.track_id, max(c.at)
  from unnest(p_item_user_ids, p_item_ids, p_at) c(user_id, item_id, at)
  join learn_internal.track_items i on i.item_type = p_item_type and i.item_id = c.item_id
  join unnest(p_user_ids, p_track_ids) g(user_id, track_id)
    on g.user_id = c.user_id and g.track_id = i.track_id
  join learn.tracks t on t.id = i.track_id and t.is_published
  where not exists (
    select from begun b where b.user_id = c.user_id and b.track_id = i.track_id)
  group by c.user_id, i.track_id;
end;
$$;
comment on function learn_internal.begin_tracks(uuid[],bigint[],uuid[],text,bigint[],timestamp with time zone[]) is 'Counts what there is to complete in tracks that users have begun; returns those that are full.';
revoke execute on function learn_internal.begin_tracks(uuid[],bigint[],uuid[],text,bigint[],timestamp with time zone[]) from public;

-- function learn_internal.advance_tracks(uuid[],text,bigint[],timestamp with time zone[])

-- functions/progress/advance_tracks.sql
-- Counts newly completed items towards the tracks that contain them.
-- Takes parallel arrays of completions that were not completed before. Increments,
-- so that a completion costs the same in a track of five items and of five thousand.
-- Completes the tracks, paths and difficulties that this fills.
create or replace function learn_internal.advance_tracks(
  p_user_ids uuid[], p_item_type text, p_item_ids bigint[], p_at timestamptz[]
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set enable_hashjoin = off  -- one user's rows by key, never a table's: see docs/engine.md
as $$
declare
  v_user_ids  uuid[];
  v_track_ids bigint[];
  v_at        timestamptz[];
begin
  -- A first item of a track makes the row, which knows of no more items than these: so it claims
  -- to be full, like one that is.
  with counted as (
    insert into learn.user_track_progress as p (user_id, track_id, items_completed, total_items)
    select c.user_id, i.track_id, count(*)::integer, count(*)::integer
    from unnest(p_user_ids, p_item_ids) c(user_id, item_id)
    join learn_internal.track_items i on i.item_type = p_item_type and i.item_id = c.item_id
    group by c.user_id, i.track_id
    on conflict (user_id, track_id) do update
      set items_completed = p.items_completed + excluded.items_completed
    returning p.user_id, p.track_id,
      p.items_completed = p.total_items and p.completed_at is null as is_full
  )
  select array_agg(c.user_id), array_agg(c.track_id) into v_user_ids, v_track_ids
  from counted c
  where c.is_full;
  if v_user_ids is null then
    return;
  end if;

  -- What there is to complete is counted then, and kept by refresh_tracks().
  select array_agg(b.user_id), array_agg(b.track_id), array_agg(b.at)
  into v_user_ids, v_track_ids, v_at
  from learn_internal.begin_tracks(
    v_user_ids, v_track_ids, p_user_ids, p_item_type, p_item_ids, p_at) b;
  if v_user_ids is not null then
    perform learn_internal.complete_tracks(v_user_ids, v_track_ids, v_at);
  end if;
end;
$$;
comment on function learn_internal.advance_tracks(uuid[],text,bigint[],timestamp with time zone[]) is 'Counts newly completed items towards their tracks.';
revoke execute on function learn_internal.advance_tracks(uuid[],text,bigint[],timestamp with time zone[]) from public;

-- function learn_internal.apply_lesson_completions(learn_internal.completion[],uuid[],bigint[],timestamp with time zone[],boolean,boolean)

-- functions/progress/apply_lesson_completions.sql
-- What completing lessons causes. Takes rows of user_lesson_progress that have just become
-- completed, three of their columns as parallel arrays, whether any was started before, and whether
-- any score is 100. One array of rows for the statement that reads all columns: an array more
-- in unnest() costs more than a column more in a row.
create or replace function learn_internal.apply_lesson_completions(
  p_completions learn_internal.completion[],
  p_user_ids uuid[], p_lesson_ids bigint[], p_at timestamptz[],
  p_were_started boolean, p_have_full_score boolean
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set enable_hashjoin = off  -- one user's rows by key, never a table's: see docs/engine.md
as $$
declare
  v_completions   learn_internal.completion[] := p_completions;
  v_fast_seconds  interval;
  v_now           timestamptz;
  v_has_recorded  boolean;
  v_has_any       boolean;             -- exercises
  v_pays          integer;             -- what lesson_completed does
  v_is_qualifying boolean;
  v_is_perfect_qualifying boolean;
  v_recorded      jsonb;               -- facts recorded from outside already: type, user, lesson
begin
  -- The users first, in key order: everything else of theirs comes after this lock.
  perform from learn.user_stats s where s.user_id = any (p_user_ids)
  order by s.user_id for no key update;

  -- What is the same for all; the time as learn.clock() tells it, without the price of a call
  select t.pays, t.is_qualifying,
    coalesce((select o.now_is from learn_internal.clock_override o), now()),
    exists (select from learn_internal.recorded_subjects r where r.user_id = any (p_user_ids)),
    exists (
      select from learn.exercises e where e.lesson_id = any (p_lesson_ids) and e.is_published)
  into v_pays, v_is_qualifying, v_now, v_has_recorded, v_has_any
  from learn.activity_types t
  where t.key = 'lesson_completed';
  if p_were_started then
    select (s.value #>> '{}')::numeric * interval '1 second' into v_fast_seconds
    from learn.platform_settings s
    where s.key = 'speed_runner_seconds';
  end if;
  if v_has_recorded then
    select jsonb_object_agg(format('%s %s %s', r.activity_type, r.user_id, r.subject_id), true)
    into v_recorded
    from unnest(p_user_ids, p_lesson_ids) c(user_id, lesson_id)
    join learn_internal.recorded_subjects r
      on r.user_id = c.user_id and r.activity_type in ('lesson_completed', 'lesson_perfect')
        and r.subject_type = 'lesson' and r.subject_id = c.lesson_id::text;
  end if;

  if v_has_any then
    -- How the exercises of each lesson were solved; null where a lesson has none
    select array_agg((c.user_id, c.lesson_id, c.completed_at, c.started_at, c.score,
      c.exercises > 0, c.first_tries = c.exercises, c.wrong = 0, c.failed = 0,
      'lesson_completed')::learn_internal.completion order by c.position)
    into v_completions
    from (
      select c.position, c.user_id, c.lesson_id, c.completed_at, c.started_at, c.score,
        count(e.id) as exercises,
        count(*) filter (where x.is_first_try) as first_tries,
        coalesce(sum(x.wrong_submissions), 0) as wrong,
        coalesce(sum(x.failed_submissions), 0) as failed
      from unnest(p_completions) with ordinality c(user_id, lesson_id, completed_at, started_at,
        score, has_exercises, is_first_try, is_flawless, is_clean, activity_type, position)
      left join learn.exercises e on e.lesson_id = c.lesson_id and e.is_published
      left join learn.user_exercise_progress x
        on x.user_id = c.user_id and x.exercise_id = e.id
      group by c.position, c.user_id, c.lesson_id, c.completed_at, c.started_at, c.score
    ) c;
  end if;
  -- A lesson without a fault is a fact more.
  if p_have_full_score or v_has_any then
    select t.is_qualifying into v_is_perfect_qualifying
    from learn.activity_types t
    where t.key = 'lesson_perfect';
    v_completions := array(
      select (c.user_id, c.lesson_id, c.completed_at, c.started_at, c.score, c.has_exercises,
        c.is_first_try, c.is_flawless, c.is_clean, f.activity_type)::learn_internal.completion
      from unnest(v_completions) with ordinality c(user_id, lesson_id, completed_at, started_at,
        score, has_exercises, is_first_try, is_flawless, is_clean, activity_type, position)
      cross join lateral (
        values ('lesson_completed', true),
          ('lesson_perfect', case when c.has_exercises then c.is_first_try else c.score = 100 end)
      ) f(activity_type, is_due)
      where f.is_due
      order by c.position, f.activity_type);
  end if;

  insert into learn.activity_log
    (user_id, activity_type, subject_type, subject_id, properties, xp, occurred_at,
     local_date, is_qualifying, recorded_at)
  select p.user_id, p.activity_type, 'lesson', p.lesson_id::text,
    case when p.activity_type = 'lesson_perfect' then '{}'
      else jsonb_build_object('slug', l.slug, 'has_exercises', coalesce(p.has_exercises, false),
          'is_fast', coalesce(p.completed_at >= p.started_at
            and p.completed_at < p.started_at + v_fast_seconds, false))
        || case when p.has_exercises then jsonb_build_object(
          'is_clean', p.is_clean, 'is_first_try', p.is_first_try,
          'is_flawless', p.is_flawless) else '{}' end
    end,
    case when p.activity_type = 'lesson_completed' then
      round(coalesce(l.xp_reward, v_pays, 0) * coalesce(d.xp_multiplier, 1))::integer
    end,
    p.completed_at, (p.completed_at at time zone u.timezone)::date,
    case when p.activity_type = 'lesson_perfect' then v_is_perfect_qualifying
      else v_is_qualifying end,
    v_now
  from unnest(v_completions) p
  join learn.users u on u.id = p.user_id
  join learn.lessons l on l.id = p.lesson_id
  left join learn.difficulties d on d.key = l.difficulty
  -- recorded from outside already: paid
  where v_recorded is null
    or not v_recorded ? format('%s %s %s', p.activity_type, p.user_id, p.lesson_id);

  perform learn_internal.advance_tracks(p_user_ids, 'lesson', p_lesson_ids, p_at);
end;
$$;
comment on function learn_internal.apply_lesson_completions(learn_internal.completion[],uuid[],bigint[],timestamp with time zone[],boolean,boolean) is 'Writes the facts of newly completed lessons, and moves their tracks.';
revoke execute on function learn_internal.apply_lesson_completions(learn_internal.completion[],uuid[],bigint[],timestamp with time zone[],boolean,boolean) from public;

-- function learn_internal.recount_tracks(uuid[],bigint[])

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
    left join learn_internal.track_recounts r on r.user_id = u.user_id and r.track_id = s.track_id
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
    perform learn_internal.complete_tracks(v_user_ids, v_track_ids, v_at);
  end if;
end;
$$;
comment on function learn_internal.recount_tracks(uuid[],bigint[]) is 'Recounts tracks for users and completes those that are complete by now.';
revoke execute on function learn_internal.recount_tracks(uuid[],bigint[]) from public;

-- function learn_internal.lesson_progress_deleted()

-- triggers/progress/lesson_progress_deleted.sql
-- When lesson progress is deleted, alone or with its lesson: the tracks concerned are recounted.
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
  v_user_ids  uuid[];
  v_track_ids bigint[];
begin
  select array_agg(distinct d.user_id), array_agg(distinct i.track_id) into v_user_ids, v_track_ids
  from deleted_rows d
  join learn_internal.track_items i on i.item_type = 'lesson' and i.item_id = d.lesson_id
  join learn.users u on u.id = d.user_id
  where d.completed_at is not null;
  if v_user_ids is null then
    return null;
  end if;
  perform from learn.user_stats s where s.user_id = any (v_user_ids)
  order by s.user_id for no key update;
  perform learn_internal.recount_tracks(v_user_ids, v_track_ids);
  return null;
end;
$$;
comment on function learn_internal.lesson_progress_deleted() is 'Statement trigger: recounts the tracks of deleted lesson progress.';
revoke execute on function learn_internal.lesson_progress_deleted() from public;

-- function learn_internal.lesson_progress_inserted()

-- triggers/progress/lesson_progress_inserted.sql
-- When lesson progress is written: started lessons are facts, and completed ones
-- pay and move their tracks.
create or replace function learn_internal.lesson_progress_inserted()
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
  v_completions learn_internal.completion[];
  v_user_ids    uuid[];
  v_lesson_ids  bigint[];
  v_at          timestamptz[];
  v_started     bigint;
  v_is_perfect  boolean;
begin
  select
    array_agg((n.user_id, n.lesson_id, n.completed_at, n.started_at, n.score,
      null, null, null, null, 'lesson_completed')::learn_internal.completion),
    array_agg(n.user_id), array_agg(n.lesson_id), array_agg(n.completed_at),
    count(n.started_at), bool_or(n.score = 100)
  into v_completions, v_user_ids, v_lesson_ids, v_at, v_started, v_is_perfect
  from new_rows n;
  if v_started > 0 then
    perform learn_internal.write_lesson_starts(
      array_agg((n.user_id, n.lesson_id, n.started_at)::learn_internal.lesson_event))
    from new_rows n
    where n.started_at is not null;
  end if;
  if array_position(v_at, null) is not null then
    select array_agg(c), array_agg(c.user_id), array_agg(c.lesson_id), array_agg(c.completed_at)
    into v_completions, v_user_ids, v_lesson_ids, v_at
    from unnest(v_completions) c
    where c.completed_at is not null;
  end if;
  if v_user_ids is not null then
    perform learn_internal.apply_lesson_completions(
      v_completions, v_user_ids, v_lesson_ids, v_at, v_started > 0, v_is_perfect);
  end if;
  return null;
end;
$$;
comment on function learn_internal.lesson_progress_inserted() is 'Statement trigger: facts of started lessons; completed ones pay and move their tracks.';
revoke execute on function learn_internal.lesson_progress_inserted() from public;

-- function learn_internal.lesson_progress_updated()

-- triggers/progress/lesson_progress_updated.sql
-- When lesson progress changes: what has become started or completed by the change
-- is treated like new rows.
create or replace function learn_internal.lesson_progress_updated()
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
  v_completions learn_internal.completion[];
  v_user_ids    uuid[];
  v_lesson_ids  bigint[];
  v_at          timestamptz[];
  v_starts      learn_internal.lesson_event[];
  v_started     bigint;
  v_is_perfect  boolean;
begin
  if not exists (select from new_rows) then
    return null;
  end if;
  select
    array_agg((n.user_id, n.lesson_id, n.started_at)::learn_internal.lesson_event)
      filter (where n.started_at is not null and o.started_at is null),
    array_agg((n.user_id, n.lesson_id, n.completed_at, n.started_at, n.score,
      null, null, null, null, 'lesson_completed')::learn_internal.completion)
      filter (where n.completed_at is not null and o.completed_at is null),
    array_agg(n.user_id) filter (where n.completed_at is not null and o.completed_at is null),
    array_agg(n.lesson_id) filter (where n.completed_at is not null and o.completed_at is null),
    array_agg(n.completed_at) filter (where n.completed_at is not null and o.completed_at is null),
    count(n.started_at), bool_or(n.score = 100)
  into v_starts, v_completions, v_user_ids, v_lesson_ids, v_at, v_started, v_is_perfect
  from new_rows n
  join old_rows o on o.user_id = n.user_id and o.lesson_id = n.lesson_id;
  if v_starts is not null then
    perform learn_internal.write_lesson_starts(v_starts);
  end if;
  if v_user_ids is not null then
    perform learn_internal.apply_lesson_completions(
      v_completions, v_user_ids, v_lesson_ids, v_at, v_started > 0, v_is_perfect);
  end if;
  return null;
end;
$$;
comment on function learn_internal.lesson_progress_updated() is 'Statement trigger: lessons that a change has started or completed become facts.';
revoke execute on function learn_internal.lesson_progress_updated() from public;

-- function learn_internal.lessons_updated()

-- triggers/catalog/lessons_updated.sql
-- When lessons change: one that is published or unpublished moves the percentages of its tracks,
-- and one that is published is complete for those who have solved its exercises already.
create or replace function learn_internal.lessons_updated()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform learn_internal.refresh_tracks(array_agg(distinct t.track_id))
  from new_rows n
  join old_rows o on o.id = n.id
  join learn.track_lessons t on t.lesson_id = n.id
  where n.is_published <> o.is_published
  having count(*) > 0;

  perform learn_internal.refresh_lessons(array_agg(n.id))
  from new_rows n
  join old_rows o on o.id = n.id
  where n.is_published and not o.is_published
  having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.lessons_updated() is 'Statement trigger: recounts tracks of published and unpublished lessons.';
revoke execute on function learn_internal.lessons_updated() from public;

-- function learn_internal.refresh_paths(uuid[],bigint[])

-- functions/progress/refresh_paths.sql
-- Recounts learning paths for users. Returns the facts to write: the paths that this completes.
create or replace function learn_internal.refresh_paths(p_user_ids uuid[], p_path_ids bigint[])
returns setof learn_internal.fact
language sql
volatile
set search_path = pg_catalog, pg_temp
as $$
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
    left join learn_internal.path_recounts r on r.user_id = u.user_id and r.path_id = s.path_id
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
$$;
comment on function learn_internal.refresh_paths(uuid[],bigint[]) is 'Recounts learning paths for users; returns the facts to write for the ones that this completes.';
revoke execute on function learn_internal.refresh_paths(uuid[],bigint[]) from public;

-- function learn_internal.rebuild_users(uuid[])

-- functions/operations/rebuild_users.sql
-- Recomputes every projection of users from facts: active days and streaks,
-- XP and levels from the ledger, metrics, progress in exercises, tracks, paths and difficulties.
-- Nothing is paid, earned or lost: the ledger, the log and what was earned are the facts;
-- an achievement whose row was lost is put back from the log.
create or replace function learn_internal.rebuild_users(p_user_ids uuid[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  perform learn_internal.hold_content();
  perform from learn.user_stats s where s.user_id = any (p_user_ids)
  order by s.user_id for no key update;
  insert into learn.user_stats (user_id)
  select u.id from learn.users u where u.id = any (p_user_ids)
  on conflict do nothing;

  -- Days and streaks
  delete from learn.user_activity_days d where d.user_id = any (p_user_ids);
  insert into learn.user_activity_days (user_id, activity_date, is_freeze)
  select r.user_id, r.activity_date, r.is_freeze
  from learn_internal.activity_day_recounts r
  where r.user_id = any (p_user_ids);

  -- XP, level, streak
  update learn.user_stats s
  set total_xp = x.total_xp,
    current_level = learn.calculate_level_from_xp(x.total_xp),
    highest_level = x.highest_level,
    current_streak = coalesce(d.current_streak, 0),
    longest_streak = coalesce(d.longest_streak, 0),
    active_days = coalesce(d.active_days, 0),
    last_activity_date = d.last_activity_date,
    streak_freezes = (
      select count(*) from learn.streak_freezes z
      where z.user_id = s.user_id and z.used_on is null)
  from learn_internal.xp_recounts x
  left join (
    select * from learn_internal.streak_states t where t.user_id = any (p_user_ids)
  ) d on d.user_id = x.user_id
  where s.user_id = any (p_user_ids) and x.user_id = s.user_id;

  -- Metrics
  delete from learn.user_metrics m where m.user_id = any (p_user_ids);
  insert into learn.user_metrics (user_id, metric, scope, value)
  select r.user_id, r.metric, r.scope, r.value
  from learn_internal.metric_recounts r
  where r.user_id = any (p_user_ids) and r.value <> 0;

  delete from learn_internal.user_metric_days d where d.user_id = any (p_user_ids);
  insert into learn_internal.user_metric_days (user_id, metric, scope, activity_date)
  select r.user_id, r.metric, r.scope, r.activity_date
  from learn_internal.metric_day_recounts r
  where r.user_id = any (p_user_ids);

  -- Progress
  delete from learn.user_exercise_progress p
  where p.user_id = any (p_user_ids) and not exists (
    select from learn.query_submissions q
    where q.user_id = p.user_id and q.exercise_id = p.exercise_id);
  insert into learn.user_exercise_progress as p
    (user_id, exercise_id, submissions, wrong_submissions,
     failed_submissions, is_first_try, solved_at)
  select r.user_id, r.exercise_id, r.submissions, r.wrong_submissions,
    r.failed_submissions, r.is_first_try, r.solved_at
  from learn_internal.exercise_recounts r
  where r.user_id = any (p_user_ids)
  on conflict (user_id, exercise_id) do update
    set submissions = excluded.submissions, wrong_submissions = excluded.wrong_submissions,
      failed_submissions = excluded.failed_submissions, is_first_try = excluded.is_first_try,
      solved_at = excluded.solved_at;

  insert into learn.user_achievements (user_id, achievement_id, earned_at, evidence)
  select r.user_id, r.achievement_id, r.earned_at, '{"is_restored": true}'
  from learn_internal.achievement_recounts r
  where r.user_id = any (p_user_ids)
  on conflict do nothing;

  -- What was completed stays completed: the facts say so, and are not written again.
  insert into learn.user_track_progress as p (user_id, track_id, total_items, completed_at)
  select c.user_id, t.id, 0, c.completed_at
  from learn_internal.completion_facts c
  join learn.tracks t on c.activity_type = 'track_completed' and t.id::text = c.subject_id
  where c.user_id = any (p_user_ids)
  on conflict (user_id, track_id) do update
    set completed_at = coalesce(p.completed_at, excluded.completed_at);
  insert into learn.user_path_progress as p (user_id, path_id, total_tracks, completed_at)
  select c.user_id, t.id, 0, c.completed_at
  from learn_internal.completion_facts c
  join learn.learning_paths t on c.activity_type = 'path_completed' and t.id::text = c.subject_id
  where c.user_id = any (p_user_ids)
  on conflict (user_id, path_id) do update
    set completed_at = coalesce(p.completed_at, excluded.completed_at);
  insert into learn.user_difficulty_progress (user_id, difficulty, completed_at)
  select c.user_id, t.key, c.completed_at
  from learn_internal.completion_facts c
  join learn.difficulties t on c.activity_type = 'difficulty_completed' and t.key = c.subject_id
  where c.user_id = any (p_user_ids)
  on conflict do nothing;

  perform learn_internal.recount_tracks(p_user_ids, (select array_agg(t.id) from learn.tracks t));
  perform learn_internal.write_facts(array_agg(f::learn_internal.fact))
  from learn_internal.refresh_paths(
    p_user_ids, (select array_agg(p.id) from learn.learning_paths p)) f;
  perform learn_internal.write_facts(array_agg(f::learn_internal.fact))
  from learn_internal.refresh_difficulties(
    p_user_ids, (select array_agg(d.key) from learn.difficulties d)) f;
end;
$$;
comment on function learn_internal.rebuild_users(uuid[]) is 'Recomputes every projection of users from facts.';
revoke execute on function learn_internal.rebuild_users(uuid[]) from public;

-- trigger lesson_progress_deleted on learn.user_lesson_progress

create or replace trigger lesson_progress_deleted
  after delete on learn.user_lesson_progress
  referencing old table as deleted_rows
  for each statement
  execute function learn_internal.lesson_progress_deleted();
comment on trigger lesson_progress_deleted on learn.user_lesson_progress is 'Recounts tracks.';

-- trigger lesson_progress_inserted on learn.user_lesson_progress

create or replace trigger lesson_progress_inserted
  after insert on learn.user_lesson_progress
  referencing new table as new_rows
  for each statement
  execute function learn_internal.lesson_progress_inserted();
comment on trigger lesson_progress_inserted on learn.user_lesson_progress is 'Started and completed lessons become facts.';

-- trigger lesson_progress_updated on learn.user_lesson_progress

create or replace trigger lesson_progress_updated
  after update on learn.user_lesson_progress
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.lesson_progress_updated();
comment on trigger lesson_progress_updated on learn.user_lesson_progress is 'Started and completed lessons become facts.';

-- trigger lessons_change on learn.lessons

-- triggers/catalog/lessons_change.sql
-- When lessons are published, unpublished or deleted: learners wait.
create or replace trigger lessons_change
  before update of is_published or delete on learn.lessons
  for each statement
  execute function learn_internal.change_content();
comment on trigger lessons_change on learn.lessons is 'A change has learners wait.';

-- trigger lessons_touch on learn.lessons

create or replace trigger lessons_touch
  before update on learn.lessons
  for each row
  when (old.* is distinct from new.*)
  execute function learn_internal.touch_updated_at();
comment on trigger lessons_touch on learn.lessons is 'Keeps updated_at.';

-- trigger lessons_updated on learn.lessons

create or replace trigger lessons_updated
  after update on learn.lessons
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.lessons_updated();
comment on trigger lessons_updated on learn.lessons is 'Recounts the tracks.';

drop table learn.course_ratings;
drop table learn.user_level_unlocks;
drop table learn.user_course_progress;
drop index learn.user_lesson_progress_recent;
alter table learn.lessons
  drop constraint translations_are_texts,
  add constraint translations_are_an_object check (jsonb_typeof(translations) = 'object'),
  drop column is_available,
  drop column course_level_id,
  drop column course_id;
drop index learn.lessons_content;
comment on column learn.lessons.sequence_number is null;
comment on column learn.lessons.translations is null;
drop table learn.course_levels;
drop table learn.course_prerequisites;
drop table learn.courses;
drop function learn_internal.is_translations(jsonb);
drop type learn_internal.lesson_time;
comment on type learn.award_summary is
  'What a call did for a user: XP of this call and in total, level, streak as of today in days, '
  'slugs of achievements earned by this call, what it unlocked ({"avatars": [slug, …]}), '
  'and whether it is the stored answer of an earlier call with the same idempotency key.';
alter type learn_internal.call drop attribute last_unlock;
alter table learn.platform_settings drop constraint level_completion_policy_is_known;
delete from learn.platform_settings where key = 'level_completion_policy';

reset role;
