-- Skills

set role learn_owner;

-- functions/skills/allocate_skill_points.sql

-- Puts points into a skill. A user has as many points as XP, each to be used once; the first points
-- ask for the skill's prerequisites at level 1.
-- Errors: LX001 fewer than 1 point, more than are available, or than fit; LX002;
-- LX003 unknown skill; LX004 user inactive; LX006 prerequisites at level 0; LX013.
create or replace function learn.allocate_skill_points(
  p_user_id         uuid,
  p_skill_id        bigint,
  p_points          integer,
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
  v_call      learn_internal.call := learn_internal.begin_call(
    'allocate_skill_points', p_user_id,
    jsonb_build_object('skill_id', p_skill_id, 'points', p_points),
    p_occurred_at, p_idempotency_key);
  v_skill     learn.skills;
  v_available bigint;
  v_room      bigint;
begin
  if (v_call.replay).replayed then
    return v_call.replay;
  end if;
  select k.* into v_skill from learn.skills k where k.id = p_skill_id;
  if not found then
    raise exception 'unknown skill'
      using errcode = 'LX003',
        detail = format('p_skill_id = %s', coalesce(p_skill_id::text, 'null')),
        hint = 'Look it up in learn.skills.';
  end if;
  select greatest(0, v_call.total_xp - coalesce(sum(u.points_allocated), 0)),
    greatest(0, v_skill.max_level * v_skill.xp_per_level
      - coalesce(sum(u.points_allocated) filter (where u.skill_id = p_skill_id), 0))
  into v_available, v_room
  from learn.user_skills u
  where u.user_id = p_user_id;
  if p_points is null or p_points < 1 or p_points > v_available or p_points > v_room then
    raise exception 'so many points cannot be allocated'
      using errcode = 'LX001',
        detail = format('p_points = %s; available: %s; skill %s has room for: %s',
          coalesce(p_points::text, 'null'), v_available, v_skill.slug, v_room),
        hint = 'Allocate at least 1 point, and no more than are available and fit. '
          'Each XP is one point.';
  end if;

  insert into learn.user_skills as u
    (user_id, skill_id, points_allocated, unlocked_at, allocated_at)
  values (p_user_id, p_skill_id, p_points, v_call.occurred_at, v_call.occurred_at)
  on conflict (user_id, skill_id) do update
    set points_allocated = u.points_allocated + excluded.points_allocated,
      allocated_at = excluded.allocated_at;

  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.allocate_skill_points(uuid, bigint, integer, timestamptz, text) is
  'Puts points into a skill, of which a user has as many as XP, each to be used once.';
grant execute on function learn.allocate_skill_points(uuid, bigint, integer, timestamptz, text)
  to learn_app, learn_user;

-- functions/skills/skill_tree.sql

-- Every skill as one user sees it.
-- Errors: LX002 unknown user.
create or replace function learn.skill_tree(p_user_id uuid)
returns table (
  skill_id bigint, slug text, name text, description text, category text, parent text,
  max_level integer, xp_per_level integer, current_level integer, points_allocated integer,
  available_points bigint, points_that_fit integer, is_unlocked boolean, is_unlockable boolean,
  missing_prerequisites text[], unlocked_at timestamptz, mastered_at timestamptz
)
language plpgsql
stable
security definer                  -- the same for every role that may call it
set search_path = pg_catalog, pg_temp
set jit = off
as $$
begin
  perform learn_internal.require_self(p_user_id);
  perform learn_internal.require_user(p_user_id);
  return query
  select k.id, k.slug, k.name, k.description, k.category, p.slug, k.max_level, k.xp_per_level,
    coalesce(u.current_level, 0), coalesce(u.points_allocated, 0), a.points,
    greatest(0, k.max_level * k.xp_per_level - coalesce(u.points_allocated, 0)),
    u.skill_id is not null, u.skill_id is null and m.missing = '{}', m.missing,
    u.unlocked_at, u.mastered_at
  from learn.skills k
  left join learn.skills p on p.id = k.parent_skill_id
  left join learn.user_skills u on u.user_id = p_user_id and u.skill_id = k.id
  cross join (
    select greatest(0, s.total_xp - coalesce((
      select sum(w.points_allocated) from learn.user_skills w where w.user_id = p_user_id), 0)
    ) as points
    from learn.user_stats s
    where s.user_id = p_user_id
  ) a
  cross join lateral (
    select coalesce(array_agg(r.slug order by r.slug), '{}') as missing
    from learn.skill_prerequisites e
    join learn.skills r on r.id = e.prerequisite_skill_id
    left join learn.user_skills w on w.user_id = p_user_id and w.skill_id = r.id
    where e.skill_id = k.id and coalesce(w.current_level, 0) < 1
  ) m
  order by k.category, k.id;
end;
$$;
comment on function learn.skill_tree(uuid) is
  'Every skill as one user sees it: level, points, how many are available and fit, and which '
  'prerequisites are missing. is_unlockable: not begun, and nothing is missing.';
grant execute on function learn.skill_tree(uuid) to learn_app, learn_user, learn_readonly;

-- functions/skills/settle_skills.sql

-- Brings the levels of users' skills in line with their points, parallel arrays. A level that is
-- reached for the first time is a fact, and so is mastery, which stays. The caller has locked
-- the users.
create or replace function learn_internal.settle_skills(
  p_user_ids uuid[], p_skill_ids bigint[], p_at timestamptz[]
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_facts learn_internal.fact[];
begin
  with settled as (
    update learn.user_skills u
    set current_level = l.level, highest_level = greatest(o.highest_level, l.level),
      mastered_at = case when l.level = k.max_level then coalesce(o.mastered_at, t.at)
        else o.mastered_at end
    from unnest(p_user_ids, p_skill_ids, p_at) t(user_id, skill_id, at)
    join learn.user_skills o on o.user_id = t.user_id and o.skill_id = t.skill_id
    join learn.skills k on k.id = t.skill_id
    cross join lateral (
      select least(k.max_level, o.points_allocated / k.xp_per_level) as level
    ) l
    where u.user_id = o.user_id and u.skill_id = o.skill_id
      and (l.level <> o.current_level or l.level = k.max_level and o.mastered_at is null)
    returning u.user_id, u.skill_id, k.slug, k.name, k.category, t.at,
      o.highest_level as old_level, u.highest_level as new_level,
      o.mastered_at is null and u.mastered_at is not null as is_mastered
  )
  select array_agg(
    (f.user_id, f.type, f.subject_type, f.subject_id,
      jsonb_build_object('skill', f.slug, 'name', f.name, 'category', f.category,
        'level', f.level),
      null, f.at)::learn_internal.fact
    order by f.user_id, f.at, f.skill_id, f.level, f.type)
  into v_facts
  from (
    select s.user_id, s.skill_id, s.slug, s.name, s.category, s.at, l.level,
      'skill_level_reached' as type, 'skill_level' as subject_type,
      s.skill_id || ':' || l.level as subject_id
    from settled s
    cross join lateral generate_series(s.old_level + 1, s.new_level) l(level)
    union all
    select s.user_id, s.skill_id, s.slug, s.name, s.category, s.at, s.new_level,
      'skill_mastered', 'skill', s.skill_id::text
    from settled s
    where s.is_mastered
  ) f;
  if v_facts is not null then
    perform learn_internal.write_facts(v_facts);
  end if;
end;
$$;
comment on function learn_internal.settle_skills(uuid[], bigint[], timestamptz[]) is
  'Brings the levels of users'' skills in line with their points, and reports what was reached.';

-- functions/skills/apply_allocations.sql

-- After points were put into skills, parallel arrays: nobody may have put in more than their XP,
-- nor more than a skill takes, nor have begun a skill without its prerequisites. Levels follow.
-- Errors: LX001 more points than there are, or than fit; LX006 prerequisites at level 0.
create or replace function learn_internal.apply_allocations(
  p_user_ids uuid[], p_skill_ids bigint[], p_has_begun boolean[], p_at timestamptz[]
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_bad record;
begin
  -- Written, not only locked: who looks at the same user with an older snapshot (repeatable read,
  -- serializable) and could spend the same points again gets 40001.
  perform from learn.user_stats s where s.user_id = any (p_user_ids)
  order by s.user_id for no key update;
  update learn.user_stats s set total_xp = s.total_xp where s.user_id = any (p_user_ids);

  select u.user_id, k.slug, u.points_allocated, k.max_level::bigint * k.xp_per_level as most
  into v_bad
  from unnest(p_user_ids, p_skill_ids) with ordinality a(user_id, skill_id, position)
  join learn.user_skills u on u.user_id = a.user_id and u.skill_id = a.skill_id
  join learn.skills k on k.id = a.skill_id
  where u.points_allocated > k.max_level::bigint * k.xp_per_level
  order by a.position
  limit 1;
  if found then
    raise exception 'so many points do not fit'
      using errcode = 'LX001',
        detail = format('user_id = %s, skill %s: it takes %s points, this would make %s',
          v_bad.user_id, v_bad.slug, v_bad.most, v_bad.points_allocated),
        hint = 'Allocate fewer points: learn.skill_tree() says how many fit.';
  end if;

  select s.user_id, s.total_xp, w.points into v_bad
  from learn.user_stats s
  cross join lateral (
    select sum(u.points_allocated) as points
    from learn.user_skills u
    where u.user_id = s.user_id
  ) w
  where s.user_id = any (p_user_ids) and w.points > s.total_xp
  order by s.user_id
  limit 1;
  if found then
    raise exception 'the user has not so many skill points'
      using errcode = 'LX001',
        detail = format('user_id = %s: %s points in all would be allocated, of %s XP',
          v_bad.user_id, v_bad.points, v_bad.total_xp),
        hint = 'Each XP is one point: learn.skill_tree() says how many are available.';
  end if;

  perform learn_internal.settle_skills(p_user_ids, p_skill_ids, p_at);

  select a.user_id, k.slug, m.missing into v_bad
  from unnest(p_user_ids, p_skill_ids, p_has_begun) with ordinality
    a(user_id, skill_id, has_begun, position)
  join learn.skills k on k.id = a.skill_id
  cross join lateral (
    select string_agg(r.slug, ', ' order by r.slug) as missing
    from learn.skill_prerequisites e
    join learn.skills r on r.id = e.prerequisite_skill_id
    left join learn.user_skills u on u.user_id = a.user_id and u.skill_id = r.id
    where e.skill_id = a.skill_id and coalesce(u.current_level, 0) < 1
  ) m
  where a.has_begun and m.missing is not null
  order by a.position
  limit 1;
  if found then
    raise exception 'prerequisites of the skill are not met'
      using errcode = 'LX006',
        detail = format('user_id = %s, skill %s, missing: %s',
          v_bad.user_id, v_bad.slug, v_bad.missing),
        hint = 'Reach level 1 of these skills first.';
  end if;
end;
$$;
comment on function learn_internal.apply_allocations(uuid[], bigint[], boolean[], timestamptz[]) is
  'Checks points that were put into skills (LX001, LX006), and lets levels follow.';

-- functions/skills/close_abandoned_sessions.sql

-- Closes the learning sessions that have been open for longer than session_timeout_minutes: they
-- end when their time ran out, not completed. So do quizzes that start_quiz() drew: those with a time limit
-- when it has passed. Returns how many of both. Call it from a scheduler.
-- Errors: LX003 the setting is missing.
create or replace function learn.close_abandoned_sessions()
returns bigint
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_timeout  interval :=
    learn_internal.setting_number('session_timeout_minutes') * interval '1 minute';
  v_grace    interval :=
    learn_internal.setting_number('quiz_grace_seconds') * interval '1 second';
  v_user_ids uuid[];
  v_sessions bigint;
  v_quizzes  bigint;
begin
  perform learn_internal.hold_content();
  select array_agg(u.user_id) into v_user_ids
  from (
    select s.user_id
    from learn.user_stats s
    where s.user_id in (
      select l.user_id from learn.learning_sessions l
      where l.ended_at is null and l.started_at < learn.clock() - v_timeout
      union all
      select d.user_id from learn.drawn_quizzes d
      where d.closed_at is null
        and coalesce(d.ends_at + v_grace, d.started_at + v_timeout) < learn.clock())
    order by s.user_id
    for no key update
  ) u;
  update learn.learning_sessions l
  set ended_at = l.started_at + v_timeout
  where l.user_id = any (v_user_ids) and l.ended_at is null
    and l.started_at < learn.clock() - v_timeout;
  get diagnostics v_sessions = row_count;
  update learn.drawn_quizzes d
  set closed_at = coalesce(d.ends_at, d.started_at + v_timeout)
  where d.user_id = any (v_user_ids) and d.closed_at is null
    and coalesce(d.ends_at + v_grace, d.started_at + v_timeout) < learn.clock();
  get diagnostics v_quizzes = row_count;
  return v_sessions + v_quizzes;
end;
$$;
comment on function learn.close_abandoned_sessions() is
  'Closes learning sessions that have been open for longer than session_timeout_minutes, and drawn '
  'quizzes whose time is up, as not completed; returns how many.';
grant execute on function learn.close_abandoned_sessions() to learn_app;

-- functions/skills/start_session.sql

-- Starts a learning session, and returns it. While one of the same type and resource is open, that
-- one is returned and nothing changes: a repeated call does no harm and needs no key.
-- Errors: LX001 unknown type, blank resource, metadata that are no object, time out of bounds;
-- LX002; LX004 user inactive.
create or replace function learn.start_session(
  p_user_id      uuid,
  p_session_type text,
  p_resource_id  text default null,
  p_metadata     jsonb default '{}',
  p_occurred_at  timestamptz default null
)
returns learn.learning_sessions
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_call    learn_internal.call := learn_internal.begin_call(
    'start_session', p_user_id, '{}', p_occurred_at, null);
  v_session learn.learning_sessions;
begin
  perform learn_internal.require_size('p_session_type', length(p_session_type), 20);
  p_resource_id := learn_internal.require_text('p_resource_id', p_resource_id, 255, true);
  perform learn_internal.require_size('p_metadata', pg_column_size(p_metadata), 65536, 'bytes');
  if p_session_type is null
    or p_session_type not in ('challenge', 'assessment', 'lesson', 'quiz', 'course')
    or p_resource_id !~ E'\\S'
    or jsonb_typeof(p_metadata) is distinct from 'object'
  then
    raise exception 'the session makes no sense'
      using errcode = 'LX001',
        detail = format('p_session_type = %s, p_resource_id = %L, p_metadata is %s',
          coalesce(left(p_session_type, 50), 'null'), left(p_resource_id, 50),
          coalesce(jsonb_typeof(p_metadata), 'null')),
        hint = 'The type is challenge, assessment, lesson, quiz or course; a resource is named in '
          '1 to 255 characters; metadata are a JSON object.';
  end if;

  insert into learn.learning_sessions (user_id, session_type, resource_id, started_at, metadata)
  values (p_user_id, p_session_type, p_resource_id, v_call.occurred_at, p_metadata)
  on conflict (user_id, session_type, resource_id) where ended_at is null do nothing;

  select l.* into strict v_session
  from learn.learning_sessions l
  where l.user_id = p_user_id and l.session_type = p_session_type
    and l.resource_id is not distinct from p_resource_id and l.ended_at is null;
  return v_session;
end;
$$;
comment on function learn.start_session(uuid, text, text, jsonb, timestamptz) is
  'Starts a learning session and returns it; where one of the same type and resource is open, '
  'returns that one.';
grant execute on function learn.start_session(uuid, text, text, jsonb, timestamptz) to learn_app, learn_user;

-- functions/skills/end_session.sql

-- Ends a learning session, and returns it. One that is over is returned as it is: a repeated call
-- does no harm and needs no key.
-- Errors: LX001 the end is before the start, or out of bounds, or not said whether it is completed;
-- LX002; LX003 the user has no such session; LX004 user inactive.
create or replace function learn.end_session(
  p_user_id      uuid,
  p_session_id   bigint,
  p_is_completed boolean default true,
  p_occurred_at  timestamptz default null
)
returns learn.learning_sessions
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_call    learn_internal.call := learn_internal.begin_call(
    'end_session', p_user_id, '{}', p_occurred_at, null);
  v_session learn.learning_sessions;
begin
  select l.* into v_session
  from learn.learning_sessions l
  where l.user_id = p_user_id and l.id = p_session_id;
  if not found then
    raise exception 'the user has no such session'
      using errcode = 'LX003',
        detail = format('p_user_id = %s, p_session_id = %s', p_user_id,
          coalesce(p_session_id::text, 'null')),
        hint = 'learn.start_session() returns the session''s id.';
  end if;
  if v_session.ended_at is not null then
    return v_session;
  end if;
  if p_is_completed is null or v_call.occurred_at < v_session.started_at then
    raise exception 'the session cannot end so'
      using errcode = 'LX001',
        detail = format('p_is_completed = %s, started at %s, to end at %s',
          coalesce(p_is_completed::text, 'null'), v_session.started_at, v_call.occurred_at),
        hint = 'A session ends after it starts, completed or not.';
  end if;

  update learn.learning_sessions l
  set ended_at = v_call.occurred_at, is_completed = p_is_completed
  where l.user_id = p_user_id and l.id = p_session_id;

  select l.* into strict v_session
  from learn.learning_sessions l
  where l.user_id = p_user_id and l.id = p_session_id;
  return v_session;
end;
$$;
comment on function learn.end_session(uuid, bigint, boolean, timestamptz) is
  'Ends a learning session and returns it, with its duration in seconds and the XP gained; '
  'one that is over is returned as it is.';
grant execute on function learn.end_session(uuid, bigint, boolean, timestamptz) to learn_app, learn_user;

-- functions/skills/write_session_facts.sql

-- Writes the facts of learning sessions that have ended (parallel arrays): of those of a minute or more. One
-- that was left open until it was closed as abandoned says nothing of how long somebody learned.
-- Errors: LX003 the setting is missing.
create or replace function learn_internal.write_session_facts(p_user_ids uuid[], p_ids bigint[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set enable_seqscan = off   -- by key, also where a table was small when this was planned
set jit = off
as $$
declare
  v_timeout numeric := 60 * learn_internal.setting_number('session_timeout_minutes');
begin
  perform from learn.user_stats s where s.user_id = any (p_user_ids)
  order by s.user_id for no key update;
  perform learn_internal.write_facts(array_agg(
    (l.user_id, 'session_ended', 'session', l.id::text,
      jsonb_build_object('session_type', l.session_type, 'resource_id', l.resource_id,
        'seconds', l.duration_seconds, 'is_completed', l.is_completed),
      null, l.ended_at)::learn_internal.fact
    order by l.user_id, l.ended_at, l.id))
  from unnest(p_user_ids, p_ids) e(user_id, id)
  join learn.learning_sessions l on l.user_id = e.user_id and l.id = e.id
  where l.duration_seconds >= 60 and (l.is_completed or l.duration_seconds < v_timeout);
end;
$$;
comment on function learn_internal.write_session_facts(uuid[], bigint[]) is
  'Writes the facts of learning sessions of a minute or more that have ended.';

-- functions/skills/submit_assessment.sql

-- Submits a completed assessment, which the database grades; the results are in
-- learn.assessment_results. Types: initial, track_placement, periodic.
-- Errors: LX001 unknown type, questions or responses that make no sense; LX002;
-- LX004 user inactive; LX013.
create or replace function learn.submit_assessment(
  p_user_id         uuid,
  p_assessment_type text,
  p_questions       jsonb,
  p_responses       jsonb,
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
  v_call    learn_internal.call := learn_internal.begin_call(
    'submit_assessment', p_user_id,
    jsonb_build_object('assessment_type', p_assessment_type, 'questions', p_questions,
      'responses', p_responses),
    p_occurred_at, p_idempotency_key);
  v_problem text;
begin
  if (v_call.replay).replayed then
    return v_call.replay;
  end if;
  perform learn_internal.require_size('p_assessment_type', length(p_assessment_type), 20);
  perform learn_internal.require_size('p_questions', pg_column_size(p_questions), 1048576, 'bytes');
  perform learn_internal.require_size('p_responses', pg_column_size(p_responses), 1048576, 'bytes');
  if p_assessment_type is null
    or p_assessment_type not in ('initial', 'track_placement', 'periodic')
  then
    v_problem := format('p_assessment_type = %s', coalesce(left(p_assessment_type, 50), 'null'));
  else
    v_problem := learn_internal.assessment_problem(p_questions, p_responses);
  end if;
  if v_problem is not null then
    raise exception 'the assessment makes no sense'
      using errcode = 'LX001', detail = v_problem,
        hint = 'The type is initial, track_placement or periodic. Questions are '
          '[{"id": "q1", "category": "caching", "correct_answer": "B"}, …], 1 to 500 of them; '
          'responses are [{"id": "q1", "answer": "B"}, …], at most one for each.';
  end if;

  insert into learn.assessment_results
    (user_id, assessment_type, questions, responses, completed_at)
  values (p_user_id, p_assessment_type, p_questions, p_responses, v_call.occurred_at);

  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.submit_assessment(uuid, text, jsonb, jsonb, timestamptz, text) is
  'Submits a completed assessment, graded by the database: '
  '[{"id": "q1", "category": "caching", "correct_answer": "B"}, …] and '
  '[{"id": "q1", "answer": "B"}, …]. What it says of the user is in assessment_results.';
grant execute on function learn.submit_assessment(uuid, text, jsonb, jsonb, timestamptz, text)
  to learn_app;

-- views/skills/open_challenges.sql

-- Challenges that users could try now: active, with levels, not completed, and unlocked or with nothing missing.
-- Filter by user_id: nobody else is looked at.
create or replace view learn_internal.open_challenges as
select s.user_id, c.id as challenge_id, c.slug, c.category, d.rank as difficulty_rank,
  t.position as track_position, c.track_id, c.position
from learn.user_stats s
cross join learn.challenges c
join learn.difficulties d on d.key = c.difficulty
left join learn.tracks t on t.id = c.track_id
where c.is_active
  and exists (select from learn.challenge_levels l where l.challenge_id = c.id)
  and not exists (
    select from learn.user_challenge_progress p
    where p.user_id = s.user_id and p.challenge_id = c.id and p.completed_at is not null)
  and (exists (
      select from learn.user_challenge_progress p
      where p.user_id = s.user_id and p.challenge_id = c.id and p.unlocked_at is not null)
    or exists (
      select from learn_internal.due_challenge_unlocks u
      where u.user_id = s.user_id and u.challenge_id = c.id));
comment on view learn_internal.open_challenges is
  'Challenges that users have not completed and could try now.';

-- views/skills/open_tracks.sql

-- Tracks that users could do now: published, with something in them, not completed, and with every
-- prerequisite completed. Filter by user_id: nobody else is looked at.
create or replace view learn_internal.open_tracks as
select s.user_id, t.id as track_id, t.slug, d.rank as difficulty_rank, t.position
from learn.user_stats s
cross join learn.tracks t
join learn.difficulties d on d.key = t.difficulty
join learn_internal.track_sizes z on z.track_id = t.id
where t.is_published
  and not exists (
    select from learn.user_track_progress p
    where p.user_id = s.user_id and p.track_id = t.id and p.completed_at is not null)
  and not exists (
    select from learn.track_prerequisites e
    join learn.tracks r on r.id = e.prerequisite_track_id and r.is_published
    join learn_internal.track_sizes y on y.track_id = r.id
    where e.track_id = t.id and not exists (
      select from learn.user_track_progress p
      where p.user_id = s.user_id and p.track_id = r.id and p.completed_at is not null));
comment on view learn_internal.open_tracks is
  'Tracks that users have not completed and could do now.';

-- views/skills/skill_recounts.sql

-- Levels of skills recounted from points, and what the log says of levels and mastery: what
-- user_skills must say. Filter by user_id: the condition reaches the tables.
create or replace view learn_internal.skill_recounts as
select u.user_id, u.skill_id,
  least(k.max_level, u.points_allocated / k.xp_per_level) as current_level,
  f.highest_level, f.mastered_at,
  u.points_allocated / k.xp_per_level >= k.max_level as is_full
from learn.user_skills u
join learn.skills k on k.id = u.skill_id
cross join lateral (
  select coalesce(
      max(split_part(l.subject_id, ':', 2)::integer) filter (
        where l.activity_type = 'skill_level_reached'), 0) as highest_level,
    min(l.occurred_at) filter (where l.activity_type = 'skill_mastered') as mastered_at
  from learn_internal.all_facts l
  where l.user_id = u.user_id and (
    l.activity_type = 'skill_level_reached' and l.subject_type = 'skill_level'
      and l.subject_id ~ '^[0-9]+:[0-9]{1,9}$'
      and split_part(l.subject_id, ':', 1) = u.skill_id::text
    or l.activity_type = 'skill_mastered' and l.subject_type = 'skill'
      and l.subject_id = u.skill_id::text)
) f;
comment on view learn_internal.skill_recounts is
  'Levels of users'' skills recounted from points and from the log.';

-- views/skills/skill_damage.sql

-- Where skills are not what their points say, or assessments are no facts: the part of
-- check_integrity() about skills.
create or replace view learn_internal.skill_damage (check_name, user_id, expected, actual) as
select 'skill_levels_follow_from_points', r.user_id,
  format('skill %s: level %s, highest %s', r.skill_id, r.current_level, r.highest_level),
  format('skill %s: level %s, highest %s', u.skill_id, u.current_level, u.highest_level)
from learn_internal.skill_recounts r
join learn.user_skills u on u.user_id = r.user_id and u.skill_id = r.skill_id
where (u.current_level, u.highest_level) <> (r.current_level, r.highest_level)
union all
select 'full_skills_are_mastered', r.user_id,
  format('skill %s mastered', r.skill_id), 'not mastered'
from learn_internal.skill_recounts r
join learn.user_skills u on u.user_id = r.user_id and u.skill_id = r.skill_id
where u.mastered_at is null and (r.is_full or r.mastered_at is not null)
union all
select 'mastered_skills_are_facts', r.user_id, format('a fact for skill %s', r.skill_id), 'none'
from learn_internal.skill_recounts r
join learn.user_skills u on u.user_id = r.user_id and u.skill_id = r.skill_id
where u.mastered_at is not null and r.mastered_at is null
union all
select 'assessments_are_facts', a.user_id, format('a fact for assessment %s', a.id), 'none'
from learn.assessment_results a
left join learn_internal.all_facts f on f.user_id = a.user_id
  and f.activity_type = 'assessment_completed' and f.subject_type = 'assessment'
  and f.subject_id = a.id::text
where f.id is null;
comment on view learn_internal.skill_damage is
  'Where skills are not what their points say, or assessments are no facts; '
  'no row when all is well.';

-- triggers/skills/assessment_results.sql

-- What happens when rows of learn.assessment_results are written, in the order in which triggers fire.
-- Errors: LX003.

-- Before assessments are written: content is held, because they recommend some of it.
create or replace trigger assessment_results_hold
  before insert on learn.assessment_results
  for each statement
  execute function learn_internal.hold_content_first();

-- When assessments are written: they are graded, what they say of the user is noted with them, and
-- they are facts. An initial one sets the user's skill level, later ones raise it, if the setting says so.
-- Errors: LX003 a setting is missing.
create or replace function learn_internal.assessments_completed()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_ids     uuid[];
  v_intermediate numeric;
  v_advanced     numeric;
  v_strength     numeric;
  v_weakness     numeric;
  v_most         integer;
begin
  select array_agg(distinct n.user_id) into v_user_ids from new_rows n;
  if v_user_ids is null then
    return null;
  end if;
  perform from learn.user_stats s where s.user_id = any (v_user_ids)
  order by s.user_id for no key update;
  v_intermediate := learn_internal.setting_number('assessment_intermediate_percentage');
  v_advanced := learn_internal.setting_number('assessment_advanced_percentage');
  v_strength := learn_internal.setting_number('assessment_strength_percentage');
  v_weakness := learn_internal.setting_number('assessment_weakness_percentage');
  v_most := learn_internal.setting_number('assessment_recommendations');

  -- Grade
  with asked as (
    select n.user_id, n.id, q.value ->> 'id' as question, q.value ->> 'category' as category,
      q.value -> 'correct_answer' as correct_answer
    from new_rows n
    cross join lateral jsonb_array_elements(n.questions) q
  ), answered as (
    select n.user_id, n.id, r.value ->> 'id' as question, r.value -> 'answer' as answer
    from new_rows n
    cross join lateral jsonb_array_elements(n.responses) r
  ), categories as (
    select q.user_id, q.id, q.category, count(*) as questions,
      count(*) filter (where a.answer = q.correct_answer) as correct
    from asked q
    left join answered a
      on a.user_id = q.user_id and a.id = q.id and a.question = q.question
    group by q.user_id, q.id, q.category
  ), graded as (
    select c.user_id, c.id, 100.0 * sum(c.correct) / sum(c.questions) as score,
      coalesce(jsonb_agg(c.category order by c.category)
        filter (where 100 * c.correct >= v_strength * c.questions), '[]') as strengths,
      coalesce(jsonb_agg(c.category order by c.category)
        filter (where 100 * c.correct < v_weakness * c.questions), '[]') as weaknesses
    from categories c
    group by c.user_id, c.id
  )
  update learn.assessment_results r
  set score = round(g.score, 2), strengths = g.strengths, weaknesses = g.weaknesses,
    skill_level_recommendation = case when g.score >= v_advanced then 'advanced'
      when g.score >= v_intermediate then 'intermediate' else 'beginner' end
  from graded g
  where r.user_id = g.user_id and r.id = g.id;

  -- Recommend: tracks whose difficulty is of the level, else the first one; challenges up to it, else
  -- harder ones, weak categories first.
  update learn.assessment_results r
  set track_recommendations = t.slugs, challenge_recommendations = c.slugs
  from new_rows n
  join learn.assessment_results e on e.user_id = n.user_id and e.id = n.id
  join learn.difficulties d on d.key = e.skill_level_recommendation
  cross join lateral (
    select coalesce(jsonb_agg(o.slug order by o.number), '[]') as slugs
    from (
      select k.slug, k.difficulty_rank = d.rank as fits,
        row_number() over w as number,
        bool_or(k.difficulty_rank = d.rank) over () as has_fitting
      from learn_internal.open_tracks k
      where k.user_id = n.user_id
      window w as (order by k.difficulty_rank = d.rank desc, k.position, k.track_id)
    ) o
    where o.number <= v_most and (o.fits or not o.has_fitting and o.number = 1)
  ) t
  cross join lateral (
    select coalesce(jsonb_agg(o.slug order by o.number), '[]') as slugs
    from (
      select h.slug, row_number() over (
          order by e.weaknesses ? h.category desc, h.difficulty_rank, h.track_position, h.track_id,
            h.position, h.challenge_id) as number
      from (
        select k.*, w.fits, bool_or(w.fits) over () as has_fitting
        from learn_internal.open_challenges k
        cross join lateral (
          select e.skill_level_recommendation = 'advanced' or k.difficulty_rank <= d.rank as fits
        ) w
        where k.user_id = n.user_id
      ) h
      where h.fits = h.has_fitting
    ) o
    where o.number <= v_most
  ) c
  where r.user_id = n.user_id and r.id = n.id;

  if learn_internal.setting_boolean('assessment_sets_skill_level') then
    update learn.users u
    set skill_level = l.skill_level
    from (
      -- of each user, the latest initial one and those after it: the highest level of them
      select distinct on (a.user_id) a.user_id, a.skill_level, a.rank, a.is_set
      from (
        select n.user_id, r.skill_level_recommendation as skill_level, d.rank,
          bool_or(n.assessment_type = 'initial') over (partition by n.user_id) as is_set,
          n.assessment_type = 'initial' as is_initial,
          count(*) filter (where n.assessment_type = 'initial') over (
            partition by n.user_id order by n.completed_at desc, n.id desc) as initials
        from new_rows n
        join learn.assessment_results r on r.user_id = n.user_id and r.id = n.id
        join learn.difficulties d on d.key = r.skill_level_recommendation
      ) a
      where a.initials = a.is_initial::integer
      order by a.user_id, a.rank desc
    ) l
    where u.id = l.user_id and u.skill_level <> l.skill_level and (l.is_set or l.rank > (
      select d.rank from learn.difficulties d where d.key = u.skill_level));
  end if;

  perform learn_internal.write_facts(array_agg(
    (n.user_id, 'assessment_completed', 'assessment', n.id::text,
      jsonb_build_object('assessment_type', n.assessment_type, 'score', r.score,
        'skill_level', r.skill_level_recommendation),
      null, n.completed_at)::learn_internal.fact
    order by n.user_id, n.completed_at, n.id))
  from new_rows n
  join learn.assessment_results r on r.user_id = n.user_id and r.id = n.id;
  return null;
end;
$$;
comment on function learn_internal.assessments_completed() is
  'Statement trigger: grades assessments, recommends, sets skill levels; they become facts.';

create or replace trigger assessments_completed
  after insert on learn.assessment_results
  referencing new table as new_rows
  for each statement
  execute function learn_internal.assessments_completed();

-- When a row is written: it is dated neither ahead of the clock nor absurdly far back.
-- Errors: LX001.
create or replace trigger refuse_times
  before insert on learn.assessment_results
  for each row
  when (learn_internal.is_off_time(new.completed_at, new.completed_at))
  execute function learn_internal.refuse_times('completed_at');

create or replace trigger refuse_new_times
  before update of completed_at on learn.assessment_results
  for each row
  when (new.completed_at is distinct from old.completed_at and learn_internal.is_off_time(new.completed_at, new.completed_at))
  execute function learn_internal.refuse_times('completed_at');

-- Assessments stay as they were judged.
-- Errors: LX009.
create or replace trigger results_stay
  after update on learn.assessment_results
  for each row when (pg_trigger_depth() = 0 and old.* is distinct from new.*)
  execute function learn_internal.refuse_change();

-- triggers/skills/learning_sessions.sql

-- What happens when rows of learn.learning_sessions are written, in the order in which triggers fire.

-- When learning sessions end: what the user's XP has gained since the start is noted, and a minute or more
-- is a learning act.
create or replace function learn_internal.sessions_ended()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off   -- by key, also where a table was small when this was planned
set jit = off
as $$
declare
  v_user_ids uuid[];
  v_ids      bigint[];
begin
  select array_agg(c.user_id), array_agg(c.id) into v_user_ids, v_ids
  from (
    -- New and old rows are matched by grouping, in the same time per row for any number: see docs/engine.md
    select r.user_id, r.id
    from (
      select n.user_id, n.id, n.ended_at, true as is_new from new_rows n
      union all
      select o.user_id, o.id, o.ended_at, false from old_rows o
    ) r
    group by r.user_id, r.id
    having bool_or(r.is_new and r.ended_at is not null) and bool_or(not r.is_new and r.ended_at is null)
  ) c;
  if v_user_ids is null then
    return null;
  end if;
  perform from learn.user_stats s where s.user_id = any (v_user_ids)
  order by s.user_id for no key update;
  update learn.learning_sessions l
  set xp_earned = greatest(0, s.total_xp - coalesce(l.xp_at_start, s.total_xp))
  from unnest(v_user_ids, v_ids) e(user_id, id)
  join learn.user_stats s on s.user_id = any (array[e.user_id])
  where l.user_id = any (array[e.user_id]) and l.id = any (array[e.id]);
  perform learn_internal.write_session_facts(v_user_ids, v_ids);
  return null;
end;
$$;
comment on function learn_internal.sessions_ended() is
  'Statement trigger: notes what users'' XP has gained in sessions that end; they become facts.';

create or replace trigger sessions_ended
  after update on learn.learning_sessions
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.sessions_ended();

-- When learning sessions are started: the user's XP at the start is noted. Sessions that are
-- written as ended, from elsewhere, say themselves what they earned; they are learning acts, too.
create or replace function learn_internal.sessions_started()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off   -- by key, also where a table was small when this was planned
set jit = off
as $$
declare
  v_user_ids uuid[];
begin
  perform learn_internal.write_session_facts(array_agg(n.user_id), array_agg(n.id))
  from new_rows n
  where n.ended_at is not null
  having count(*) > 0;
  select array_agg(distinct n.user_id) into v_user_ids
  from new_rows n
  where n.ended_at is null and n.xp_at_start is null;
  if v_user_ids is null then
    return null;
  end if;
  perform from learn.user_stats s where s.user_id = any (v_user_ids)
  order by s.user_id for no key update;
  update learn.learning_sessions l
  set xp_at_start = s.total_xp
  from new_rows n
  join learn.user_stats s on s.user_id = any (array[n.user_id])
  where n.ended_at is null and n.xp_at_start is null
    and l.user_id = any (array[n.user_id]) and l.id = any (array[n.id]);
  return null;
end;
$$;
comment on function learn_internal.sessions_started() is
  'Statement trigger: notes the XP that users have when their sessions start.';

create or replace trigger sessions_started
  after insert on learn.learning_sessions
  referencing new table as new_rows
  for each statement
  execute function learn_internal.sessions_started();

-- When a row is written: it is dated neither ahead of the clock nor absurdly far back.
-- Errors: LX001.
create or replace trigger refuse_times
  before insert on learn.learning_sessions
  for each row
  when (learn_internal.is_off_time(
    greatest(new.started_at, new.ended_at),
    least(new.started_at, new.ended_at)))
  execute function learn_internal.refuse_times('started_at', 'ended_at');

create or replace trigger refuse_new_times
  before update of started_at, ended_at on learn.learning_sessions
  for each row
  when (new.started_at is distinct from old.started_at and learn_internal.is_off_time(new.started_at, new.started_at)
    or new.ended_at is distinct from old.ended_at and learn_internal.is_off_time(new.ended_at, new.ended_at))
  execute function learn_internal.refuse_times('started_at', 'ended_at');

-- When a session began stays, and so does what ended it.
-- Errors: LX009.
create or replace trigger results_stay
  after update of session_type, started_at, ended_at, xp_at_start, xp_earned, is_completed on learn.learning_sessions
  for each row when (pg_trigger_depth() = 0
    and ((old.session_type, old.started_at, old.xp_at_start)
      is distinct from (new.session_type, new.started_at, new.xp_at_start)
      or old.ended_at is not null and (old.ended_at, old.xp_earned, old.is_completed)
        is distinct from (new.ended_at, new.xp_earned, new.is_completed)))
  execute function learn_internal.refuse_change();

-- triggers/skills/skills.sql

-- What happens when rows of learn.skills are written, in the order in which triggers fire.
-- Errors: LX012.

-- When what levels of skills take changes, skills come, go or get other parents: this blocks learners.
create or replace trigger skills_change
  before insert or update of max_level, xp_per_level, parent_skill_id or delete on learn.skills
  for each statement
  execute function learn_internal.change_content();

-- When levels of skills take other points, or there are more or fewer of them: the levels of all
-- who have points there are recounted. What was reached or mastered stays reported.
create or replace function learn_internal.skills_updated()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_skill_ids bigint[];
begin
  select array_agg(n.id) into v_skill_ids
  from new_rows n
  join old_rows o on o.id = n.id
  where (n.max_level, n.xp_per_level) <> (o.max_level, o.xp_per_level);
  if v_skill_ids is null then
    return null;
  end if;
  perform from learn.user_stats s
  where s.user_id in (
    select u.user_id from learn.user_skills u where u.skill_id = any (v_skill_ids))
  order by s.user_id for no key update;
  perform learn_internal.settle_skills(
    array_agg(u.user_id), array_agg(u.skill_id), array_agg(learn.clock()))
  from learn.user_skills u
  where u.skill_id = any (v_skill_ids)
  having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.skills_updated() is
  'Statement trigger: recounts the levels of skills that take other points.';

create or replace trigger skills_updated
  after update on learn.skills
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.skills_updated();

create or replace trigger skills_touch
  before update on learn.skills
  for each row
  when (old.* is distinct from new.*)
  execute function learn_internal.touch_updated_at();

-- When skills get other parents: no cycle.
create or replace trigger skill_parents_updated
  after update on learn.skills
  referencing new table as new_edges
  for each statement
  execute function learn_internal.refuse_cycle('id', 'parent_skill_id');

-- When skills are added: no cycle of parents.
create or replace trigger skills_inserted
  after insert on learn.skills
  referencing new table as new_edges
  for each statement
  execute function learn_internal.refuse_cycle('id', 'parent_skill_id');

-- triggers/skills/skill_prerequisites.sql

-- What happens when rows of learn.skill_prerequisites are written, in the order in which triggers fire.
-- Errors: LX012.

-- When prerequisites of skills change: this blocks learners.
create or replace trigger skill_prerequisites_change
  before insert or update or delete on learn.skill_prerequisites
  for each statement
  execute function learn_internal.change_content();

-- When a skill gets a prerequisite: no cycle.
create or replace trigger skill_prerequisites_inserted
  after insert on learn.skill_prerequisites
  referencing new table as new_edges
  for each statement
  execute function learn_internal.refuse_cycle('skill_id', 'prerequisite_skill_id');

-- When a skill's prerequisite changes: no cycle.
create or replace trigger skill_prerequisites_updated
  after update on learn.skill_prerequisites
  referencing new table as new_edges
  for each statement
  execute function learn_internal.refuse_cycle('skill_id', 'prerequisite_skill_id');

-- triggers/skills/user_skills.sql

-- What happens when rows of learn.user_skills are written, in the order in which triggers fire.
-- Errors: LX001, LX006, LX009.

-- Before points are put into skills: content is held.
create or replace trigger user_skills_hold
  before insert or update on learn.user_skills
  for each statement
  execute function learn_internal.hold_content_first();

-- When users' skills are deleted: only with the user or with the skill, because levels that were
-- reached would be reported again.
-- Errors: LX009.
create or replace function learn_internal.user_skills_deleted()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_kept record;
begin
  select d.user_id, k.slug into v_kept
  from deleted_rows d
  join learn.users u on u.id = d.user_id
  join learn.skills k on k.id = d.skill_id
  limit 1;
  if found then
    raise exception 'skills of users are not deleted'
      using errcode = 'LX009',
        detail = format('user_id = %s, skill %s', v_kept.user_id, v_kept.slug),
        hint = 'Set points_allocated to 0 to give the points back.';
  end if;
  return null;
end;
$$;
comment on function learn_internal.user_skills_deleted() is
  'Statement trigger: users'' skills go only with the user or the skill (LX009).';

create or replace trigger user_skills_deleted
  after delete on learn.user_skills
  referencing old table as deleted_rows
  for each statement
  execute function learn_internal.user_skills_deleted();

-- When users begin skills: points, room and prerequisites are checked, and levels follow.
-- Errors: LX001 more points than there are, or than fit; LX006 prerequisites at level 0.
create or replace function learn_internal.user_skills_inserted()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform learn_internal.apply_allocations(
    array_agg(n.user_id), array_agg(n.skill_id), array_agg(true), array_agg(n.allocated_at))
  from new_rows n
  having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.user_skills_inserted() is
  'Statement trigger: checks points in skills that users begin (LX001, LX006); levels follow.';

create or replace trigger user_skills_inserted
  after insert on learn.user_skills
  referencing new table as new_rows
  for each statement
  execute function learn_internal.user_skills_inserted();

-- When users have more points in skills: points and room are checked, and levels follow. Fewer
-- points are always good. What does not touch points is left alone, as the levels that are
-- written by settle_skills().
-- Errors: LX001 more points than there are, or than fit.
create or replace function learn_internal.user_skills_updated()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now     timestamptz := learn.clock();
  v_changes record;
begin
  select
    array_agg(c.user_id) filter (where c.points > 0) as more_user_ids,
    array_agg(c.skill_id) filter (where c.points > 0) as more_skill_ids,
    array_agg(false) filter (where c.points > 0) as more_begun,
    -- who says nothing of the time means now
    array_agg(case when c.allocated_at <> c.old_allocated_at then c.allocated_at else v_now end)
      filter (where c.points > 0) as more_at,
    array_agg(c.user_id) filter (where c.points < 0) as less_user_ids,
    array_agg(c.skill_id) filter (where c.points < 0) as less_skill_ids,
    array_agg(v_now) filter (where c.points < 0) as less_at
  into v_changes
  from (
    -- New and old rows are matched by grouping, in the same time per row for any number: see docs/engine.md
    select r.user_id, r.skill_id, sum(r.points) as points,
      max(r.allocated_at) filter (where r.is_new) as allocated_at,
      max(r.allocated_at) filter (where not r.is_new) as old_allocated_at
    from (
      select n.user_id, n.skill_id, n.points_allocated as points, n.allocated_at, true as is_new from new_rows n
      union all
      select o.user_id, o.skill_id, -o.points_allocated, o.allocated_at, false from old_rows o
    ) r
    group by r.user_id, r.skill_id
    having count(*) = 2
  ) c;
  if v_changes.more_user_ids is not null and not learn_internal.is_merging() then
    perform learn_internal.apply_allocations(
      v_changes.more_user_ids, v_changes.more_skill_ids, v_changes.more_begun, v_changes.more_at);
  end if;
  if v_changes.less_user_ids is not null then
    perform from learn.user_stats s where s.user_id = any (v_changes.less_user_ids)
    order by s.user_id for no key update;
    perform learn_internal.settle_skills(
      v_changes.less_user_ids, v_changes.less_skill_ids, v_changes.less_at);
  end if;
  return null;
end;
$$;
comment on function learn_internal.user_skills_updated() is
  'Statement trigger: checks more points in skills (LX001); levels follow.';

create or replace trigger user_skills_updated
  after update on learn.user_skills
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.user_skills_updated();

-- When a row is written: it is dated neither ahead of the clock nor absurdly far back.
-- Errors: LX001.
create or replace trigger refuse_times
  before insert on learn.user_skills
  for each row
  when (learn_internal.is_off_time(
    greatest(new.unlocked_at, new.allocated_at, new.mastered_at),
    least(new.unlocked_at, new.allocated_at, new.mastered_at)))
  execute function learn_internal.refuse_times('unlocked_at', 'allocated_at', 'mastered_at');

create or replace trigger refuse_new_times
  before update of unlocked_at, allocated_at, mastered_at on learn.user_skills
  for each row
  when (new.unlocked_at is distinct from old.unlocked_at and learn_internal.is_off_time(new.unlocked_at, new.unlocked_at)
    or new.allocated_at is distinct from old.allocated_at and learn_internal.is_off_time(new.allocated_at, new.allocated_at)
    or new.mastered_at is distinct from old.mastered_at and learn_internal.is_off_time(new.mastered_at, new.mastered_at))
  execute function learn_internal.refuse_times('unlocked_at', 'allocated_at', 'mastered_at');

reset role;
