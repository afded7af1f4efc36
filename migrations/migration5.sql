-- achievements: badges and avatars, their criteria as data, and the index that finds
-- what a counter has crossed.

set role learn_owner;

create table learn.avatars (
  id            bigint generated always as identity primary key,
  slug          text not null,
  name          text not null,
  description   text not null default '',
  image_url     text not null,
  rarity        text not null default 'common',
  is_default    boolean not null default false,
  display_order integer not null default 0,
  constraint avatars_slug_is_unique unique (slug),
  constraint avatars_name_is_unique unique (name),
  constraint slug_is_a_slug check (slug ~ '^[a-z0-9]+([-_.][a-z0-9]+)*$'),
  constraint rarity_is_known check (rarity in ('common', 'rare', 'epic', 'legendary'))
);
comment on table learn.avatars is
  'Pictures a user may select: default ones belong to everyone, others are unlocked.';
grant select on learn.avatars to learn_app, learn_readonly;

create table learn.achievements (
  id                  bigint generated always as identity primary key,
  slug                text not null,
  name                text not null,
  description         text not null default '',
  icon                text,
  category            text not null default 'general',
  system              text not null default 'core',
  rarity              text not null default 'common',
  criteria            jsonb not null,
  xp_reward           integer not null default 0,
  unlocks_avatar_id   bigint references learn.avatars on delete set null,
  display_order       integer not null default 0,
  is_hidden           boolean not null default false,
  is_active           boolean not null default true,
  criteria_changed_at timestamptz not null default learn.clock(),
  created_at          timestamptz not null default learn.clock(),
  constraint achievements_slug_is_unique unique (slug),
  constraint slug_is_a_slug check (slug ~ '^[a-z0-9]+([-_.][a-z0-9]+)*$'),
  constraint name_is_not_blank check (name ~ '\S'),
  constraint rarity_is_known check (rarity in ('common', 'rare', 'epic', 'legendary')),
  constraint xp_reward_is_not_negative check (xp_reward >= 0)
);
comment on table learn.achievements is
  'Badges. A new one applies to what happens from then on; backfill_achievement() '
  'grants it for what has happened.';
comment on column learn.achievements.criteria is
  '{"metric": m, "scope": s?, "at_least": n} | {"all": [c…]} | {"any": [c…]} | '
  '{"at_least": k, "of": [c…]}; anything else is refused (LX011).';
comment on column learn.achievements.system is 'The product that it belongs to, or core.';
comment on column learn.achievements.is_hidden is 'Shown to a user only once earned.';
create index achievements_unlocks_avatar on learn.achievements (unlocks_avatar_id)
  where unlocks_avatar_id is not null;
create index achievements_criteria on learn.achievements using gin (criteria);
grant select on learn.achievements to learn_app, learn_readonly;

create table learn_internal.achievement_thresholds (
  metric         text not null references learn.metrics,
  scope          text not null,
  threshold      bigint not null,
  achievement_id bigint not null references learn.achievements on delete cascade,
  is_sole        boolean not null,
  primary key (metric, scope, threshold, achievement_id)
);
comment on table learn_internal.achievement_thresholds is
  'The leaves of active achievements'' criteria, so that the ones '
  'a counter crosses are found by index.';
comment on column learn_internal.achievement_thresholds.is_sole is
  'The leaf is the whole criterion: crossing it earns the achievement.';
create index achievement_thresholds_achievement
  on learn_internal.achievement_thresholds (achievement_id);

create table learn_internal.xp_marks (
  xp bigint primary key
);
comment on table learn_internal.xp_marks is
  'Totals of XP at which something happens: a level begins or an achievement asks for them. '
  'Kept by triggers, so that the engine need look in one place to see that nothing does.';
insert into learn_internal.xp_marks (xp) select t.min_xp from learn.level_thresholds t;

create table learn.user_achievements (
  user_id        uuid not null references learn.users on delete cascade,
  achievement_id bigint not null references learn.achievements on delete cascade,
  id             bigint generated always as identity,
  earned_at      timestamptz not null default learn.clock(),
  evidence       jsonb not null default '{}',
  primary key (user_id, achievement_id),
  constraint user_achievements_are_in_order unique (user_id, id)
);
comment on table learn.user_achievements is
  'Achievements a user has earned. Sticky: only revoke_achievement() takes one away.';
comment on column learn.user_achievements.evidence is
  'The metric and value that earned it, or who granted it.';
create index user_achievements_achievement on learn.user_achievements (achievement_id, user_id);
grant select on learn.user_achievements to learn_app, learn_readonly;

create type learn_internal.gain as (user_id uuid, xp bigint);
comment on type learn_internal.gain is 'What facts pay a user.';

create type learn_internal.win as (user_id uuid, achievement_id bigint, evidence jsonb);
comment on type learn_internal.win is 'A threshold that a user has crossed, and by what.';

create table learn.revoked_achievements (
  user_id        uuid not null references learn.users on delete cascade,
  achievement_id bigint not null references learn.achievements on delete cascade,
  reason         text not null,
  revoked_at     timestamptz not null default learn.clock(),
  primary key (user_id, achievement_id)
);
comment on table learn.revoked_achievements is
  'Achievements taken away: not earned again by themselves, only by grant_achievement().';
create index revoked_achievements_achievement
  on learn.revoked_achievements (achievement_id, user_id);
grant select on learn.revoked_achievements to learn_app, learn_readonly;

create table learn.user_avatars (
  user_id     uuid not null references learn.users on delete cascade,
  avatar_id   bigint not null references learn.avatars on delete cascade,
  unlocked_at timestamptz not null default learn.clock(),
  primary key (user_id, avatar_id)
);
comment on table learn.user_avatars is
  'Avatars a user has unlocked; default avatars belong to everyone without a row.';
create index user_avatars_avatar on learn.user_avatars (avatar_id, user_id);
grant select on learn.user_avatars to learn_app, learn_readonly;

-- lint: ignore adding-foreign-key-constraint, constraint-missing-not-valid because 0.1.0 is the first release: the table is empty yet
alter table learn.users add constraint users_selected_avatar_id_fkey
  foreign key (selected_avatar_id) references learn.avatars on delete set null;

-- views/achievements/reward_values.sql
-- The values that achievements are measured by: metrics, and the columns of user_stats that count
-- as metrics. A streak counts at its longest and a level at its highest, since an achievement,
-- once deserved, stays so.
create or replace view learn_internal.reward_values as
select m.user_id, m.metric, m.scope, m.value
from learn.user_metrics m
union all
select s.user_id, 'xp', '', s.total_xp from learn.user_stats s
union all
select s.user_id, 'level_reached', '', s.highest_level from learn.user_stats s
union all
select s.user_id, 'current_streak', '', s.longest_streak from learn.user_stats s
union all
select s.user_id, 'active_days', '', s.active_days from learn.user_stats s;
comment on view learn_internal.reward_values is
  'Value of every metric of every user, those kept in user_stats included.';

-- views/achievements/deserved_achievements.sql
-- Achievements that users' metrics deserve and that they neither have nor were deprived of:
-- by the one condition that is the whole criterion, or (is_sole is false) by one of several,
-- so that satisfies_criteria() has to be asked.
create or replace view learn_internal.deserved_achievements as
select v.user_id, t.achievement_id, t.is_sole, a.criteria, a.slug, a.criteria_changed_at,
  t.metric, t.scope, t.threshold,
  jsonb_build_object('metric', v.metric, 'scope', v.scope, 'value', v.value) as evidence
from learn_internal.achievement_thresholds t
join learn.achievements a on a.id = t.achievement_id
join learn_internal.reward_values v
  on v.metric = t.metric and v.scope = t.scope and v.value >= t.threshold
where not exists (
  select from learn.user_achievements u
  where u.user_id = v.user_id and u.achievement_id = t.achievement_id)
  and not exists (
  select from learn.revoked_achievements r
  where r.user_id = v.user_id and r.achievement_id = t.achievement_id);
comment on view learn_internal.deserved_achievements is
  'Achievements that users'' metrics deserve and that they do not have.';

-- functions/achievements/count_problem.sql
-- What is wrong with a count in criteria: it must be a whole number
-- of at least 1 that fits a bigint.
create or replace function learn_internal.count_problem(p_count jsonb, p_path text)
returns text
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select case
    when jsonb_typeof(p_count) is distinct from 'number' then p_path || ' is not a number'
    when p_count::numeric <> trunc(p_count::numeric) then p_path || ' is not a whole number'
    when p_count::numeric < 1 then p_path || ' is less than 1'
    when p_count::numeric > 9223372036854775807 then p_path || ' is too large'
  end;
$$;
comment on function learn_internal.count_problem(jsonb, text) is
  'What is wrong with a count in criteria, in words; null when nothing is.';
revoke all on function learn_internal.count_problem(jsonb, text) from public;

-- functions/achievements/criteria_problem.sql
-- What is wrong with an achievement's criteria; null when nothing is.
create or replace function learn_internal.criteria_problem(
  p_criteria jsonb, p_path text default '$'
)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_keys    text[];
  v_list    text;
  v_metric  learn.metrics;
  v_child   record;
  v_problem text;
begin
  if length(p_path) > 200 then
    return 'criteria are nested too deeply';
  end if;
  if p_criteria is null or jsonb_typeof(p_criteria) <> 'object' then
    return p_path || ' is not an object';
  end if;
  select array_agg(k order by k) into v_keys from jsonb_object_keys(p_criteria) k;

  if v_keys in ('{at_least,metric}', '{at_least,metric,scope}') then
    if jsonb_typeof(p_criteria -> 'metric') <> 'string' then
      return p_path || '.metric is not a string';
    end if;
    select m.* into v_metric from learn.metrics m where m.key = p_criteria ->> 'metric';
    if not found then
      return format('%s.metric: there is no metric %s', p_path, p_criteria ->> 'metric');
    end if;
    if p_criteria ? 'scope' then
      if jsonb_typeof(p_criteria -> 'scope') <> 'string' then
        return p_path || '.scope is not a string';
      end if;
      if v_metric.scope_property is null and p_criteria ->> 'scope' <> '' then
        return format('%s.scope: the metric %s has no scopes', p_path, v_metric.key);
      end if;
    end if;
    return learn_internal.count_problem(p_criteria -> 'at_least', p_path || '.at_least');
  end if;

  v_list := case
    when v_keys = '{all}' then 'all'
    when v_keys = '{any}' then 'any'
    when v_keys = '{at_least,of}' then 'of'
  end;
  if v_list is null then
    return format('%s has the keys (%s)', p_path, array_to_string(v_keys, ', '));
  end if;
  if jsonb_typeof(p_criteria -> v_list) <> 'array'
    or jsonb_array_length(p_criteria -> v_list) = 0 then
    return format('%s.%s is not a list with something in it', p_path, v_list);
  end if;
  if v_list = 'of' then
    v_problem := learn_internal.count_problem(p_criteria -> 'at_least', p_path || '.at_least');
    if v_problem is not null then
      return v_problem;
    end if;
    if (p_criteria ->> 'at_least')::numeric > jsonb_array_length(p_criteria -> 'of') then
      return format('%s.at_least is more than there are in the list', p_path);
    end if;
  end if;
  for v_child in
    select c.value, c.position
    from jsonb_array_elements(p_criteria -> v_list) with ordinality c(value, position)
  loop
    v_problem := learn_internal.criteria_problem(
      v_child.value, format('%s.%s[%s]', p_path, v_list, v_child.position - 1));
    if v_problem is not null then
      return v_problem;
    end if;
  end loop;
  return null;
end;
$$;
comment on function learn_internal.criteria_problem(jsonb, text) is
  'What is wrong with an achievement''s criteria, in words; null when nothing is.';
revoke all on function learn_internal.criteria_problem(jsonb, text) from public;

-- functions/achievements/criteria_leaves.sql
-- The conditions on single metrics in an achievement's criteria.
create or replace function learn_internal.criteria_leaves(p_criteria jsonb)
returns table (metric text, scope text, threshold bigint, is_sole boolean)
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
  with recursive nodes(node, is_root) as (
    select p_criteria, true
    union all
    select c.value, false
    from nodes n
    cross join lateral jsonb_array_elements(
      coalesce(n.node -> 'all', n.node -> 'any', n.node -> 'of')) c
    where not n.node ? 'metric'
  )
  select n.node ->> 'metric', coalesce(n.node ->> 'scope', ''),
    (n.node ->> 'at_least')::numeric::bigint, n.is_root
  from nodes n
  where n.node ? 'metric';
$$;
comment on function learn_internal.criteria_leaves(jsonb) is
  'The conditions on single metrics in an achievement''s criteria.';
revoke all on function learn_internal.criteria_leaves(jsonb) from public;

-- functions/achievements/satisfies_criteria.sql
-- Whether a user's metrics satisfy criteria.
create or replace function learn_internal.satisfies_criteria(p_user_id uuid, p_criteria jsonb)
returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_children  jsonb := coalesce(p_criteria -> 'all', p_criteria -> 'any', p_criteria -> 'of');
  v_satisfied integer;
begin
  if p_criteria ? 'metric' then
    return exists (
      select from learn_internal.reward_values v
      where v.user_id = p_user_id and v.metric = p_criteria ->> 'metric'
        and v.scope = coalesce(p_criteria ->> 'scope', '')
        and v.value >= (p_criteria ->> 'at_least')::numeric::bigint);
  end if;
  select count(*) into v_satisfied
  from jsonb_array_elements(v_children) c
  where learn_internal.satisfies_criteria(p_user_id, c.value);
  return v_satisfied >= case
    when p_criteria ? 'all' then jsonb_array_length(v_children)
    when p_criteria ? 'any' then 1
    else (p_criteria ->> 'at_least')::numeric::integer
  end;
end;
$$;
comment on function learn_internal.satisfies_criteria(uuid, jsonb) is
  'Whether a user''s metrics satisfy an achievement''s criteria.';
revoke all on function learn_internal.satisfies_criteria(uuid, jsonb) from public;

-- functions/xp/note_xp_marks.sql
-- When levels or the thresholds of achievements change: the totals of XP at which something happens
-- are noted in one place, where the engine sees at a glance that nothing does.
create or replace function learn_internal.note_xp_marks()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  with marks as (
    select t.min_xp as xp from learn.level_thresholds t
    union
    select t.threshold from learn_internal.achievement_thresholds t
    where t.metric = 'xp' and t.scope = ''
  ), gone as (
    delete from learn_internal.xp_marks o
    where not exists (select from marks m where m.xp = o.xp)
  )
  insert into learn_internal.xp_marks (xp)
  select m.xp from marks m
  on conflict do nothing;
  return null;
end;
$$;
comment on function learn_internal.note_xp_marks() is
  'Statement trigger: notes the totals of XP at which something happens.';
revoke all on function learn_internal.note_xp_marks() from public;

-- triggers/xp/level_thresholds_marks.sql
-- When the level curve changes: the totals of XP at which something happens are noted anew.
create or replace trigger level_thresholds_marks
  after insert or update or delete or truncate on learn.level_thresholds
  for each statement
  execute function learn_internal.note_xp_marks();
comment on trigger level_thresholds_marks on learn.level_thresholds is
  'Notes the totals of XP at which something happens.';

-- triggers/achievements/achievement_thresholds_marks.sql
-- When thresholds of achievements change: the totals of XP at which something happens
-- are noted anew.
create or replace trigger achievement_thresholds_marks
  after insert or update or delete or truncate on learn_internal.achievement_thresholds
  for each statement
  execute function learn_internal.note_xp_marks();
comment on trigger achievement_thresholds_marks on learn_internal.achievement_thresholds is
  'Notes the totals of XP at which something happens.';

-- triggers/achievements/achievements_change.sql
-- When the rules of achievements change: learners wait.
create or replace trigger achievements_change
  before insert or update of criteria, is_active or delete on learn.achievements
  for each statement
  execute function learn_internal.change_content();
comment on trigger achievements_change on learn.achievements is 'A change has learners wait.';

-- triggers/achievements/check_criteria.sql
-- When an achievement is written: its criteria must make sense, and a change of the rule is dated.
-- Errors: LX011 criteria are not of the grammar, or name an unknown metric.
create or replace function learn_internal.check_criteria()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_problem text := learn_internal.criteria_problem(new.criteria);
begin
  if v_problem is not null then
    raise exception 'invalid criteria of achievement %', new.slug
      using errcode = 'LX011', detail = v_problem,
        hint = 'Criteria are {"metric": m, "scope": s?, "at_least": n}, {"all": […]}, '
          '{"any": […]} or {"at_least": k, "of": […]}; metrics are rows of learn.metrics.';
  end if;
  if tg_op = 'INSERT' or new.criteria <> old.criteria or new.is_active and not old.is_active then
    new.criteria_changed_at := learn.clock();
  end if;
  return new;
end;
$$;
comment on function learn_internal.check_criteria() is
  'Row trigger: validates an achievement''s criteria (LX011).';
revoke all on function learn_internal.check_criteria() from public;

create or replace trigger check_criteria
  before insert or update of criteria, is_active on learn.achievements
  for each row
  execute function learn_internal.check_criteria();
comment on trigger check_criteria on learn.achievements is 'Validates the criteria (LX011).';

-- triggers/achievements/index_criteria.sql
-- When an achievement is written: its thresholds are indexed, or taken out of the index
-- while it is inactive.
create or replace function learn_internal.index_criteria()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  delete from learn_internal.achievement_thresholds t where t.achievement_id = new.id;
  if new.is_active then
    insert into learn_internal.achievement_thresholds
      (metric, scope, threshold, achievement_id, is_sole)
    select distinct l.metric, l.scope, l.threshold, new.id, l.is_sole
    from learn_internal.criteria_leaves(new.criteria) l;
  end if;
  return null;
end;
$$;
comment on function learn_internal.index_criteria() is
  'Row trigger: indexes the thresholds of an active achievement.';
revoke all on function learn_internal.index_criteria() from public;

create or replace trigger index_criteria
  after insert or update of criteria, is_active on learn.achievements
  for each row
  execute function learn_internal.index_criteria();
comment on trigger index_criteria on learn.achievements is
  'Indexes the thresholds of an active achievement.';

-- triggers/achievements/announce_achievements.sql
-- When achievements are earned: their avatars are unlocked, and earning them is a fact,
-- which pays their XP.
create or replace function learn_internal.announce_achievements()
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
begin
  if not exists (select from earned) then
    return null;
  end if;

  insert into learn.user_avatars (user_id, avatar_id, unlocked_at)
  select e.user_id, a.unlocks_avatar_id, e.earned_at
  from earned e
  join learn.achievements a on a.id = e.achievement_id
  where a.unlocks_avatar_id is not null
  order by e.user_id, a.unlocks_avatar_id
  on conflict do nothing;

  insert into learn.activity_log
    (user_id, activity_type, subject_type, subject_id, properties, xp,
     occurred_at, local_date, is_qualifying)
  select e.user_id, 'achievement_earned', 'achievement', a.slug,
    jsonb_build_object(
      'achievement_id', a.id, 'category', a.category, 'rarity', a.rarity, 'system', a.system),
    a.xp_reward, e.earned_at, (e.earned_at at time zone u.timezone)::date, false
  from earned e
  join learn.achievements a on a.id = e.achievement_id
  join learn.users u on u.id = e.user_id
  where not e.evidence ? 'is_restored'  -- rebuilt from the fact that is there
  order by e.user_id, e.id;
  return null;
end;
$$;
comment on function learn_internal.announce_achievements() is
  'Statement trigger: unlocks the avatars of earned achievements and writes '
  'achievement_earned facts.';
revoke all on function learn_internal.announce_achievements() from public;

create or replace trigger announce_achievements
  after insert on learn.user_achievements
  referencing new table as earned
  for each statement
  execute function learn_internal.announce_achievements();
comment on trigger announce_achievements on learn.user_achievements is
  'Unlocks avatars and writes achievement_earned facts.';

reset role;
