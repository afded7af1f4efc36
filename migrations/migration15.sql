-- Skills that learners put points into, assessments graded by the database, and learning sessions.

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
set search_path = ''
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

-- functions/operations/setting_flag.sql

-- Reads a switch from platform_settings.
-- Errors: LX003 no such setting.
create or replace function learn_internal.setting_flag(p_key text)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
declare
  v_value boolean;
begin
  select s.value::boolean into v_value
  from learn.platform_settings s
  where s.key = p_key and s.value_type = 'boolean';
  if not found then
    raise exception 'there is no setting % that is true or false', p_key
      using errcode = 'LX003', detail = format('p_key = %s', p_key),
        hint = 'The settings there are: select * from learn.platform_settings.';
  end if;
  return v_value;
end;
$$;
comment on function learn_internal.setting_flag(text) is
  'Value of a platform setting that is true or false.';
revoke all on function learn_internal.setting_flag(text) from public;

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
set search_path = ''
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
set search_path = ''
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
set search_path = ''
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
set search_path = ''
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
set search_path = ''
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
set search_path = ''
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
set search_path = ''
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
set search_path = ''
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
set search_path = ''
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

  if learn_internal.setting_flag('assessment_sets_skill_level') then
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
set search_path = ''
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
set search_path = ''
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
set search_path = ''
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
set search_path = ''
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
set search_path = ''
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
set search_path = ''
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

reset role;
