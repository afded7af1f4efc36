-- Skills with points, assessments, learning sessions, notifications by rules, and the import of old
-- progress.

set role learn_owner;

insert into learn.activity_types (key, description, is_qualifying, happens_once, is_internal)
values
  ('skill_level_reached',
    'The user reached a level of a skill for the first time.', false, true, true),
  ('skill_mastered', 'The user reached the highest level of a skill.', false, true, true),
  ('assessment_completed', 'The user completed an assessment.', false, false, false)
-- they stay when this is rolled back, because facts of theirs may be in the log
on conflict (key) do nothing;

insert into learn.platform_settings (key, value, value_type, description) values
  ('assessment_intermediate_percentage', '40', 'number',
    'Score of an assessment, in percent, from which the level intermediate is recommended.'),
  ('assessment_advanced_percentage', '75', 'number',
    'Score of an assessment, in percent, from which the level advanced is recommended.'),
  ('assessment_strength_percentage', '80', 'number',
    'A category with at least so many percent of correct answers is a strength.'),
  ('assessment_weakness_percentage', '50', 'number',
    'A category with fewer percent of correct answers is a weakness.'),
  ('assessment_recommendations', '5', 'number',
    'Tracks, and challenges, that an assessment recommends at most.'),
  ('assessment_sets_skill_level', 'true', 'boolean',
    'An initial assessment sets users.skill_level to the level that it recommends.'),
  ('session_timeout_minutes', '120', 'number',
    'A learning session that has been open for longer is closed by close_abandoned_sessions().');

create table learn.skills (
  id              bigint generated always as identity primary key,
  slug            text not null,
  name            text not null,
  description     text not null default '',
  category        text not null default '',
  parent_skill_id bigint references learn.skills on delete set null,
  max_level       integer not null default 5,
  xp_per_level    integer not null default 100,
  created_at      timestamptz not null default learn.clock(),
  updated_at      timestamptz not null default learn.clock(),
  constraint skills_slug_is_unique unique (slug),
  constraint slug_is_a_slug check (slug ~ '^[a-z0-9]+([-_.][a-z0-9]+)*$'),
  constraint name_is_not_blank check (name ~ '\S'),
  constraint skill_is_not_its_own_parent check (parent_skill_id <> id),
  constraint max_level_is_positive check (max_level > 0),
  constraint xp_per_level_is_positive check (xp_per_level > 0),
  constraint skill_takes_at_most_a_billion_points check (
    max_level::bigint * xp_per_level <= 1000000000)
);
comment on table learn.skills is
  'Skills that learners put points into: as many points as they have XP, each point once.';
comment on column learn.skills.parent_skill_id is
  'Where the skill hangs in the tree; what must come before is in skill_prerequisites. '
  'A cycle is refused (LX012).';
comment on column learn.skills.max_level is 'The level from which the skill is mastered.';
comment on column learn.skills.xp_per_level is 'Points that one level takes.';
create index skills_parent on learn.skills (parent_skill_id);
grant select on learn.skills to learn_app, learn_readonly;

create table learn.skill_prerequisites (
  skill_id              bigint not null references learn.skills on delete cascade,
  prerequisite_skill_id bigint not null references learn.skills on delete cascade,
  primary key (skill_id, prerequisite_skill_id),
  constraint skill_is_not_its_own_prerequisite check (skill_id <> prerequisite_skill_id)
);
comment on table learn.skill_prerequisites is
  'Skills of which a learner needs level 1 before another. A cycle is refused (LX012).';
create index skill_prerequisites_prerequisite
  on learn.skill_prerequisites (prerequisite_skill_id);
grant select on learn.skill_prerequisites to learn_app, learn_readonly;

create table learn.user_skills (
  user_id          uuid not null references learn.users on delete cascade,
  skill_id         bigint not null references learn.skills on delete cascade,
  points_allocated integer not null default 0,
  current_level    integer not null default 0,
  highest_level    integer not null default 0,
  unlocked_at      timestamptz not null default learn.clock(),
  allocated_at     timestamptz not null default learn.clock(),
  mastered_at      timestamptz,
  primary key (user_id, skill_id),
  constraint points_allocated_are_not_negative check (points_allocated >= 0),
  constraint levels_are_not_negative check (
    current_level >= 0 and highest_level >= current_level)
) with (fillfactor = 80);
comment on table learn.user_skills is
  'Skills that a user has put points into. The points are truth; levels follow from them.';
comment on column learn.user_skills.current_level is
  'Points divided by the skill''s xp_per_level, at most its max_level; kept by triggers.';
comment on column learn.user_skills.highest_level is
  'Highest level ever reached; each is told once.';
comment on column learn.user_skills.unlocked_at is
  'When the first points came. Prerequisites are asked for then, and not again.';
comment on column learn.user_skills.allocated_at is 'When the latest points came.';
comment on column learn.user_skills.mastered_at is
  'When the highest level of the skill was reached; stays, whatever happens to skill and points.';
create index user_skills_skill on learn.user_skills (skill_id, user_id);
grant select on learn.user_skills to learn_app, learn_readonly;

-- functions/skills/assessment_problem.sql

-- What is wrong with an assessment, the first of it, in words; null when nothing is. Questions have
-- an id of their own, a category and the correct answer; responses answer questions, each once.
-- Answers are texts, numbers or booleans.
create or replace function learn_internal.assessment_problem(p_questions jsonb, p_responses jsonb)
returns text
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select case
    when jsonb_typeof(p_questions) is distinct from 'array' then 'the questions are not an array'
    when jsonb_array_length(p_questions) not between 1 and 500
      then format('there are %s questions', jsonb_array_length(p_questions))
    when jsonb_typeof(p_responses) is distinct from 'array' then 'the responses are not an array'
    when jsonb_array_length(p_responses) > 500
      then format('there are %s responses', jsonb_array_length(p_responses))
    else (
      with asked as materialized (
        select q.question ->> 'id' as id, q.question, q.position,
          row_number() over (partition by q.question -> 'id' order by q.position) as appearance
        from jsonb_array_elements(p_questions) with ordinality q(question, position)
      )
      select format('%s %s: %s', p.kind, p.position, p.problem)
      from (
        select 1 as rank, 'question' as kind, a.position, case
          when jsonb_typeof(a.question) <> 'object' then 'it is not an object'
          when jsonb_typeof(a.question -> 'id') is distinct from 'string' or a.id !~ '\S'
            or length(a.id) > 200
            then format('id is no text of 1 to 200 characters: %s',
              left(coalesce(a.question ->> 'id', 'null'), 50))
          when a.appearance > 1 then format('question %s was asked before', a.id)
          when jsonb_typeof(a.question -> 'category') is distinct from 'string'
            or a.question ->> 'category' !~ '\S'
            then format('category is no text: %s',
              left(coalesce(a.question ->> 'category', 'null'), 50))
          when coalesce(jsonb_typeof(a.question -> 'correct_answer'), 'missing')
            not in ('string', 'number', 'boolean')
            then format('correct_answer is no text, number or boolean: %s',
              left(coalesce(a.question ->> 'correct_answer', 'null'), 50))
        end as problem
        from asked a
        union all
        select 2, 'response', r.position, case
          when jsonb_typeof(r.response) <> 'object' then 'it is not an object'
          when jsonb_typeof(r.response -> 'id') is distinct from 'string'
            or not exists (select from asked a where a.id = r.response ->> 'id')
            then format('there is no question %s',
              left(coalesce(r.response ->> 'id', 'null'), 50))
          when r.appearance > 1
            then format('question %s was answered before', r.response ->> 'id')
          when coalesce(jsonb_typeof(r.response -> 'answer'), 'null')
            not in ('string', 'number', 'boolean', 'null')
            then format('answer is no text, number or boolean: %s',
              left(r.response ->> 'answer', 50))
        end
        from (
          select e.response, e.position,
            row_number() over (partition by e.response -> 'id' order by e.position) as appearance
          from jsonb_array_elements(p_responses) with ordinality e(response, position)
        ) r
      ) p
      where p.problem is not null
      order by p.rank, p.position
      limit 1
    )
  end;
$$;
comment on function learn_internal.assessment_problem(jsonb, jsonb) is
  'What is wrong with the questions and responses of an assessment, the first of it; '
  'null when nothing is.';
revoke all on function learn_internal.assessment_problem(jsonb, jsonb) from public;

create table learn.assessment_results (
  user_id                    uuid not null references learn.users on delete cascade,
  id                         bigint generated always as identity,
  assessment_type            text not null,
  questions                  jsonb not null,
  responses                  jsonb not null,
  score                      numeric(5, 2) not null default 0,
  skill_level_recommendation text not null default 'beginner',
  track_recommendations      jsonb not null default '[]',
  challenge_recommendations  jsonb not null default '[]',
  strengths                  jsonb not null default '[]',
  weaknesses                 jsonb not null default '[]',
  completed_at               timestamptz not null default learn.clock(),
  primary key (user_id, id),
  constraint assessment_type_is_known check (
    assessment_type in ('initial', 'track_placement', 'periodic')),
  constraint questions_and_responses_make_sense check (
    learn_internal.assessment_problem(questions, responses) is null),
  constraint score_is_a_percentage check (score between 0 and 100),
  constraint skill_level_is_known check (
    skill_level_recommendation in ('beginner', 'intermediate', 'advanced'))
) with (fillfactor = 90);
comment on table learn.assessment_results is
  'Completed assessments. Whatever they result in is filled in when one is written: '
  'the database grades.';
comment on column learn.assessment_results.questions is
  '[{"id": "q1", "category": "caching", "correct_answer": "B"}, …], more keys as you like.';
comment on column learn.assessment_results.responses is
  '[{"id": "q1", "answer": "B"}, …]; a question without an answer counts as wrong.';
comment on column learn.assessment_results.score is 'Percent, 0 to 100; filled in.';
comment on column learn.assessment_results.track_recommendations is
  'Slugs of tracks, the first to do first; filled in.';
comment on column learn.assessment_results.challenge_recommendations is
  'Slugs of challenges, those of weak categories first; filled in.';
comment on column learn.assessment_results.strengths is
  'Categories with at least assessment_strength_percentage of correct answers; filled in.';
comment on column learn.assessment_results.weaknesses is
  'Categories with less than assessment_weakness_percentage of correct answers; filled in.';
create index assessment_results_recent on learn.assessment_results (user_id, completed_at desc);
grant select on learn.assessment_results to learn_app, learn_readonly;

create table learn.learning_sessions (
  user_id          uuid not null references learn.users on delete cascade,
  id               bigint generated always as identity,
  session_type     text not null,
  resource_id      text,
  started_at       timestamptz not null default learn.clock(),
  ended_at         timestamptz,
  duration_seconds bigint generated always as (
    floor(extract(epoch from ended_at - started_at))::bigint) stored,
  xp_at_start      bigint,
  xp_earned        bigint not null default 0,
  is_completed     boolean not null default false,
  metadata         jsonb not null default '{}',
  primary key (user_id, id),
  constraint session_type_is_known check (
    session_type in ('challenge', 'assessment', 'lesson', 'quiz', 'course')),
  constraint resource_id_is_not_blank check (
    resource_id ~ '\S' and length(resource_id) <= 255),
  constraint session_ends_after_it_starts check (ended_at >= started_at),
  constraint completed_sessions_are_over check (not is_completed or ended_at is not null),
  constraint xp_earned_is_not_negative check (xp_earned >= 0),
  constraint metadata_is_an_object check (jsonb_typeof(metadata) = 'object')
) with (fillfactor = 80);
comment on table learn.learning_sessions is
  'Sittings of users, from start_session() to end_session(); one open at most per user, '
  'type and resource.';
comment on column learn.learning_sessions.resource_id is
  'Id or slug of what the session is about, as text.';
comment on column learn.learning_sessions.ended_at is 'Null: the session is open.';
comment on column learn.learning_sessions.duration_seconds is
  'From start to end, in seconds; null while the session is open.';
comment on column learn.learning_sessions.xp_at_start is
  'The user''s total XP when the session was started; filled in.';
comment on column learn.learning_sessions.xp_earned is
  'What the user''s total XP gained from start to end, never negative; filled in when '
  'the session ends.';
comment on column learn.learning_sessions.is_completed is
  'False: still open, broken off, or abandoned.';
create unique index learning_sessions_open_once on learn.learning_sessions
  (user_id, session_type, resource_id) nulls not distinct
  where ended_at is null;
create index learning_sessions_recent on learn.learning_sessions (user_id, started_at desc);
create index learning_sessions_abandoned on learn.learning_sessions (started_at, user_id)
  where ended_at is null;
grant select on learn.learning_sessions to learn_app, learn_readonly;

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
revoke all on function learn.allocate_skill_points(uuid, bigint, integer, timestamptz, text)
  from public;
grant execute on function learn.allocate_skill_points(uuid, bigint, integer, timestamptz, text)
  to learn_app;

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
as $$
begin
  if not exists (select from learn.users u where u.id = p_user_id) then
    raise exception 'unknown user'
      using errcode = 'LX002', detail = format('p_user_id = %s', coalesce(p_user_id::text, 'null')),
        hint = 'Register the user first: learn.register_user().';
  end if;
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
revoke all on function learn.skill_tree(uuid) from public;
grant execute on function learn.skill_tree(uuid) to learn_app, learn_readonly;

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
  'Brings the levels of users'' skills in line with their points, and tells what was reached.';
revoke all on function learn_internal.settle_skills(uuid[], bigint[], timestamptz[]) from public;

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
revoke all on function learn_internal.apply_allocations(uuid[], bigint[], boolean[], timestamptz[])
  from public;

-- functions/skills/close_abandoned_sessions.sql

-- Closes the learning sessions that have been open for longer than session_timeout_minutes: they
-- end when their time ran out, not completed. Returns how many. Call it from a scheduler.
-- Errors: LX003 the setting is missing.
create or replace function learn.close_abandoned_sessions()
returns bigint
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = pg_catalog, pg_temp
as $$
declare
  v_timeout  interval :=
    learn_internal.setting_number('session_timeout_minutes') * interval '1 minute';
  v_user_ids uuid[];
  v_closed   bigint;
begin
  perform learn_internal.hold_content();
  select array_agg(u.user_id) into v_user_ids
  from (
    select s.user_id
    from learn.user_stats s
    where s.user_id in (
      select l.user_id from learn.learning_sessions l
      where l.ended_at is null and l.started_at < learn.clock() - v_timeout)
    order by s.user_id
    for no key update
  ) u;
  update learn.learning_sessions l
  set ended_at = l.started_at + v_timeout
  where l.user_id = any (v_user_ids) and l.ended_at is null
    and l.started_at < learn.clock() - v_timeout;
  get diagnostics v_closed = row_count;
  return v_closed;
end;
$$;
comment on function learn.close_abandoned_sessions() is
  'Closes learning sessions that have been open for longer than session_timeout_minutes, '
  'as not completed; returns how many.';
revoke all on function learn.close_abandoned_sessions() from public;
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
as $$
declare
  v_call    learn_internal.call := learn_internal.begin_call(
    'start_session', p_user_id, '{}', p_occurred_at, null);
  v_session learn.learning_sessions;
begin
  if p_session_type is null
    or p_session_type not in ('challenge', 'assessment', 'lesson', 'quiz', 'course')
    or p_resource_id !~ '\S' or length(p_resource_id) > 255
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
revoke all on function learn.start_session(uuid, text, text, jsonb, timestamptz) from public;
grant execute on function learn.start_session(uuid, text, text, jsonb, timestamptz) to learn_app;

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
revoke all on function learn.end_session(uuid, bigint, boolean, timestamptz) from public;
grant execute on function learn.end_session(uuid, bigint, boolean, timestamptz) to learn_app;

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
revoke all on function learn.submit_assessment(uuid, text, jsonb, jsonb, timestamptz, text)
  from public;
grant execute on function learn.submit_assessment(uuid, text, jsonb, jsonb, timestamptz, text)
  to learn_app;

-- triggers/skills/assessment_results_hold.sql

-- Before assessments are written: content is held, because they recommend some of it.
create or replace trigger assessment_results_hold
  before insert on learn.assessment_results
  for each statement
  execute function learn_internal.hold_content_first();
comment on trigger assessment_results_hold on learn.assessment_results is
  'Keeps content as it is.';

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

-- views/skills/open_challenges.sql

-- Challenges that users could try now: active, not completed, and unlocked or with nothing missing.
-- Filter by user_id: nobody else is looked at.
create or replace view learn_internal.open_challenges as
select s.user_id, c.id as challenge_id, c.slug, c.category, d.rank as difficulty_rank,
  t.position as track_position, c.track_id, c.position
from learn.user_stats s
cross join learn.challenges c
join learn.difficulties d on d.key = c.difficulty
left join learn.tracks t on t.id = c.track_id
where c.is_active
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

-- triggers/skills/assessments_completed.sql

-- When assessments are written: they are graded, what they say of the user is noted with them, and
-- they are facts. An initial one sets the user's skill level, if the setting says so.
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

  -- Recommend: tracks whose difficulty is of the level, else the first one; challenges up to it,
  -- weak categories first.
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
      select k.slug, row_number() over (
          order by e.weaknesses ? k.category desc, k.difficulty_rank, k.track_position, k.track_id,
            k.position, k.challenge_id) as number
      from learn_internal.open_challenges k
      where k.user_id = n.user_id
        and (e.skill_level_recommendation = 'advanced' or k.difficulty_rank <= d.rank)
    ) o
    where o.number <= v_most
  ) c
  where r.user_id = n.user_id and r.id = n.id;

  if learn_internal.setting_boolean('assessment_sets_skill_level') then
    update learn.users u
    set skill_level = l.skill_level
    from (
      select distinct on (n.user_id) n.user_id, r.skill_level_recommendation as skill_level
      from new_rows n
      join learn.assessment_results r on r.user_id = n.user_id and r.id = n.id
      where n.assessment_type = 'initial'
      order by n.user_id, n.completed_at desc, n.id desc
    ) l
    where u.id = l.user_id and u.skill_level <> l.skill_level;
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
revoke all on function learn_internal.assessments_completed() from public;

create or replace trigger assessments_completed
  after insert on learn.assessment_results
  referencing new table as new_rows
  for each statement
  execute function learn_internal.assessments_completed();
comment on trigger assessments_completed on learn.assessment_results is
  'Grades, recommends, sets the skill level; a fact.';

-- triggers/skills/sessions_ended.sql

-- When learning sessions end: what the user's XP has gained since the start is noted.
create or replace function learn_internal.sessions_ended()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_ids uuid[];
begin
  select array_agg(distinct n.user_id) into v_user_ids
  from new_rows n
  join old_rows o on o.user_id = n.user_id and o.id = n.id
  where n.ended_at is not null and o.ended_at is null;
  if v_user_ids is null then
    return null;
  end if;
  perform from learn.user_stats s where s.user_id = any (v_user_ids)
  order by s.user_id for no key update;
  update learn.learning_sessions l
  set xp_earned = greatest(0, s.total_xp - coalesce(n.xp_at_start, s.total_xp))
  from new_rows n
  join old_rows o on o.user_id = n.user_id and o.id = n.id
  join learn.user_stats s on s.user_id = n.user_id
  where n.ended_at is not null and o.ended_at is null and l.user_id = n.user_id and l.id = n.id;
  return null;
end;
$$;
comment on function learn_internal.sessions_ended() is
  'Statement trigger: notes what users'' XP has gained in sessions that end.';
revoke all on function learn_internal.sessions_ended() from public;

create or replace trigger sessions_ended
  after update on learn.learning_sessions
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.sessions_ended();
comment on trigger sessions_ended on learn.learning_sessions is 'Notes the XP gained.';

-- triggers/skills/sessions_started.sql

-- When learning sessions are started: the user's XP at the start is noted. Sessions that are
-- written as ended, from elsewhere, say themselves what they earned.
create or replace function learn_internal.sessions_started()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_ids uuid[];
begin
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
  join learn.user_stats s on s.user_id = n.user_id
  where n.ended_at is null and n.xp_at_start is null and l.user_id = n.user_id and l.id = n.id;
  return null;
end;
$$;
comment on function learn_internal.sessions_started() is
  'Statement trigger: notes the XP that users have when their sessions start.';
revoke all on function learn_internal.sessions_started() from public;

create or replace trigger sessions_started
  after insert on learn.learning_sessions
  referencing new table as new_rows
  for each statement
  execute function learn_internal.sessions_started();
comment on trigger sessions_started on learn.learning_sessions is 'Notes the XP at the start.';

-- triggers/skills/skill_parents_updated.sql

-- When skills get other parents: no cycle.
create or replace trigger skill_parents_updated
  after update on learn.skills
  referencing new table as new_edges
  for each statement
  execute function learn_internal.refuse_cycle('id', 'parent_skill_id');
comment on trigger skill_parents_updated on learn.skills is 'Refuses a cycle of parents (LX012).';

-- triggers/skills/skill_prerequisites_change.sql

-- When prerequisites of skills change: learners wait.
create or replace trigger skill_prerequisites_change
  before insert or update or delete on learn.skill_prerequisites
  for each statement
  execute function learn_internal.change_content();
comment on trigger skill_prerequisites_change on learn.skill_prerequisites is
  'A change has learners wait.';

-- triggers/skills/skill_prerequisites_inserted.sql

-- When a skill gets a prerequisite: no cycle.
create or replace trigger skill_prerequisites_inserted
  after insert on learn.skill_prerequisites
  referencing new table as new_edges
  for each statement
  execute function learn_internal.refuse_cycle('skill_id', 'prerequisite_skill_id');
comment on trigger skill_prerequisites_inserted on learn.skill_prerequisites is
  'Refuses a cycle (LX012).';

-- triggers/skills/skill_prerequisites_updated.sql

-- When a skill's prerequisite changes: no cycle.
create or replace trigger skill_prerequisites_updated
  after update on learn.skill_prerequisites
  referencing new table as new_edges
  for each statement
  execute function learn_internal.refuse_cycle('skill_id', 'prerequisite_skill_id');
comment on trigger skill_prerequisites_updated on learn.skill_prerequisites is
  'Refuses a cycle (LX012).';

-- triggers/skills/skills_change.sql

-- When what levels of skills take changes, or skills are deleted: learners wait.
create or replace trigger skills_change
  before update of max_level, xp_per_level or delete on learn.skills
  for each statement
  execute function learn_internal.change_content();
comment on trigger skills_change on learn.skills is 'A change has learners wait.';

-- triggers/skills/skills_inserted.sql

-- When skills are added: no cycle of parents.
create or replace trigger skills_inserted
  after insert on learn.skills
  referencing new table as new_edges
  for each statement
  execute function learn_internal.refuse_cycle('id', 'parent_skill_id');
comment on trigger skills_inserted on learn.skills is 'Refuses a cycle of parents (LX012).';

-- triggers/skills/skills_updated.sql

-- When levels of skills take other points, or there are more or fewer of them: the levels of all
-- who have points there are recounted. What was reached or mastered stays told.
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
revoke all on function learn_internal.skills_updated() from public;

create or replace trigger skills_updated
  after update on learn.skills
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.skills_updated();
comment on trigger skills_updated on learn.skills is 'Recounts levels.';

create or replace trigger skills_touch
  before update on learn.skills
  for each row
  when (old.* is distinct from new.*)
  execute function learn_internal.touch_updated_at();
comment on trigger skills_touch on learn.skills is 'Keeps updated_at.';

-- triggers/skills/user_skills_deleted.sql

-- When users' skills are deleted: only with the user or with the skill, because levels that were
-- reached would be told again.
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
revoke all on function learn_internal.user_skills_deleted() from public;

create or replace trigger user_skills_deleted
  after delete on learn.user_skills
  referencing old table as deleted_rows
  for each statement
  execute function learn_internal.user_skills_deleted();
comment on trigger user_skills_deleted on learn.user_skills is
  'Refuses delete (LX009), except with the user or the skill.';

-- triggers/skills/user_skills_hold.sql

-- Before points are put into skills: content is held.
create or replace trigger user_skills_hold
  before insert or update on learn.user_skills
  for each statement
  execute function learn_internal.hold_content_first();
comment on trigger user_skills_hold on learn.user_skills is 'Keeps content as it is.';

-- triggers/skills/user_skills_inserted.sql

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
revoke all on function learn_internal.user_skills_inserted() from public;

create or replace trigger user_skills_inserted
  after insert on learn.user_skills
  referencing new table as new_rows
  for each statement
  execute function learn_internal.user_skills_inserted();
comment on trigger user_skills_inserted on learn.user_skills is
  'Checks points (LX001) and prerequisites (LX006); levels follow.';

-- triggers/skills/user_skills_updated.sql

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
  v_now       timestamptz := learn.clock();
  v_user_ids  uuid[];
  v_skill_ids bigint[];
  v_at        timestamptz[];
begin
  perform learn_internal.apply_allocations(
    array_agg(n.user_id), array_agg(n.skill_id), array_agg(false),
    -- who says nothing of the time means now
    array_agg(case when n.allocated_at <> o.allocated_at then n.allocated_at else v_now end))
  from new_rows n
  join old_rows o on o.user_id = n.user_id and o.skill_id = n.skill_id
  where n.points_allocated > o.points_allocated
  having count(*) > 0;

  select array_agg(n.user_id), array_agg(n.skill_id), array_agg(v_now)
  into v_user_ids, v_skill_ids, v_at
  from new_rows n
  join old_rows o on o.user_id = n.user_id and o.skill_id = n.skill_id
  where n.points_allocated < o.points_allocated;
  if v_user_ids is not null then
    perform from learn.user_stats s where s.user_id = any (v_user_ids)
    order by s.user_id for no key update;
    perform learn_internal.settle_skills(v_user_ids, v_skill_ids, v_at);
  end if;
  return null;
end;
$$;
comment on function learn_internal.user_skills_updated() is
  'Statement trigger: checks more points in skills (LX001); levels follow.';
revoke all on function learn_internal.user_skills_updated() from public;

create or replace trigger user_skills_updated
  after update on learn.user_skills
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.user_skills_updated();
comment on trigger user_skills_updated on learn.user_skills is
  'Checks points (LX001); levels follow.';

-- views/skills/skill_recounts.sql

-- Levels of skills recounted from points, and what the log tells of levels and mastery: what
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
  from learn.activity_log l
  where l.user_id = u.user_id and (
    l.activity_type = 'skill_level_reached' and l.subject_type = 'skill_level'
      and l.subject_id ~ '^[0-9]+:[0-9]{1,9}$'
      and split_part(l.subject_id, ':', 1) = u.skill_id::text
    or l.activity_type = 'skill_mastered' and l.subject_type = 'skill'
      and l.subject_id = u.skill_id::text)
) f;
comment on view learn_internal.skill_recounts is
  'Levels of users'' skills recounted from points and from the log.';

insert into learn.activity_types
  (key, description, is_qualifying, happens_once, is_internal)
values
  ('challenge_unlocked',
    'The user unlocked a challenge by completing what it asks for.', false, true, true)
-- it stays when this is rolled back, because facts of it may be in the log
on conflict (key) do nothing;

insert into learn.platform_settings (key, value, value_type, description) values
  ('notify_events', 'true', 'boolean',
    'New notifications are sent to the channel learn_events of PostgreSQL''s NOTIFY.'),
  ('notification_webhooks', 'false', 'boolean',
    'New notifications are messages in the outbox too, topic notification, for webhooks.');

alter table learn.activity_types add column notifies boolean not null default false;
comment on column learn.activity_types.notifies is
  'An active rule in notification_rules tells users of it. Kept by the triggers of that table.';

create table learn.notification_rules (
  activity_type text not null references learn.activity_types on update cascade,
  type          text not null,
  filter        jsonb not null default '{}',
  title         text not null,
  message       text,
  action_url    text,
  is_active     boolean not null default true,
  primary key (activity_type, type),
  constraint type_is_a_slug check (
    type ~ '^[a-z0-9]+([-_.:][a-z0-9]+)*$' and length(type) <= 50),
  constraint filter_is_an_object check (jsonb_typeof(filter) = 'object'),
  constraint title_is_not_blank check (title ~ '\S')
);
comment on table learn.notification_rules is
  'Which facts users are told of, and in what words. A fact is told once, by a rule with a filter '
  'rather than by one without.';
comment on column learn.notification_rules.type is
  'Kind of notification, such as achievement, streak, level_up or level_complete.';
comment on column learn.notification_rules.filter is
  'Only facts whose properties contain this are told. For achievements, what earned them counts '
  'as properties too: {"metric": "current_streak"}.';
comment on column learn.notification_rules.title is
  'Title, message and action_url may have placeholders: {name} of what the fact is about, '
  '{subject_id}, and each property of the fact, such as {level} or {slug}. What a fact does not '
  'have is left out.';
grant select on learn.notification_rules to learn_app, learn_readonly;

create table learn.notifications (
  user_id    uuid not null references learn.users on delete cascade,
  id         bigint generated always as identity,
  type       text not null,
  title      text not null,
  message    text,
  action_url text,
  is_read    boolean not null default false,
  created_at timestamptz not null default learn.clock(),
  read_at    timestamptz,
  fact_id    bigint,
  primary key (user_id, id),
  constraint type_is_a_slug check (
    type ~ '^[a-z0-9]+([-_.:][a-z0-9]+)*$' and length(type) <= 50),
  constraint title_is_not_blank check (title ~ '\S'),
  constraint read_notifications_say_when check (is_read = (read_at is not null))
) with (fillfactor = 90);
comment on table learn.notifications is
  'What users were told, the newest with the highest id: by rules, or written by the owner.';
comment on column learn.notifications.fact_id is
  'The fact that it tells of, a row of activity_log; null: none. A fact is told once.';
create unique index notifications_tell_a_fact_once
  on learn.notifications (user_id, fact_id) where fact_id is not null;
create index notifications_recent on learn.notifications (user_id, created_at desc);
create index notifications_unread on learn.notifications (user_id, id) where not is_read;
grant select on learn.notifications to learn_app, learn_readonly;

create type learn_internal.notice as (
  user_id       uuid,
  fact_id       bigint,
  activity_type text,
  subject_type  text,
  subject_id    text,
  properties    jsonb
);
comment on type learn_internal.notice is 'A fact of which its user may be told.';

-- functions/notifications/fill_placeholders.sql

-- A text with its placeholders, {name} and the like, filled in, in one pass: what is filled in
-- is not looked at again. What there is no value for is left out.
create or replace function learn_internal.fill_placeholders(p_text text, p_values jsonb)
returns text
language plpgsql                  -- keeps its plan, where an SQL function would be parsed
                                  -- in every statement
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_parts text[];
  v_text  text := '';
begin
  if p_text is null or strpos(p_text, '{') = 0 then
    return p_text;
  end if;
  -- What precedes a brace, and each piece from a brace on: as many pieces as braces, a few.
  v_parts := string_to_array(p_text, '{');
  for v_i in 1 .. cardinality(v_parts) loop
    v_text := v_text || case
      when v_i = 1 then v_parts[v_i]
      when v_parts[v_i] ~ '^[a-z0-9_]+\}' then
        coalesce(p_values ->> split_part(v_parts[v_i], '}', 1), '')
          || substr(v_parts[v_i], strpos(v_parts[v_i], '}') + 1)
      else '{' || v_parts[v_i] end;
  end loop;
  return v_text;
end;
$$;
comment on function learn_internal.fill_placeholders(text, jsonb) is
  'A text with its placeholders filled in; those without a value are left out.';
revoke all on function learn_internal.fill_placeholders(text, jsonb) from public;

-- functions/notifications/mark_read.sql

-- Marks notifications of a user as read, all of them or those with the given ids, and returns how
-- many were unread. Ids that are not the user's own, or read already, change nothing.
-- It moves no reward: it returns no award_summary and may be repeated.
-- Errors: LX002 unknown user.
create or replace function learn.mark_read(p_user_id uuid, p_ids bigint[] default null)
returns bigint
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = pg_catalog, pg_temp
as $$
declare
  v_marked bigint;
begin
  if not exists (select from learn.users u where u.id = p_user_id) then
    raise exception 'unknown user'
      using errcode = 'LX002', detail = format('p_user_id = %s', coalesce(p_user_id::text, 'null')),
        hint = 'Register the user first: learn.register_user().';
  end if;
  update learn.notifications n
  set is_read = true, read_at = learn.clock()
  from (
    -- in order, so that two calls do not deadlock
    select u.id from learn.notifications u
    where u.user_id = p_user_id and not u.is_read and (p_ids is null or u.id = any (p_ids))
    order by u.id
    for update
  ) u
  where n.user_id = p_user_id and n.id = u.id;
  get diagnostics v_marked = row_count;
  return v_marked;
end;
$$;
comment on function learn.mark_read(uuid, bigint[]) is
  'Marks notifications of a user as read, all or those with the given ids; returns how many '
  'were unread.';
revoke all on function learn.mark_read(uuid, bigint[]) from public;
grant execute on function learn.mark_read(uuid, bigint[]) to learn_app;

-- functions/notifications/notify_facts.sql

-- Tells users of facts by the rules: one notification for each fact that an active rule names.
-- Silent while the parameter learn.quiet is on, as in imports: `set local learn.quiet = on`.
-- The engine calls it for facts whose type says that it notifies.
create or replace function learn_internal.notify_facts(p_notices learn_internal.notice[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if current_setting('learn.quiet', true) in ('on', 'true') then
    return;
  end if;
  insert into learn.notifications (user_id, type, title, message, action_url, fact_id)
  select t.user_id, r.type,
    -- a title that comes out blank must not fail what the user has just done
    coalesce(nullif(btrim(learn_internal.fill_placeholders(r.title, t.values)), ''), r.type),
    learn_internal.fill_placeholders(r.message, t.values),
    learn_internal.fill_placeholders(r.action_url, t.values), t.fact_id
  from (
    select n.user_id, n.fact_id, n.activity_type, n.position,
      jsonb_strip_nulls(jsonb_build_object('name', d.name)) || coalesce(e.evidence, '{}')
        || n.properties
        || jsonb_build_object('subject_type', n.subject_type, 'subject_id', n.subject_id) as values
    from unnest(p_notices) with ordinality
      n(user_id, fact_id, activity_type, subject_type, subject_id, properties, position)
    cross join lateral (
      -- subjects that others record need not be numbers
      select case when split_part(n.subject_id, ':', 1) ~ '^[0-9]{1,18}$'
        then split_part(n.subject_id, ':', 1)::bigint end as id
    ) s
    cross join lateral (
      select case n.subject_type
        when 'achievement' then (
          select a.name from learn.achievements a where a.slug = n.subject_id)
        when 'challenge' then (select c.title from learn.challenges c where c.id = s.id)
        when 'challenge_level' then (select c.title from learn.challenges c where c.id = s.id)
        when 'course' then (select c.title from learn.courses c where c.id = s.id)
        when 'course_level' then (select c.title from learn.course_levels c where c.id = s.id)
        when 'lesson' then (select l.title from learn.lessons l where l.id = s.id)
        when 'track' then (select t.title from learn.tracks t where t.id = s.id)
        when 'path' then (select p.title from learn.learning_paths p where p.id = s.id)
      end as name
    ) d
    left join lateral (
      select u.evidence
      from learn.achievements a
      join learn.user_achievements u on u.user_id = n.user_id and u.achievement_id = a.id
      where n.activity_type = 'achievement_earned' and a.slug = n.subject_id
    ) e on true
  ) t
  cross join lateral (
    select k.type, k.title, k.message, k.action_url
    from learn.notification_rules k
    where k.activity_type = t.activity_type and k.is_active and t.values @> k.filter
    order by k.filter = '{}', k.type
    limit 1
  ) r
  order by t.position
  on conflict (user_id, fact_id) where fact_id is not null do nothing;
end;
$$;
comment on function learn_internal.notify_facts(learn_internal.notice[]) is
  'Tells users of facts by the rules, each fact once.';
revoke all on function learn_internal.notify_facts(learn_internal.notice[]) from public;

-- functions/notifications/purge_notifications.sql

-- Deletes the notifications that are older than a time, read or not, and returns how many. For
-- operators and schedulers.
-- Errors: LX001 no time.
create or replace function learn.purge_notifications(p_before timestamptz)
returns bigint
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_purged bigint;
begin
  if p_before is null then
    raise exception 'the time is missing'
      using errcode = 'LX001', detail = 'p_before = null',
        hint = 'To delete all notifications, pass the time of now.';
  end if;
  delete from learn.notifications n where n.created_at < p_before;
  get diagnostics v_purged = row_count;
  return v_purged;
end;
$$;
comment on function learn.purge_notifications(timestamptz) is
  'Deletes the notifications older than a time, read or not; returns how many.';
revoke all on function learn.purge_notifications(timestamptz) from public;

-- functions/notifications/unread_count.sql

-- How many notifications a user has not read.
-- Errors: LX002 unknown user.
create or replace function learn.unread_count(p_user_id uuid)
returns bigint
language plpgsql
stable
security definer                  -- the same for every role that may call it
set search_path = pg_catalog, pg_temp
as $$
begin
  if not exists (select from learn.users u where u.id = p_user_id) then
    raise exception 'unknown user'
      using errcode = 'LX002', detail = format('p_user_id = %s', coalesce(p_user_id::text, 'null')),
        hint = 'Register the user first: learn.register_user().';
  end if;
  return (
    select count(*) from learn.notifications n where n.user_id = p_user_id and not n.is_read);
end;
$$;
comment on function learn.unread_count(uuid) is 'How many notifications a user has not read.';
revoke all on function learn.unread_count(uuid) from public;
grant execute on function learn.unread_count(uuid) to learn_app, learn_readonly;

-- triggers/notifications/announce_notifications.sql

-- When notifications are written, whoever wrote them: they are sent to the channel learn_events,
-- where PostgreSQL delivers them when the transaction commits. A message per user, or, where there
-- are more than 100 users, one for them all. Where webhooks are switched on, each is also a message
-- in the outbox, for a worker to deliver. This is the one place where notifications leave
-- the database.
-- Errors: LX003 a setting is missing.
create or replace function learn_internal.announce_notifications()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_users bigint;
begin
  select count(distinct n.user_id) into v_users from new_rows n;
  if v_users = 0 then
    return null;
  end if;
  if learn_internal.setting_boolean('notification_webhooks') then
    insert into learn.outbox (topic, key, payload)
    select 'notification', n.user_id || ' ' || n.id,
      jsonb_build_object('user_id', n.user_id, 'notification_id', n.id, 'type', n.type)
    from new_rows n
    order by n.user_id, n.id
    on conflict (topic, key) do nothing;
  end if;
  if not learn_internal.setting_boolean('notify_events') then
    return null;
  elsif v_users > 100 then
    perform pg_notify('learn_events', jsonb_build_object(
      'event', 'notifications', 'users', v_users, 'count', (select count(*) from new_rows))::text);
  else
    -- A payload has at most 8000 bytes: the first 20 are named, the rest is counted.
    perform pg_notify('learn_events', u.payload::text)
    from (
      select jsonb_build_object(
        'event', 'notifications', 'user_id', n.user_id, 'count', count(*),
        'notifications', jsonb_agg(jsonb_build_object('id', n.id, 'type', n.type) order by n.id)
          filter (where n.number <= 20)) as payload
      from (
        select r.*, row_number() over (partition by r.user_id order by r.id) as number
        from new_rows r
      ) n
      group by n.user_id
      order by n.user_id
    ) u;
  end if;
  return null;
end;
$$;
comment on function learn_internal.announce_notifications() is
  'Statement trigger: sends new notifications to the channel learn_events and, where webhooks '
  'are switched on, to the outbox.';
revoke all on function learn_internal.announce_notifications() from public;

create or replace trigger announce_notifications
  after insert on learn.notifications
  referencing new table as new_rows
  for each statement
  execute function learn_internal.announce_notifications();
comment on trigger announce_notifications on learn.notifications is
  'Sends them to the channel learn_events and to the outbox.';

-- triggers/notifications/notification_rules_change.sql

-- When rules of notifications change: learners wait.
create or replace trigger notification_rules_change
  before insert or update or delete on learn.notification_rules
  for each statement
  execute function learn_internal.change_content();
comment on trigger notification_rules_change on learn.notification_rules is
  'A change has learners wait.';

-- triggers/notifications/notification_rules_consequences.sql

-- When rules of notifications change: which facts are told is noted with their types.
create or replace trigger notification_rules_consequences
  after insert or update or delete on learn.notification_rules
  for each statement
  execute function learn_internal.note_consequences();
comment on trigger notification_rules_consequences on learn.notification_rules is
  'Notes with activity types which facts are told.';

create table learn.old_progress_table (
  id               bigint generated always as identity primary key,
  user_id          uuid,
  problem_id       text,
  completed_levels integer[],
  total_xp         integer,
  imported_at      timestamptz,
  rejection        text
);
comment on table learn.old_progress_table is
  'Where progress of an older system is loaded, whatever it looks like, for import_old_progress(). '
  'Staging: no key to users, and to be emptied when the import is done.';
comment on column learn.old_progress_table.user_id is 'A user of learn.users.';
comment on column learn.old_progress_table.problem_id is 'Slug of a challenge.';
comment on column learn.old_progress_table.completed_levels is
  'Levels passed, of 1 to 5, in any order.';
comment on column learn.old_progress_table.total_xp is
  'XP that the user has for the challenge in all.';
comment on column learn.old_progress_table.imported_at is
  'When the row was imported as it is; filled in.';
comment on column learn.old_progress_table.rejection is
  'Why the row was not imported; filled in. Null: nothing is wrong with it.';
create index old_progress_table_user on learn.old_progress_table (user_id);
grant select on learn.old_progress_table to learn_app, learn_readonly;

create table learn.imported_challenge_progress (
  user_id          uuid not null references learn.users on delete cascade,
  challenge_id     bigint not null references learn.challenges on delete cascade,
  completed_levels integer[] not null default '{}',
  total_xp         integer not null default 0,
  imported_at      timestamptz not null default learn.clock(),
  primary key (user_id, challenge_id),
  constraint completed_levels_are_levels check (completed_levels <@ '{1,2,3,4,5}'),
  constraint total_xp_is_not_negative check (total_xp >= 0)
);
comment on table learn.imported_challenge_progress is
  'Progress in challenges that users brought from an older system. A row that is written counts '
  'as if the levels had been passed, and pays its XP, but makes no day active. It may grow, '
  'not shrink.';
comment on column learn.imported_challenge_progress.total_xp is
  'XP in all; when it grows, the difference is paid.';
create index imported_challenge_progress_challenge
  on learn.imported_challenge_progress (challenge_id, user_id);
grant select on learn.imported_challenge_progress to learn_app, learn_readonly;

-- functions/challenges/write_past_facts.sql

-- Writes facts of the past to the log: they count like others, but pay only what they carry
-- and make no day active. One that happens once and that was recorded from outside already
-- is left out.
create or replace function learn_internal.write_past_facts(p_facts learn_internal.fact[])
returns void
language sql
volatile
set search_path = pg_catalog, pg_temp
as $$
  insert into learn.activity_log
    (user_id, activity_type, subject_type, subject_id, properties, xp,
     occurred_at, local_date, is_qualifying)
  select f.user_id, f.activity_type, f.subject_type, f.subject_id,
    coalesce(f.properties, '{}'), coalesce(f.xp, 0), f.occurred_at,
    (f.occurred_at at time zone u.timezone)::date, false
  from unnest(p_facts) with ordinality
    f(user_id, activity_type, subject_type, subject_id, properties, xp, occurred_at, position)
  join learn.users u on u.id = f.user_id
  join learn.activity_types t on t.key = f.activity_type
  where not t.happens_once or not exists (
    select from learn_internal.recorded_subjects r
    where r.user_id = f.user_id and r.activity_type = f.activity_type
      and r.subject_type = f.subject_type and r.subject_id = f.subject_id)
  order by f.position;
$$;
comment on function learn_internal.write_past_facts(learn_internal.fact[]) is
  'Writes facts that pay only what they carry and make no day active, in the given order.';
revoke all on function learn_internal.write_past_facts(learn_internal.fact[]) from public;

-- functions/challenges/apply_imports.sql

-- Lets imported progress count, parallel arrays of rows of imported_challenge_progress with the XP
-- to pay for each: levels and challenges are completed, the tracks, paths and difficulties that
-- this fills too, and what comes next is unlocked. All of it counts for metrics and achievements;
-- XP is paid for the rows alone, with the source `import`, so that totals are those of the older
-- system. (Achievements that this earns pay their own.)
create or replace function learn_internal.apply_imports(
  p_user_ids uuid[], p_challenge_ids bigint[], p_xp integer[]
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_facts     learn_internal.fact[];
  v_completed learn_internal.fact[];
  v_track_ids bigint[];
  v_quiet     text := coalesce(current_setting('learn.quiet', true), '');
begin
  perform set_config('learn.quiet', 'on', true);  -- nobody is notified
  perform from learn.user_stats s where s.user_id = any (p_user_ids)
  order by s.user_id for no key update;

  -- What is new: XP, and levels that were not passed here before.
  select array_agg(
    (f.user_id, f.type, f.subject_type, f.subject_id, f.properties, f.xp, f.at)::learn_internal.fact
    order by f.user_id, f.challenge_id, f.level)
  into v_facts
  from (
    select i.user_id, c.id as challenge_id, 0 as level, 'xp_awarded' as type,
      'challenge' as subject_type, c.id::text as subject_id,
      jsonb_build_object('source_type', 'import', 'source_id', c.slug,
        'description', 'Progress of an older system') as properties,
      a.xp, i.imported_at as at
    from unnest(p_user_ids, p_challenge_ids, p_xp) a(user_id, challenge_id, xp)
    join learn.imported_challenge_progress i
      on i.user_id = a.user_id and i.challenge_id = a.challenge_id
    join learn.challenges c on c.id = a.challenge_id
    where a.xp > 0
    union all
    select i.user_id, c.id, l.level, 'challenge_level_passed', 'challenge_level',
      c.id || ':' || l.level,
      jsonb_build_object('challenge', c.slug, 'category', c.category, 'difficulty', c.difficulty,
        'level', l.level, 'is_imported', true),
      0, i.imported_at
    from unnest(p_user_ids, p_challenge_ids) a(user_id, challenge_id)
    join learn.imported_challenge_progress i
      on i.user_id = a.user_id and i.challenge_id = a.challenge_id
    join learn.challenges c on c.id = a.challenge_id
    cross join lateral (select distinct x from unnest(i.completed_levels) x) l(level)
    left join learn.user_challenge_progress p
      on p.user_id = i.user_id and p.challenge_id = i.challenge_id
    where l.level <> all (coalesce(p.levels_completed, '{}'))
  ) f;

  insert into learn.user_challenge_progress as p
    (user_id, challenge_id, current_level, levels_completed, unlocked_at, started_at)
  select i.user_id, i.challenge_id, coalesce(l.highest, 0), l.levels, i.imported_at,
    case when l.highest is not null then i.imported_at end
  from unnest(p_user_ids, p_challenge_ids) a(user_id, challenge_id)
  join learn.imported_challenge_progress i
    on i.user_id = a.user_id and i.challenge_id = a.challenge_id
  cross join lateral (
    select coalesce(array_agg(distinct x order by x), '{}') as levels, max(x) as highest
    from unnest(i.completed_levels) x
  ) l
  order by i.user_id, i.challenge_id
  on conflict (user_id, challenge_id) do update
    set current_level = greatest(p.current_level, excluded.current_level),
      levels_completed = (
        select coalesce(array_agg(distinct l order by l), '{}')
        from unnest(p.levels_completed || excluded.levels_completed) l),
      unlocked_at = coalesce(p.unlocked_at, excluded.unlocked_at),
      started_at = least(p.started_at, excluded.started_at);

  -- A challenge is completed when every level that it has is passed; one without any, when all
  -- five are.
  with completed as (
    update learn.user_challenge_progress p
    set completed_at = i.imported_at
    from unnest(p_user_ids, p_challenge_ids) a(user_id, challenge_id)
    join learn.imported_challenge_progress i
      on i.user_id = a.user_id and i.challenge_id = a.challenge_id
    where p.user_id = a.user_id and p.challenge_id = a.challenge_id and p.completed_at is null
      and p.levels_completed <> '{}'
      and not exists (
        select from learn.challenge_levels l
        where l.challenge_id = p.challenge_id and l.level_number <> all (p.levels_completed))
      and (p.levels_completed @> '{1,2,3,4,5}' or exists (
        select from learn.challenge_levels l where l.challenge_id = p.challenge_id))
    returning p.user_id, p.challenge_id, p.completed_at
  )
  select array_agg(
    (c.user_id, 'challenge_completed', 'challenge', c.challenge_id::text,
      jsonb_build_object('slug', k.slug, 'category', k.category, 'difficulty', k.difficulty,
        'track', t.slug, 'is_imported', true),
      0, c.completed_at)::learn_internal.fact
    order by c.user_id, c.challenge_id),
    array_agg(distinct k.track_id) filter (where k.track_id is not null)
  into v_completed, v_track_ids
  from completed c
  join learn.challenges k on k.id = c.challenge_id
  left join learn.tracks t on t.id = k.track_id;
  perform learn_internal.write_past_facts(v_facts || v_completed);
  if v_completed is null then
    perform set_config('learn.quiet', v_quiet, true);
    return;
  end if;

  -- Tracks that are full by now are completed here, unpaid; the others are recounted as ever.
  with completed as (
    insert into learn.user_track_progress as p
      (user_id, track_id, items_completed, total_items, completed_at)
    select r.user_id, r.track_id, r.items_completed, z.total_items, r.last_completed_at
    from learn_internal.track_recounts r
    join learn_internal.track_sizes z on z.track_id = r.track_id
    join learn.tracks t on t.id = r.track_id and t.is_published
    left join learn.user_track_progress e on e.user_id = r.user_id and e.track_id = r.track_id
    where r.user_id = any (p_user_ids) and r.track_id = any (v_track_ids)
      and r.items_completed = z.total_items and e.completed_at is null
    order by r.user_id, r.track_id
    on conflict (user_id, track_id) do update
      set items_completed = excluded.items_completed, total_items = excluded.total_items,
        completed_at = excluded.completed_at
    returning p.user_id, p.track_id, p.completed_at
  )
  select array_agg(
    (c.user_id, 'track_completed', 'track', c.track_id::text,
      jsonb_build_object('difficulty', t.difficulty, 'slug', t.slug, 'is_imported', true),
      0, c.completed_at)::learn_internal.fact
    order by c.user_id, c.track_id)
  into v_facts
  from completed c
  join learn.tracks t on t.id = c.track_id;
  perform learn_internal.recount_tracks(p_user_ids, v_track_ids);
  if v_facts is not null then
    perform learn_internal.write_past_facts(v_facts || array(
      select f::learn_internal.fact
      from (
        select p.* from learn_internal.refresh_paths(p_user_ids, (
          select array_agg(distinct pt.path_id) from learn.learning_path_tracks pt
          where pt.track_id = any (v_track_ids))) p
        union all
        select d.* from learn_internal.refresh_difficulties(p_user_ids, (
          select array_agg(distinct t.difficulty) from learn.tracks t
          where t.id = any (v_track_ids))) d
      ) f));
  end if;
  perform learn_internal.unlock_challenges(p_user_ids, learn.clock());
  perform set_config('learn.quiet', v_quiet, true);
end;
$$;
comment on function learn_internal.apply_imports(uuid[], bigint[], integer[]) is
  'Lets imported progress count: levels, challenges, tracks, and the XP of the rows.';
revoke all on function learn_internal.apply_imports(uuid[], bigint[], integer[]) from public;

-- views/challenges/old_progress_rows.sql

-- The rows of learn.old_progress_table with what is wrong with each, null where nothing is.
create or replace view learn_internal.old_progress_rows as
select c.id, c.user_id, c.challenge_id, c.levels, c.total_xp,
  coalesce(c.problem, case when c.first_id <> c.id
    then format('row %s is of the same user and challenge', c.first_id) end) as rejection
from (
  select p.*, first_value(p.id) over (
      partition by p.user_id, p.challenge_id, p.problem is null order by p.id) as first_id
  from (
    select r.id, r.user_id, c.id as challenge_id, l.levels, r.total_xp, case
      when r.user_id is null then 'user_id is null'
      when u.id is null then 'unknown user'
      when r.problem_id is null then 'problem_id is null'
      when c.id is null then 'unknown challenge'
      when r.completed_levels is null then 'completed_levels is null'
      when l.has_other then 'completed_levels has something else than levels 1 to 5'
      when l.has_twice then 'completed_levels has a level twice'
      when r.total_xp is null then 'total_xp is null'
      when r.total_xp < 0 then 'total_xp is negative'
      when not i.completed_levels <@ l.levels or r.total_xp < i.total_xp
        then format('it was imported with more: levels %s, %s XP', i.completed_levels, i.total_xp)
    end as problem
    from learn.old_progress_table r
    left join learn.users u on u.id = r.user_id
    left join learn.challenges c on c.slug = r.problem_id
    left join learn.imported_challenge_progress i
      on i.user_id = r.user_id and i.challenge_id = c.id
    cross join lateral (
      select coalesce(array_agg(x order by x), '{}') as levels,
        coalesce(bool_or(x is null or x not between 1 and 5), false) as has_other,
        count(*) > count(distinct x) as has_twice
      from unnest(r.completed_levels) x
    ) l
  ) p
) c;
comment on view learn_internal.old_progress_rows is
  'The rows of old_progress_table, with why each cannot be imported.';

-- functions/challenges/import_old_progress.sql

-- Imports the rows of learn.old_progress_table and counts them: imported (new, or grown since),
-- unchanged, and rejected. A rejected row stays, with its reason; corrected, it is imported by the
-- next run. Running again pays nothing twice; of a row that has grown the difference is paid.
-- Imports make no day active and notify nobody.
create or replace function learn.import_old_progress()
returns table (imported bigint, unchanged bigint, rejected bigint)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := learn.clock();
begin
  perform learn_internal.hold_content();
  -- One import at a time, and no row changes under it.
  lock table learn.old_progress_table in share row exclusive mode;
  perform from learn.user_stats s
  where s.user_id in (select r.user_id from learn.old_progress_table r)
  order by s.user_id
  for no key update;

  update learn.old_progress_table r
  set rejection = c.rejection, imported_at = case when c.rejection is null then r.imported_at end
  from learn_internal.old_progress_rows c
  where c.id = r.id and r.rejection is distinct from c.rejection;

  insert into learn.imported_challenge_progress as i
    (user_id, challenge_id, completed_levels, total_xp, imported_at)
  select c.user_id, c.challenge_id, c.levels, c.total_xp, v_now
  from learn_internal.old_progress_rows c
  where c.rejection is null
  order by c.user_id, c.challenge_id
  on conflict (user_id, challenge_id) do update
    set completed_levels = excluded.completed_levels, total_xp = excluded.total_xp,
      imported_at = excluded.imported_at
    where (i.completed_levels, i.total_xp) <> (excluded.completed_levels, excluded.total_xp);
  get diagnostics imported = row_count;

  update learn.old_progress_table r
  set imported_at = i.imported_at
  from learn_internal.old_progress_rows c
  join learn.imported_challenge_progress i
    on i.user_id = c.user_id and i.challenge_id = c.challenge_id
  where c.id = r.id and r.rejection is null and r.imported_at is distinct from i.imported_at;

  select count(*) filter (where r.rejection is null) - imported,
    count(*) filter (where r.rejection is not null)
  into unchanged, rejected
  from learn.old_progress_table r;
  return next;
end;
$$;
comment on function learn.import_old_progress() is
  'Imports the rows of old_progress_table; returns how many were imported, unchanged since, and '
  'rejected. The reasons are in the rows.';
revoke all on function learn.import_old_progress() from public;

-- triggers/challenges/imported_progress_deleted.sql

-- When imported progress is deleted, alone or with its challenge: what is left is recounted from
-- the attempts. What it paid stays paid.
create or replace trigger imported_progress_deleted
  after delete on learn.imported_challenge_progress
  referencing old table as deleted_rows
  for each statement
  execute function learn_internal.level_attempts_deleted();
comment on trigger imported_progress_deleted on learn.imported_challenge_progress is
  'Recounts progress.';

-- triggers/challenges/imported_progress_hold.sql

-- Before imported progress is written: content is held.
create or replace trigger imported_progress_hold
  before insert or update on learn.imported_challenge_progress
  for each statement
  execute function learn_internal.hold_content_first();
comment on trigger imported_progress_hold on learn.imported_challenge_progress is
  'Keeps content as it is.';

-- triggers/challenges/imported_progress_inserted.sql

-- When imported progress is written: it counts and pays.
create or replace function learn_internal.imported_progress_inserted()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform learn_internal.apply_imports(
    array_agg(n.user_id), array_agg(n.challenge_id), array_agg(n.total_xp))
  from new_rows n
  having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.imported_progress_inserted() is
  'Statement trigger: imported progress counts and pays.';
revoke all on function learn_internal.imported_progress_inserted() from public;

create or replace trigger imported_progress_inserted
  after insert on learn.imported_challenge_progress
  referencing new table as new_rows
  for each statement
  execute function learn_internal.imported_progress_inserted();
comment on trigger imported_progress_inserted on learn.imported_challenge_progress is
  'Imported progress counts and pays.';

-- triggers/challenges/imported_progress_updated.sql

-- When imported progress grows: new levels count, and the difference in XP is paid. It does not
-- shrink.
-- Errors: LX001 fewer levels, less XP, or another user or challenge.
create or replace function learn_internal.imported_progress_updated()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_bad record;
begin
  select n.* into v_bad
  from new_rows n
  left join old_rows o on o.user_id = n.user_id and o.challenge_id = n.challenge_id
  where o.user_id is null or not o.completed_levels <@ n.completed_levels
    or n.total_xp < o.total_xp
  limit 1;
  if found then
    raise exception 'imported progress does not shrink'
      using errcode = 'LX001',
        detail = format('user_id = %s, challenge_id = %s: levels %s, %s XP',
          v_bad.user_id, v_bad.challenge_id, v_bad.completed_levels, v_bad.total_xp),
        hint = 'What was paid is in the ledger: learn.reverse_xp() takes it back.';
  end if;
  perform learn_internal.apply_imports(
    array_agg(n.user_id), array_agg(n.challenge_id), array_agg(n.total_xp - o.total_xp))
  from new_rows n
  join old_rows o on o.user_id = n.user_id and o.challenge_id = n.challenge_id
  where (n.completed_levels, n.total_xp) <> (o.completed_levels, o.total_xp)
  having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.imported_progress_updated() is
  'Statement trigger: what imported progress grew by counts and is paid; '
  'it does not shrink (LX001).';
revoke all on function learn_internal.imported_progress_updated() from public;

create or replace trigger imported_progress_updated
  after update on learn.imported_challenge_progress
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.imported_progress_updated();
comment on trigger imported_progress_updated on learn.imported_challenge_progress is
  'What it grew by counts and is paid (LX001 when it shrinks).';

-- functions/activity/note_consequences.sql

-- When rules or metrics change: what each type of fact can cause is noted with the type,
-- and how it feeds metrics, a row for each value that it moves.
create or replace function learn_internal.note_consequences()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  update learn.activity_types t
  set pays = c.pays, is_capped = c.is_capped, feeds_metrics = c.feeds_metrics,
    feeds_days = c.feeds_days, resets_runs = c.resets_runs, notifies = c.notifies
  from (
    select a.key,
      (select r.amount from learn.xp_rules r where r.activity_type = a.key) as pays,
      exists (
        select from learn.xp_rules r
        where r.activity_type = a.key and r.daily_cap is not null) as is_capped,
      exists (
        select from learn.metrics m
        where m.activity_type = a.key and m.aggregate <> 'distinct_days') as feeds_metrics,
      exists (
        select from learn.metrics m
        where m.activity_type = a.key and m.aggregate = 'distinct_days') as feeds_days,
      exists (select from learn.metrics m where m.reset_activity_type = a.key) as resets_runs,
      exists (
        select from learn.notification_rules r
        where r.activity_type = a.key and r.is_active) as notifies
    from learn.activity_types a
  ) c
  where t.key = c.key and (t.pays, t.is_capped, t.feeds_metrics, t.feeds_days,
      t.resets_runs, t.notifies)
    is distinct from (c.pays, c.is_capped, c.feeds_metrics, c.feeds_days,
      c.resets_runs, c.notifies);

  with feeds as (
    select m.activity_type, m.key as metric, s.is_scoped, m.aggregate, m.property, m.filter,
      case when s.is_scoped then m.scope_property end as scope_property
    from learn.metrics m
    cross join (values (false), (true)) s(is_scoped)
    where m.activity_type is not null and m.aggregate <> 'distinct_days'
      and (m.scope_property is not null or not s.is_scoped)
  ), gone as (
    delete from learn_internal.metric_feeds o
    where not exists (
      select from feeds f
      where (f.activity_type, f.metric, f.is_scoped) = (o.activity_type, o.metric, o.is_scoped))
  )
  insert into learn_internal.metric_feeds as o
    (activity_type, metric, is_scoped, aggregate, property, filter, scope_property)
  select * from feeds
  on conflict (activity_type, metric, is_scoped) do update
    set aggregate = excluded.aggregate, property = excluded.property, filter = excluded.filter,
      scope_property = excluded.scope_property
    where (o.aggregate, o.property, o.filter, o.scope_property)
      is distinct from (excluded.aggregate, excluded.property, excluded.filter,
        excluded.scope_property);
  return null;
end;
$$;
comment on function learn_internal.note_consequences() is
  'Statement trigger: notes with activity types what facts can cause.';
revoke all on function learn_internal.note_consequences() from public;

-- functions/challenges/recommend_challenges.sql

-- The challenges that a user should try next: not completed, unlocked or with nothing missing, and not
-- above the user's skill level; easier ones first, then in the order of the tracks.
-- Errors: LX001 limit out of range; LX002 unknown user.
create or replace function learn.recommend_challenges(p_user_id uuid, p_limit integer default 5)
returns table (
  id bigint, slug text, title text, difficulty text, xp_base integer, estimated_minutes integer
)
language plpgsql
stable
security definer                  -- the same for every role that may call it
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_skill_level text;
begin
  select u.skill_level into v_skill_level from learn.users u where u.id = p_user_id;
  if not found then
    raise exception 'unknown user'
      using errcode = 'LX002', detail = format('p_user_id = %s', coalesce(p_user_id::text, 'null')),
        hint = 'Register the user first: learn.register_user().';
  end if;
  if p_limit is null or p_limit not between 0 and 1000 then
    raise exception 'the limit is out of range'
      using errcode = 'LX001', detail = format('p_limit = %s', coalesce(p_limit::text, 'null')),
        hint = 'Ask for 0 to 1000 challenges.';
  end if;
  return query
  select c.id, c.slug, c.title, c.difficulty, c.xp_base, c.estimated_minutes
  from learn_internal.open_challenges o
  join learn.challenges c on c.id = o.challenge_id
  left join learn.difficulties m on m.key = v_skill_level
  where o.user_id = p_user_id and (v_skill_level = 'advanced' or o.difficulty_rank <= m.rank)
  order by o.difficulty_rank, o.track_position, o.track_id, o.position, o.challenge_id
  limit p_limit;
end;
$$;
comment on function learn.recommend_challenges(uuid, integer) is
  'Challenges that a user should try next, not above the user''s skill level, at most p_limit.';
revoke all on function learn.recommend_challenges(uuid, integer) from public;
grant execute on function learn.recommend_challenges(uuid, integer) to learn_app, learn_readonly;

-- functions/challenges/unlock_challenges.sql

-- Unlocks for users the challenges that they have earned. One that asked for something is a fact.
-- The caller has locked the users.
create or replace function learn_internal.unlock_challenges(p_user_ids uuid[], p_at timestamptz)
returns void
language sql
volatile
set search_path = pg_catalog, pg_temp
as $$
  with unlocked as (
    insert into learn.user_challenge_progress as p (user_id, challenge_id, unlocked_at)
    select d.user_id, d.challenge_id, p_at
    from learn_internal.due_challenge_unlocks d
    where d.user_id = any (p_user_ids)
    order by d.user_id, d.track_id, d.position, d.challenge_id
    on conflict (user_id, challenge_id) do update set unlocked_at = excluded.unlocked_at
    returning p.user_id, p.challenge_id, p.id
  )
  select learn_internal.write_facts(array_agg(
    (u.user_id, 'challenge_unlocked', 'challenge', u.challenge_id::text,
      jsonb_build_object('slug', c.slug, 'category', c.category, 'difficulty', c.difficulty),
      null, p_at)::learn_internal.fact
    order by u.user_id, u.id))
  from unlocked u
  join learn.challenges c on c.id = u.challenge_id
  where exists (
      select from learn.challenge_prerequisites e where e.challenge_id = c.id)
    or exists (
      select from learn.track_prerequisites e where e.track_id = c.track_id)
  having count(*) > 0;
$$;
comment on function learn_internal.unlock_challenges(uuid[], timestamptz) is
  'Unlocks for users the challenges that they have earned.';
revoke all on function learn_internal.unlock_challenges(uuid[], timestamptz) from public;

-- views/challenges/challenge_recounts.sql

-- Progress in challenges recounted from the attempts and from what was imported: what
-- user_challenge_progress must say. Filter by user_id: the condition reaches the tables.
create or replace view learn_internal.challenge_recounts as
select p.user_id, p.challenge_id,
  array_agg(distinct p.level_number) filter (where p.passed) as levels_completed,
  coalesce(max(p.level_number) filter (where p.passed), 0) as current_level,
  count(*) filter (where p.is_attempt)::integer as total_attempts,
  coalesce(sum(p.time_spent_seconds), 0)::bigint as time_spent_seconds,
  max(p.score) as best_score,
  min(p.created_at) filter (where p.is_attempt or p.passed) as started_at,
  max(p.created_at) filter (where p.passed) as last_passed_at,
  min(p.created_at) as unlocked_at
from (
  select a.user_id, a.challenge_id, a.level_number, a.passed, true as is_attempt,
    a.time_spent_seconds, a.score, a.created_at
  from learn.level_attempts a
  union all
  select i.user_id, i.challenge_id, l.level, l.level is not null, false, null, null, i.imported_at
  from learn.imported_challenge_progress i
  left join lateral unnest(i.completed_levels) l(level) on true
) p
group by p.user_id, p.challenge_id;
comment on view learn_internal.challenge_recounts is
  'Progress per user and challenge, recounted from level_attempts and '
  'imported_challenge_progress.';

-- views/challenges/full_challenges.sql

-- Challenges of which users have passed every level there is.
create or replace view learn_internal.full_challenges as
select p.user_id, p.challenge_id, greatest((
    select max(a.created_at) from learn.level_attempts a
    where a.user_id = p.user_id and a.challenge_id = p.challenge_id and a.passed
  ), (
    select i.imported_at from learn.imported_challenge_progress i
    where i.user_id = p.user_id and i.challenge_id = p.challenge_id
  )) as last_passed_at
from learn.user_challenge_progress p
where p.levels_completed <> '{}' and exists (
    select from learn.challenge_levels l where l.challenge_id = p.challenge_id)
  and not exists (
    select from learn.challenge_levels l
    where l.challenge_id = p.challenge_id and l.level_number <> all (p.levels_completed));
comment on view learn_internal.full_challenges is
  'Challenges of which users have passed every level.';

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

  -- catalog
  union all
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
  select 'lessons_are_available_when_all_is_published', null,
    format('lesson %s: %s', l.id, not l.is_available), format('lesson %s: %s', l.id, l.is_available)
  from learn.lessons l
  left join learn.course_levels v on v.id = l.course_level_id
  left join learn.courses c on c.id = l.course_id
  where l.is_available
    <> (l.is_published and coalesce(v.is_published, true) and coalesce(c.is_published, true))

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

  -- quizzes
  union all
  select 'quizzes_are_facts', a.user_id, format('a fact for quiz %s', a.id), 'none'
  from learn.quiz_attempts a
  left join learn.activity_log f on f.user_id = a.user_id and f.activity_type = 'quiz_completed'
    and f.subject_type = 'quiz' and f.subject_id = a.id::text
  where f.id is null
  union all
  select 'quiz_answers_add_up', a.user_id,
    format('quiz %s: %s of %s', a.id, s.correct, s.answers),
    format('quiz %s: %s of %s', a.id, a.correct_answers, a.total_questions)
  from learn.quiz_attempts a
  join (
    select w.user_id, w.quiz_attempt_id, count(*) as answers,
      count(*) filter (where w.is_correct) as correct
    from learn.user_answers w
    group by w.user_id, w.quiz_attempt_id
  ) s on s.user_id = a.user_id and s.quiz_attempt_id = a.id
  where (s.correct, s.answers) <> (a.correct_answers, a.total_questions)

  -- challenges
  union all
  select 'challenge_progress_follows_from_attempts', coalesce(r.user_id, p.user_id),
    format('challenge %s: %s', coalesce(r.challenge_id, p.challenge_id),
      (coalesce(r.levels_completed, '{}'), coalesce(r.current_level, 0),
        coalesce(r.total_attempts, 0), coalesce(r.time_spent_seconds, 0), r.best_score)),
    format('challenge %s: %s', coalesce(r.challenge_id, p.challenge_id),
      (p.levels_completed, p.current_level, p.total_attempts, p.time_spent_seconds, p.best_score))
  from learn_internal.challenge_recounts r
  full join learn.user_challenge_progress p
    on p.user_id = r.user_id and p.challenge_id = r.challenge_id
  where (coalesce(r.levels_completed, '{}'), coalesce(r.current_level, 0),
      coalesce(r.total_attempts, 0), coalesce(r.time_spent_seconds, 0), r.best_score)
    is distinct from (p.levels_completed, p.current_level, p.total_attempts, p.time_spent_seconds,
      p.best_score)
  union all
  select 'attempted_challenges_are_unlocked', p.user_id,
    format('challenge %s unlocked', p.challenge_id), 'locked'
  from learn.user_challenge_progress p
  where p.unlocked_at is null
  union all
  select 'full_challenges_are_completed', f.user_id,
    format('challenge %s completed', f.challenge_id), 'not completed'
  from learn_internal.full_challenges f
  join learn.user_challenge_progress p on p.user_id = f.user_id and p.challenge_id = f.challenge_id
  where p.completed_at is null
  union all
  select 'passed_levels_are_facts', p.user_id,
    format('a fact for level %s of challenge %s', l, p.challenge_id), 'none'
  from learn.user_challenge_progress p
  cross join lateral unnest(p.levels_completed) l
  left join learn.activity_log f on f.user_id = p.user_id
    and f.activity_type = 'challenge_level_passed' and f.subject_type = 'challenge_level'
    and f.subject_id = p.challenge_id || ':' || l
  where f.id is null
  union all
  select 'imported_progress_is_paid', i.user_id,
    format('challenge %s: at least %s', i.challenge_id, i.total_xp),
    format('challenge %s: %s', i.challenge_id, coalesce(f.xp, 0))
  from learn.imported_challenge_progress i
  left join (
    select l.user_id, l.subject_id, sum(l.xp) as xp
    from learn.activity_log l
    where l.activity_type = 'xp_awarded' and l.subject_type = 'challenge'
      and l.properties ->> 'source_type' = 'import'
    group by l.user_id, l.subject_id
  ) f on f.user_id = i.user_id and f.subject_id = i.challenge_id::text
  where coalesce(f.xp, 0) < i.total_xp

  -- skills
  union all
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
  left join learn.activity_log f on f.user_id = a.user_id
    and f.activity_type = 'assessment_completed' and f.subject_type = 'assessment'
    and f.subject_id = a.id::text
  where f.id is null

  -- progress
  union all
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
  select 'completed_lessons_are_facts', p.user_id,
    format('a fact for lesson %s', p.lesson_id), 'none'
  from learn.user_lesson_progress p
  left join learn.activity_log f on f.user_id = p.user_id and f.activity_type = 'lesson_completed'
    and f.subject_type = 'lesson' and f.subject_id = p.lesson_id::text
  where p.completed_at is not null and f.id is null
  union all
  select 'enrolments_are_facts', p.user_id,
    format('a fact for course %s', p.course_id), 'none'
  from learn.user_course_progress p
  left join learn.activity_log f on f.user_id = p.user_id and f.activity_type = 'course_enrolled'
    and f.subject_type = 'course' and f.subject_id = p.course_id::text
  where f.id is null
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
  select 'completed_courses_are_facts', p.user_id,
    format('a fact for course %s', p.course_id), 'none'
  from learn.user_course_progress p
  left join learn.activity_log f on f.user_id = p.user_id and f.activity_type = 'course_completed'
    and f.subject_type = 'course' and f.subject_id = p.course_id::text
  where p.completed_at is not null and f.id is null
  union all
  select 'due_levels_are_unlocked', d.user_id, format('level %s unlocked', d.course_level_id),
    'locked'
  from learn_internal.due_level_unlocks d
  union all
  select 'full_levels_are_completed', r.user_id, format('level %s completed', r.course_level_id),
    'not completed'
  from learn_internal.level_recounts r
  join learn.user_level_unlocks u
    on u.user_id = r.user_id and u.course_level_id = r.course_level_id
  where u.completed_at is null
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
      d.user_id, d.metric, d.scope, d.threshold, d.criteria_changed_at)

  -- community
  union all
  select 'discussion_counts_follow_from_rows', d.author_id,
    format('discussion %s: %s', d.id,
      (c.reply_count, c.upvote_count, c.downvote_count, c.is_solved)),
    format('discussion %s: %s', d.id,
      (d.reply_count, d.upvote_count, d.downvote_count, d.is_solved))
  from learn.discussions d
  join learn_internal.discussion_recounts c on c.discussion_id = d.id
  where (d.reply_count, d.upvote_count, d.downvote_count, d.is_solved)
    <> (c.reply_count, c.upvote_count, c.downvote_count, c.is_solved)
  union all
  select 'reply_counts_follow_from_votes', r.author_id,
    format('reply %s: %s', r.id, (c.upvote_count, c.downvote_count)),
    format('reply %s: %s', r.id, (r.upvote_count, r.downvote_count))
  from learn.replies r
  join learn_internal.reply_recounts c on c.reply_id = r.id
  where (r.upvote_count, r.downvote_count) <> (c.upvote_count, c.downvote_count)
  union all
  select 'posts_are_facts', p.user_id,
    format('%s for %s %s', p.activity_type, p.subject_type, p.subject_id), 'none'
  from learn_internal.post_facts p
  left join learn.activity_log f on f.user_id = p.user_id and f.activity_type = p.activity_type
    and f.subject_type = p.subject_type and f.subject_id = p.subject_id
  where f.id is null

  -- credentials
  union all
  select 'completed_courses_have_certificates', p.user_id,
    format('a certificate for course %s', p.course_id), 'none'
  from learn.user_course_progress p
  where p.completed_at is not null and not exists (
    select from learn.nft_certificates c
    where c.user_id = p.user_id and c.course_id = p.course_id)
  union all
  select 'pending_faucet_requests_have_a_message', r.user_id,
    format('a message for request %s', r.id), 'none'
  from learn.faucet_requests r
  where r.status = 'pending' and not exists (
    select from learn.outbox o
    where o.topic = 'faucet' and o.key = r.user_id || ' ' || r.id);
$$;
comment on function learn.check_integrity() is
  'Recomputes every projection from facts and compares; no row when all is well. Reads only.';
revoke all on function learn.check_integrity() from public;

-- functions/operations/rebuild_users.sql

-- Recomputes every projection of users from facts: active days and streaks,
-- XP and levels from the ledger, metrics, progress in exercises, courses, challenges, tracks,
-- paths and difficulties.
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
  from (
    select * from learn_internal.xp_recounts r where r.user_id = any (p_user_ids)
  ) x
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

  update learn.user_skills u
  set current_level = r.current_level,
    highest_level = greatest(r.highest_level, r.current_level),
    mastered_at = coalesce(u.mastered_at, r.mastered_at)
  from learn_internal.skill_recounts r
  where r.user_id = any (p_user_ids) and u.user_id = r.user_id and u.skill_id = r.skill_id
    and (u.current_level, u.highest_level, u.mastered_at) is distinct from (r.current_level,
      greatest(r.highest_level, r.current_level), coalesce(u.mastered_at, r.mastered_at));

  insert into learn.user_achievements (user_id, achievement_id, earned_at, evidence)
  select r.user_id, r.achievement_id, r.earned_at, '{"is_restored": true}'
  from learn_internal.achievement_recounts r
  where r.user_id = any (p_user_ids)
  on conflict do nothing;

  -- What was completed stays completed: the facts say so, and are not written again.
  insert into learn.user_level_unlocks as p (user_id, course_level_id, unlocked_at, completed_at)
  select c.user_id, v.id, c.completed_at, c.completed_at
  from learn_internal.completion_facts c
  join learn.course_levels v on c.activity_type = 'level_completed' and v.id::text = c.subject_id
  where c.user_id = any (p_user_ids)
  on conflict (user_id, course_level_id) do update
    set completed_at = coalesce(p.completed_at, excluded.completed_at);
  update learn.user_course_progress p
  set completed_at = c.completed_at
  from learn_internal.completion_facts c
  where c.user_id = any (p_user_ids) and c.activity_type = 'course_completed'
    and p.user_id = c.user_id and p.course_id::text = c.subject_id and p.completed_at is null;
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

  insert into learn.user_challenge_progress as p
    (user_id, challenge_id, current_level, levels_completed, unlocked_at, started_at, total_attempts,
     time_spent_seconds, best_score)
  select r.user_id, r.challenge_id, r.current_level, coalesce(r.levels_completed, '{}'),
    r.unlocked_at, r.started_at, r.total_attempts, r.time_spent_seconds, r.best_score
  from learn_internal.challenge_recounts r
  where r.user_id = any (p_user_ids)
  on conflict (user_id, challenge_id) do update
    set current_level = excluded.current_level, levels_completed = excluded.levels_completed,
      unlocked_at = coalesce(p.unlocked_at, excluded.unlocked_at),
      started_at = excluded.started_at, total_attempts = excluded.total_attempts,
      time_spent_seconds = excluded.time_spent_seconds, best_score = excluded.best_score;
  update learn.user_challenge_progress p
  set current_level = 0, levels_completed = '{}', started_at = null, total_attempts = 0,
    time_spent_seconds = 0, best_score = null
  where p.user_id = any (p_user_ids) and not exists (
    select from learn.level_attempts a
    where a.user_id = p.user_id and a.challenge_id = p.challenge_id);
  update learn.user_challenge_progress p
  set completed_at = c.completed_at
  from learn_internal.completion_facts c
  where c.user_id = any (p_user_ids) and c.activity_type = 'challenge_completed'
    and p.user_id = c.user_id and p.challenge_id::text = c.subject_id and p.completed_at is null;

  perform learn_internal.settle_courses(p_user_ids, (select array_agg(c.id) from learn.courses c));
  perform learn_internal.recount_tracks(p_user_ids, (select array_agg(t.id) from learn.tracks t));
  perform learn_internal.write_facts(array_agg(f::learn_internal.fact))
  from learn_internal.refresh_paths(
    p_user_ids, (select array_agg(p.id) from learn.learning_paths p)) f;
  perform learn_internal.write_facts(array_agg(f::learn_internal.fact))
  from learn_internal.refresh_difficulties(
    p_user_ids, (select array_agg(d.key) from learn.difficulties d)) f;

  -- Community
  perform learn_internal.recount_posts(p_user_ids);

  -- Certificates that are missing; those that are there stay as they were issued.
  perform learn_internal.issue_certificates(
    array_agg(p.user_id), array_agg(p.course_id), array_agg(p.completed_at))
  from learn.user_course_progress p
  where p.user_id = any (p_user_ids) and p.completed_at is not null;
end;
$$;
comment on function learn_internal.rebuild_users(uuid[]) is
  'Recomputes every projection of users from facts.';
revoke all on function learn_internal.rebuild_users(uuid[]) from public;

-- triggers/activity/process_activities.sql

-- When facts are written: the engine. Everything that a fact causes happens here, in this order,
-- for one fact or for a million: lock, streak, XP and level, metrics, achievements.
-- Earned achievements and new levels are facts too: they are written to the log and come through
-- here again, until nothing is new.
--
-- Costs do not depend on a user's history: counters are incremented, thresholds found by index.
-- Statements are small and the rare ones conditional, because for a single fact preparing a plan
-- to run costs more than running it.
-- Errors: LX001 a fact of an unknown activity type, or one that is malformed.
create or replace function learn_internal.process_activities()
returns trigger
language plpgsql
volatile
security definer                  -- a writer of facts need not be a writer of rewards
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan  -- plans by key, made once: see docs/engine.md
set enable_seqscan = off
set enable_mergejoin = off
set enable_hashjoin = off
set jit = off
as $$
declare
  v_gains         learn_internal.gain[];  -- per user: the XP of these facts
  v_user_ids      uuid[];              -- the same users; where it is needed
  -- what some of these facts cause, so that the rest is left out:
  v_causes        integer;             -- bits, see below
  v_is_capped     boolean := false;
  v_feeds_days    boolean := false;
  v_resets_runs   boolean := false;
  v_notifies      boolean := false;
  v_unknown       text;
  v_is_malformed  boolean;
  v_capped        jsonb;               -- what facts within a cap for the day pay, by their ids
  v_level         integer[];           -- per user, before these facts
  v_streak        integer[];
  v_active_days   integer[];
  v_day_user_ids  uuid[];
  v_days          date[];
  v_is_new_level  boolean;
  v_won           learn_internal.win[];  -- thresholds crossed
  v_earned_at     jsonb;               -- by user: when the latest of these facts occurred
begin
  -- Content is held as hold_content() does it, without the price of a call.
  lock table learn_internal.content_lock in row share mode;
  if current_setting('transaction_isolation') <> 'read committed' then
    perform learn_internal.hold_content();
  end if;

  -- 1. Lock the users' stats rows in key order, before anything else of theirs is read.
  -- The same statement tells what there is to do, from these rows and from what types can cause:
  -- 1 XP, 2 metrics, 4 what is rare (see below), 8 another day than the last active one,
  -- 16 a total of XP that means a level or an achievement, or a level that an easier curve has given
  -- and that is yet to be announced. Bits, since each aggregate has its price.
  select array_agg((f.user_id, f.xp)::learn_internal.gain), bit_or(f.causes
    | case when f.first_day < f.last_day or f.last_day <> f.last_activity_date
        or f.last_activity_date is null and f.last_day is not null then 8 else 0 end
    | case when f.xp <> 0 and (f.current_level > f.highest_level or exists (
        select from learn_internal.xp_marks m
        where m.xp > least(f.total_xp, f.total_xp + f.xp)
          and m.xp <= greatest(f.total_xp, f.total_xp + f.xp))) then 16 else 0 end)
  into v_gains, v_causes
  from (
    select c.*, s.total_xp, s.current_level, s.highest_level, s.last_activity_date
    from (
      select n.user_id, sum(coalesce(n.xp, t.pays)) as xp,
        min(n.local_date) filter (where n.is_qualifying) as first_day,
        max(n.local_date) filter (where n.is_qualifying) as last_day,
        bit_or(case when coalesce(n.xp, t.pays) <> 0 then 1 else 0 end
          | case when t.feeds_metrics then 2 else 0 end
          | case when t.key is null or t.is_capped or t.feeds_days or t.resets_runs or t.notifies
              or jsonb_typeof(n.properties) <> 'object'
              or (n.subject_type is null) <> (n.subject_id is null) then 4 else 0 end) as causes
      from new_facts n
      left join learn.activity_types t on t.key = n.activity_type
      group by n.user_id
    ) c
    join learn.user_stats s on s.user_id = c.user_id
    order by c.user_id
    for no key update of s
  ) f;
  if v_gains is null then
    -- statement triggers fire for zero rows too: without this they would call each other for ever
    return null;
  end if;
  if v_causes & 4 <> 0 then
    select bool_or(t.is_capped), bool_or(t.feeds_days), bool_or(t.resets_runs), bool_or(t.notifies),
      string_agg(distinct n.activity_type, ', ') filter (where t.key is null),
      bool_or(jsonb_typeof(n.properties) <> 'object'
        or (n.subject_type is null) <> (n.subject_id is null))
    into v_is_capped, v_feeds_days, v_resets_runs, v_notifies, v_unknown, v_is_malformed
    from new_facts n
    left join learn.activity_types t on t.key = n.activity_type;
    if v_unknown is not null then
      raise exception 'unknown activity type'
        using errcode = 'LX001', detail = v_unknown,
          hint = 'Add it to learn.activity_types first.';
    elsif v_is_malformed then
      raise exception 'a fact is malformed'
        using errcode = 'LX001', detail = (
          select format('properties = %s, subject_type = %L, subject_id = %L',
            n.properties, n.subject_type, n.subject_id)
          from new_facts n
          where jsonb_typeof(n.properties) <> 'object'
            or (n.subject_type is null) <> (n.subject_id is null)
          limit 1),
          hint = 'Properties are a JSON object; a subject has both a type and an id.';
    end if;
  end if;

  if v_causes & 28 <> 0 then
    v_user_ids := array(select g.user_id from unnest(v_gains) g order by g.user_id);
  end if;

  -- 2. Local active days move the streak.
  if v_causes & 8 <> 0 then
    select array_agg(d.user_id order by d.first_id), array_agg(d.local_date order by d.first_id)
    into v_day_user_ids, v_days
    from (
      select n.user_id, n.local_date, min(n.id) as first_id
      from new_facts n
      where n.is_qualifying
      group by n.user_id, n.local_date
    ) d
    where not exists (
      select from learn.user_activity_days a
      where a.user_id = d.user_id and a.activity_date = d.local_date and not a.is_freeze);
    if v_days is not null then
      select array_agg(s.longest_streak), array_agg(s.active_days) into v_streak, v_active_days
      from (
        select * from learn.user_stats l where l.user_id = any (v_user_ids) order by l.user_id
      ) s;
      perform learn_internal.advance_streaks(v_day_user_ids, v_days, learn.clock());
    end if;
  end if;

  -- 3. XP into the ledger: what the fact carries, else what the rule pays.
  if v_is_capped then
    -- Within a cap: less what the same type has paid this user for the same day,
    -- in the ledger and before in this statement. Ledger rows of a day are never older than it,
    -- which leaves older partitions and rows alone.
    select jsonb_object_agg(c.id, greatest(0, least(c.amount, c.daily_cap - c.earlier - c.before)))
    into v_capped
    from (
      select n.id, coalesce(n.xp, r.amount) as amount, r.daily_cap,
        sum(coalesce(n.xp, r.amount)) over (
          partition by n.user_id, n.activity_type, n.local_date
          order by n.id) - coalesce(n.xp, r.amount) as earlier,
        (
          select coalesce(sum(t.amount), 0)
          from learn.xp_transactions t
          where t.user_id = n.user_id and t.earned_on = n.local_date
            and t.activity_type = n.activity_type
            and t.amount > 0 and t.created_at >= n.local_date - interval '2 days'
        ) as before
      from new_facts n
      join learn.xp_rules r on r.activity_type = n.activity_type
      where r.daily_cap is not null and coalesce(n.xp, r.amount) > 0
    ) c;
    select array_agg((p.user_id, p.xp)::learn_internal.gain), v_causes | 16 into v_gains, v_causes
    from (
      select n.user_id,
        sum(coalesce((v_capped ->> n.id::text)::integer, n.xp, t.pays))::bigint as xp
      from new_facts n
      join learn.activity_types t on t.key = n.activity_type
      group by n.user_id
    ) p
    where p.user_id = any (v_user_ids);
  end if;

  if v_causes & 1 <> 0 then
    insert into learn.xp_transactions
      (user_id, amount, activity_type, source_type, source_id, description, earned_on, created_at)
    select p.user_id, p.amount, p.activity_type,
      case when p.is_told then p.properties ->> 'source_type' else p.activity_type end,
      case when p.is_told then p.properties ->> 'source_id' else p.subject_id end,
      case when p.is_told then p.properties ->> 'description' end,
      p.local_date, p.recorded_at
    from (
      select n.*,
        -- its caller names the source
        n.activity_type in ('xp_awarded', 'xp_reversed') as is_told,
        coalesce((v_capped ->> n.id::text)::integer, n.xp, t.pays) as amount
      from new_facts n
      join learn.activity_types t on t.key = n.activity_type
    ) p
    where p.amount <> 0;

    -- 4. The total and the level follow, and the achievements for these.
    if v_causes & 16 = 0 then
      update learn.user_stats s
      set total_xp = s.total_xp + g.xp
      from unnest(v_gains) g
      where s.user_id = g.user_id and g.xp <> 0;
    else
      select array_agg(s.highest_level) into v_level
      from (
        select * from learn.user_stats l where l.user_id = any (v_user_ids) order by l.user_id
      ) s;
      with credited as (
        update learn.user_stats s
        set total_xp = o.total_xp + g.xp,
          current_level = l.level,
          highest_level = greatest(o.highest_level, l.level)
        from unnest(v_gains) g
        join learn.user_stats o on o.user_id = g.user_id
        cross join lateral (
          select coalesce((
            select t.level from learn.level_thresholds t
            where t.min_xp <= o.total_xp + g.xp
            order by t.min_xp desc
            limit 1), 1) as level
        ) l
        where s.user_id = g.user_id and g.xp <> 0
        returning s.user_id, o.total_xp as old_xp, s.total_xp as new_xp,
          o.highest_level as old_level, s.highest_level as new_level
      )
      select bool_or(c.new_level > c.old_level),
        array_agg((c.user_id, t.achievement_id, jsonb_build_object(
          'metric', t.metric, 'scope', '', 'value', case t.metric when 'xp' then c.new_xp
            else c.new_level end))::learn_internal.win) filter (where t.metric is not null)
      into v_is_new_level, v_won
      from credited c
      left join learn_internal.achievement_thresholds t
        on t.scope = '' and (
          t.metric = 'xp' and t.threshold > c.old_xp and t.threshold <= c.new_xp
          or t.metric = 'level_reached' and t.threshold > c.old_level
            and t.threshold <= c.new_level);
    end if;
  end if;

  -- 5. Metrics count what happened.
  -- 6. The achievements whose thresholds that crosses are found by index.
  if v_causes & 2 <> 0 then
    -- (An amount is null where facts lack the property: the new value is null or the old one then.)
    with changed as (
      select t.user_id, t.metric, t.scope, coalesce(o.value, 0) as old_value,
        case when t.is_maximum then greatest(coalesce(o.value, 0), t.amount)
          else coalesce(o.value, 0) + t.amount end as new_value
      from (
        select f.user_id, f.metric, f.scope, f.aggregate = 'max' as is_maximum,
          case f.aggregate when 'max' then max(f.amount) else sum(f.amount) end::bigint as amount
        from (
          select n.user_id, m.metric, m.aggregate,
            coalesce(n.properties ->> m.scope_property, '') as scope,
            case when m.property is null then 1
              else learn_internal.number_property(n.properties, m.property) end as amount
          from new_facts n
          join learn_internal.metric_feeds m on m.activity_type = n.activity_type
          where n.properties @> m.filter
            and (m.aggregate <> 'run' or not v_resets_runs)
            and (m.scope_property is null or n.properties ->> m.scope_property <> '')
        ) f
        group by f.user_id, f.metric, f.scope, f.aggregate
      ) t
      left join learn.user_metrics o
        on o.user_id = t.user_id and o.metric = t.metric and o.scope = t.scope
    ), saved as (
      insert into learn.user_metrics (user_id, metric, scope, value)
      select c.user_id, c.metric, c.scope, c.new_value
      from changed c
      where c.new_value <> c.old_value
      on conflict (user_id, metric, scope) do update set value = excluded.value
    )
    select v_won || array_agg((
      c.user_id, t.achievement_id,
      jsonb_build_object('metric', c.metric, 'scope', c.scope, 'value', c.new_value)
    )::learn_internal.win)
    into v_won
    from changed c
    join learn_internal.achievement_thresholds t
      on t.metric = c.metric and t.scope = c.scope and t.threshold > c.old_value
        and t.threshold <= c.new_value;
  end if;

  if v_feeds_days then
    with new_days as (
      insert into learn_internal.user_metric_days (user_id, metric, scope, activity_date)
      select distinct n.user_id, m.key, s.scope, n.local_date
      from new_facts n
      join learn.metrics m on m.activity_type = n.activity_type and m.aggregate = 'distinct_days'
        and n.properties @> m.filter
      cross join lateral learn_internal.metric_scopes(n.properties, m.scope_property) s(scope)
      on conflict do nothing
      returning user_id, metric, scope
    ), changed as (
      select d.user_id, d.metric, d.scope, o.value as old_value, o.value + d.added as new_value
      from (
        select n.user_id, n.metric, n.scope, count(*) as added
        from new_days n
        group by n.user_id, n.metric, n.scope
      ) d
      cross join lateral (
        select coalesce((
          select u.value from learn.user_metrics u
          where u.user_id = d.user_id and u.metric = d.metric and u.scope = d.scope), 0) as value
      ) o
    ), saved as (
      insert into learn.user_metrics (user_id, metric, scope, value)
      select c.user_id, c.metric, c.scope, c.new_value from changed c
      on conflict (user_id, metric, scope) do update set value = excluded.value
    )
    select v_won || array_agg((
      c.user_id, t.achievement_id,
      jsonb_build_object('metric', c.metric, 'scope', c.scope, 'value', c.new_value)
    )::learn_internal.win)
    into v_won
    from changed c
    join learn_internal.achievement_thresholds t
      on t.metric = c.metric and t.scope = c.scope
        and t.threshold > c.old_value and t.threshold <= c.new_value;
  end if;

  if v_resets_runs then
    with events as (
      select n.user_id, m.key as metric, s.scope, n.id, false as is_reset
      from new_facts n
      join learn.metrics m on m.activity_type = n.activity_type
        and m.aggregate = 'run' and n.properties @> m.filter
      cross join lateral learn_internal.metric_scopes(n.properties, m.scope_property) s(scope)
      union all
      select n.user_id, m.key, s.scope, n.id, true
      from new_facts n
      join learn.metrics m on m.reset_activity_type = n.activity_type
        and n.properties @> m.reset_filter
      cross join lateral learn_internal.metric_scopes(n.properties, m.scope_property) s(scope)
    ), runs as (
      -- Run 0 goes on from before this statement, each reset starts another;
      -- the last one is the value that stays.
      select e.user_id, e.metric, e.scope, e.run, count(*) filter (where not e.is_reset) as length,
        e.run = max(e.run) over (partition by e.user_id, e.metric, e.scope) as is_last
      from (
        select v.*, count(*) filter (where v.is_reset) over (
          partition by v.user_id, v.metric, v.scope
          order by v.id, v.is_reset desc rows unbounded preceding) as run
        from events v
      ) e
      group by e.user_id, e.metric, e.scope, e.run
    ), changed as (
      select r.user_id, r.metric, r.scope, o.value as old_value,
        coalesce(
          sum(r.length) filter (where r.is_last and r.run > 0),
          o.value + sum(r.length) filter (where r.run = 0)) as new_value,
        greatest(
          o.value + coalesce(sum(r.length) filter (where r.run = 0), 0),
          max(r.length) filter (where r.run > 0)) as peak
      from runs r
      cross join lateral (
        select coalesce((
          select u.value from learn.user_metrics u
          where u.user_id = r.user_id and u.metric = r.metric and u.scope = r.scope), 0) as value
      ) o
      group by r.user_id, r.metric, r.scope, o.value
    ), saved as (
      insert into learn.user_metrics (user_id, metric, scope, value)
      select c.user_id, c.metric, c.scope, c.new_value
      from changed c
      where c.new_value <> c.old_value
      on conflict (user_id, metric, scope) do update set value = excluded.value
    )
    select v_won || array_agg((
      c.user_id, t.achievement_id,
      jsonb_build_object('metric', c.metric, 'scope', c.scope, 'value', c.peak)
    )::learn_internal.win)
    into v_won
    from changed c
    join learn_internal.achievement_thresholds t
      on t.metric = c.metric and t.scope = c.scope
        and t.threshold > c.old_value and t.threshold <= c.peak;
  end if;

  if v_days is not null then
    select v_won || array_agg((
      s.user_id, t.achievement_id,
      jsonb_build_object('metric', v.metric, 'scope', '', 'value', v.new_value)
    )::learn_internal.win)
    into v_won
    from unnest(v_user_ids, v_streak, v_active_days) b(user_id, streak, active_days)
    join learn.user_stats s on s.user_id = b.user_id
    cross join lateral (
      values
        ('current_streak', b.streak, s.longest_streak),
        ('active_days', b.active_days, s.active_days)
    ) v(metric, old_value, new_value)
    join learn_internal.achievement_thresholds t
      on t.metric = v.metric and t.scope = '' and t.threshold > v.old_value
        and t.threshold <= v.new_value;
  end if;

  -- 7. Users are told of what rules name.
  if v_notifies then
    perform learn_internal.notify_facts(array_agg(
      (n.user_id, n.id, n.activity_type, n.subject_type, n.subject_id,
        n.properties)::learn_internal.notice order by n.id))
    from new_facts n
    join learn.activity_types t on t.key = n.activity_type and t.notifies;
  end if;

  -- 8. What was reached is a fact too.
  if v_is_new_level or v_won is not null then
    select jsonb_object_agg(f.user_id, f.last_at) into v_earned_at
    from (
      select n.user_id, max(n.occurred_at) as last_at from new_facts n group by n.user_id
    ) f;
  end if;
  if v_is_new_level then
    insert into learn.activity_log
      (user_id, activity_type, subject_type, subject_id, properties,
       occurred_at, local_date, is_qualifying)
    select b.user_id, t.key, 'level', l.level::text, jsonb_build_object('level', l.level),
      e.at, (e.at at time zone u.timezone)::date, t.is_qualifying
    from unnest(v_user_ids, v_level) b(user_id, level)
    cross join lateral (select (v_earned_at ->> b.user_id::text)::timestamptz as at) e
    join learn.user_stats s on s.user_id = b.user_id
    join learn.users u on u.id = b.user_id
    join learn.activity_types t on t.key = 'level_reached'
    cross join lateral generate_series(b.level + 1, s.highest_level) l(level)
    order by b.user_id, l.level;
  end if;

  if v_won is not null then
    insert into learn.user_achievements (user_id, achievement_id, earned_at, evidence)
    select w.user_id, w.achievement_id, (v_earned_at ->> w.user_id::text)::timestamptz, w.evidence
    from unnest(v_won) w
    join learn.achievements a on a.id = w.achievement_id
    where (a.criteria ? 'metric' or learn_internal.satisfies_criteria(w.user_id, a.criteria))
      and not exists (
        select from learn.revoked_achievements r
        where r.user_id = w.user_id and r.achievement_id = w.achievement_id)
    order by w.user_id, a.display_order, w.achievement_id
    on conflict (user_id, achievement_id) do nothing;
  end if;
  return null;
end;
$$;
comment on function learn_internal.process_activities() is
  'The engine, a statement trigger: facts move streaks, pay XP, count in metrics '
  'and earn achievements.';
revoke all on function learn_internal.process_activities() from public;

create or replace trigger process_activities
  after insert on learn.activity_log
  referencing new table as new_facts
  for each statement
  execute function learn_internal.process_activities();
comment on trigger process_activities on learn.activity_log is
  'The engine: streaks, XP, levels, metrics, achievements.';

-- triggers/identity/register_users.sql

-- When users are made: each gets a stats row, and signing up is a fact. Several at once are an
-- import: what they earn by it, they are not notified of.
-- Errors: LX001 unknown time zone.
create or replace function learn_internal.register_users()
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
  v_quiet text := coalesce(current_setting('learn.quiet', true), '');
begin
  if not exists (select from new_users) then
    return null;
  end if;
  perform learn_internal.require_timezones(array_agg(distinct u.timezone)) from new_users u;

  insert into learn.user_stats (user_id)
  select u.id from new_users u order by u.id;

  if (select count(*) from new_users) > 1 then
    perform set_config('learn.quiet', 'on', true);
  end if;
  insert into learn.activity_log (user_id, activity_type, occurred_at, local_date, is_qualifying)
  select u.id, t.key, u.created_at, (u.created_at at time zone u.timezone)::date, t.is_qualifying
  from new_users u
  join learn.activity_types t on t.key = 'user_registered'
  order by u.id;
  perform set_config('learn.quiet', v_quiet, true);
  return null;
end;
$$;
comment on function learn_internal.register_users() is
  'Statement trigger: makes users'' stats rows and writes user_registered facts.';
revoke all on function learn_internal.register_users() from public;

create or replace trigger register_users
  after insert on learn.users
  referencing new table as new_users
  for each statement
  execute function learn_internal.register_users();
comment on trigger register_users on learn.users is
  'Makes stats rows and writes user_registered facts.';

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
  ) as recent_achievements,
  (select count(*) from learn.user_course_progress p where p.user_id = u.id) as courses_enrolled,
  (select count(*) from learn.user_course_progress p
    where p.user_id = u.id and p.completed_at is not null) as courses_completed,
  (
    select coalesce(jsonb_agg(jsonb_build_object(
        'slug', r.slug, 'title', r.title, 'completion_percentage', r.completion_percentage,
        'last_activity_at', r.last_activity_at)
      order by r.last_activity_at desc nulls last, r.course_id), '[]')
    from (
      select p.course_id, c.slug, learn.localized(c.translations, u.locale, 'title', c.title) as title,
        p.completion_percentage, p.last_activity_at
      from learn.user_course_progress p
      join learn.courses c on c.id = p.course_id and c.is_published
      where p.user_id = u.id and p.completed_at is null
      order by p.last_activity_at desc nulls last, p.course_id
      limit 5
    ) r
  ) as current_courses,
  (select count(*) from learn.user_challenge_progress p
    where p.user_id = u.id and p.completed_at is not null) as challenges_completed,
  (
    select coalesce(jsonb_object_agg(d.difficulty, d.percentage), '{}')
    from (
      select t.difficulty, coalesce(max(p.progress_percentage), 0) as percentage
      from learn.tracks t
      left join learn.user_track_progress p on p.user_id = u.id and p.track_id = t.id
      where t.is_published
      group by t.difficulty
    ) d
  ) as track_progress,
  (select count(*) from learn.notifications n
    where n.user_id = u.id and not n.is_read) as unread_notifications
from learn.users u
join learn.user_stats s on s.user_id = u.id
left join learn.avatars v on v.id = u.selected_avatar_id
left join learn.level_thresholds l on l.level = s.current_level
left join learn.level_thresholds n on n.level = s.current_level + 1;
comment on view learn.user_dashboard is
  'One row per user for a home page: XP, level, streak as of the user''s today, counts, '
  'the five newest achievements.';
comment on column learn.user_dashboard.xp_to_next_level is 'Null on the highest level.';
comment on column learn.user_dashboard.current_courses is
  'The five courses under way with the latest activity: [{"slug": "…", "title": "…", '
  '"completion_percentage": 40.00, "last_activity_at": "…"}, …], in the user''s language.';
comment on column learn.user_dashboard.track_progress is
  'Per difficulty of published tracks, the percentage of the track that is furthest: '
  '{"fundamentals": 40.00, "concepts": 0, …}.';
grant select on learn.user_dashboard to learn_app, learn_readonly;

reset role;
