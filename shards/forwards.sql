-- What happens to learners on home (posts, votes, accepted solutions, changes of the profile, erasure, merging) and has to be
-- told to their shards: written in the transaction that it follows from, delivered by the proxy, taken once. Home's own
-- engine pays for it too, but nobody reads what home knows of XP.

set role learn_owner;

-- On home, when facts of the community are written. The proxy says whose call it is that writes them, and its key.
create or replace function learn_shard.tell_facts()
returns trigger
language plpgsql
volatile
security definer                  -- whoever posts writes no table of this schema
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into learn_shard.forwards (user_id, kind, payload, call_key)
  select n.user_id, 'fact', to_jsonb(n),
    case when n.user_id::text = current_setting('learn_shard.caller', true) then current_setting('learn_shard.key', true) end
  from new_rows n
  where n.subject_type in ('discussion', 'reply')
  order by n.id;
  return null;
end;
$$;
comment on function learn_shard.tell_facts() is 'Trigger on home: facts of the community are told to their learners'' shards.';

-- On home, when a profile changes: which columns. Their values are read when it is delivered, so that they are never old.
create or replace function learn_shard.tell_profile()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into learn_shard.forwards (user_id, kind, payload)
  select new.id, 'profile', jsonb_agg(n.key order by n.key)
  from jsonb_each(to_jsonb(new) - learn_shard.own_columns()) n
  join jsonb_each(to_jsonb(old)) o on o.key = n.key and o.value <> n.value
  having count(*) > 0;
  return null;
end;
$$;
comment on function learn_shard.tell_profile() is 'Trigger on home: what changes in a profile is told to the learner''s shard.';

create or replace function learn_shard.tell_erasure()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into learn_shard.forwards (user_id, kind, payload) values (old.id, 'erase', '{}');
  return null;
end;
$$;
comment on function learn_shard.tell_erasure() is 'Trigger on home: that a learner is erased is told to the shard.';

-- The columns of a profile that are each database's own.
create or replace function learn_shard.own_columns()
returns text[]
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
  select '{id,zone_number,zone_since,selected_avatar_id,last_login_at,last_active_at,created_at,updated_at}'::text[];
$$;
comment on function learn_shard.own_columns() is 'The columns of a profile that home does not tell a shard.';

-- On home: what has not been delivered, of one learner or of all, in order. Of all: not of those whose own call is under way,
-- perhaps, as its answer says what it earned.
create or replace function learn_shard.pending(p_user_id uuid, p_limit integer, p_older_than interval)
returns table (user_id uuid, forwards jsonb)
language plpgsql
stable
security definer                  -- the proxy reads no table
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set jit = off
as $$
begin
  return query
  select f.user_id, jsonb_agg(jsonb_build_object('id', f.id, 'kind', f.kind, 'key', f.call_key, 'payload', case
      when f.kind <> 'profile' then f.payload
      else (
        select jsonb_object_agg(c.key, c.value)
        from learn.users u cross join lateral jsonb_each(to_jsonb(u)) c
        where u.id = f.user_id and f.payload ? c.key) end) order by f.id)
  from (
    select w.* from learn_shard.forwards w
    where w.user_id = p_user_id or p_user_id is null and not exists (
      select from learn_shard.forwards o
      where o.user_id = w.user_id and o.call_key is not null and o.made_at > clock_timestamp() - p_older_than)
    order by w.id
    limit p_limit
  ) f
  group by f.user_id
  order by min(f.id);
end;
$$;
comment on function learn_shard.pending(uuid, integer, interval) is
  'On home: what learners'' shards have not been told yet, of one learner or of all.';

create or replace function learn_shard.forget(p_forwards jsonb)
returns void
language plpgsql
volatile
security definer                  -- the proxy writes no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
begin
  delete from learn_shard.forwards f
  where f.id in (select (e.value ->> 'id')::bigint from jsonb_array_elements(p_forwards) e);
end;
$$;
comment on function learn_shard.forget(jsonb) is 'On home: these have been delivered.';

-- On a shard: takes what home tells of a learner, each thing once, in order. What a call of the learner's own earned is kept
-- as its answer, whoever delivers it. Returns how much was new.
create or replace function learn_shard.take(p_user_id uuid, p_forwards jsonb)
returns integer
language plpgsql
volatile
security definer                  -- the proxy writes no table
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set jit = off
as $$
declare
  f       record;
  n       learn.activity_log;
  v_key   text;
  v_count integer := 0;
begin
  perform learn_shard.hold_for(p_forwards);
  perform from learn.user_stats s where s.user_id = p_user_id for no key update;
  for v_key in
    select x.key from jsonb_to_recordset(p_forwards) x(id bigint, key text)
    where x.key <> '' and exists (select from learn.users u where u.id = p_user_id)
    group by x.key order by min(x.id)
  loop
    perform learn_shard.answer(p_user_id, v_key, '{}', (
      select jsonb_agg(e.value) from jsonb_array_elements(p_forwards) e where e.value ->> 'key' = v_key));
  end loop;
  for f in
    select x.* from jsonb_to_recordset(p_forwards) x(id bigint, kind text, payload jsonb) order by x.id
  loop
    insert into learn_shard.taken (user_id, forward_id, kind) values (p_user_id, f.id, f.kind) on conflict do nothing;
    continue when not found;
    if not exists (select from learn.users u where u.id = p_user_id) then
      perform learn_shard.require_here(p_user_id);
      continue when f.kind <> 'merge';
    end if;
    v_count := v_count + 1;
    if f.kind = 'fact' then
      n := jsonb_populate_record(null::learn.activity_log, f.payload);
      perform learn_internal.write_facts(array[(p_user_id, n.activity_type, n.subject_type, n.subject_id, n.properties,
        n.xp, n.occurred_at)::learn_internal.fact]);
      insert into learn_internal.recorded_subjects (user_id, activity_type, subject_type, subject_id)
      select p_user_id, n.activity_type, 'discussion', n.properties ->> 'discussion_id'  -- as home remembers it
      where n.activity_type = 'solution_accepted'
      on conflict do nothing;
    elsif f.kind = 'profile' then
      perform learn_shard.take_profile(p_user_id, f.payload) where not exists (
        select from learn_shard.taken t where t.user_id = p_user_id and t.kind = 'profile' and t.forward_id > f.id);
    elsif f.kind = 'merge' then
      perform learn_shard.take_merge(p_user_id, f.payload);
    else
      perform learn.erase_user(p_user_id, 'keep');
      delete from learn_shard.answers a where a.user_id = p_user_id;
    end if;
  end loop;
  return v_count;
end;
$$;
comment on function learn_shard.take(uuid, jsonb) is
  'On a shard: takes what home tells of a learner, each thing once; returns how much was new.';

create or replace function learn_shard.take_profile(p_user_id uuid, p_profile jsonb)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_old learn.users;
  v_new learn.users;
begin
  select u.* into v_old from learn.users u where u.id = p_user_id;
  v_new := jsonb_populate_record(v_old, p_profile - learn_shard.own_columns());
  if v_new is distinct from v_old then
    update learn.users u
    set username = v_new.username, email = v_new.email, display_name = v_new.display_name,
      avatar_url = v_new.avatar_url, avatar_emoji = v_new.avatar_emoji, bio = v_new.bio, locale = v_new.locale,
      timezone = v_new.timezone, day_starts_at = v_new.day_starts_at, role = v_new.role,
      skill_level = v_new.skill_level, evm_address = v_new.evm_address,
      hedera_account_id = v_new.hedera_account_id, preferences = v_new.preferences, is_active = v_new.is_active,
      is_verified = v_new.is_verified, onboarding_completed = v_new.onboarding_completed,
      show_on_leaderboard = v_new.show_on_leaderboard
    where u.id = p_user_id;
  end if;
end;
$$;
comment on function learn_shard.take_profile(uuid, jsonb) is 'On a shard: what home says of a learner''s profile.';

-- On a shard: takes what home tells, and says what a call that went through home did for its caller. p_home: home's
-- answer, of which what was made (the id of a post) is kept; p_key: the call's idempotency key.
create or replace function learn_shard.answer(p_user_id uuid, p_key text, p_home jsonb, p_forwards jsonb)
returns learn.award_summary
language plpgsql
volatile
security definer                  -- the proxy writes no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_call    learn_internal.call;
  v_summary learn.award_summary;
  v_kept    jsonb;
  v_own     jsonb;
  v_others  jsonb;
begin
  perform learn_shard.hold_for(p_forwards);
  select coalesce(jsonb_agg(e.value - 'key') filter (where x.is_own), '[]'),
    coalesce(jsonb_agg(e.value) filter (where not x.is_own), '[]')
  into v_own, v_others
  from jsonb_array_elements(p_forwards) e
  cross join lateral (
    select e.value ->> 'kind' = 'merge' or e.value ->> 'key' is not distinct from coalesce(p_key, '') as is_own) x;
  perform learn_shard.take(p_user_id, v_others) where v_others <> '[]';  -- which is not what this call did
  select s.total_xp, s.current_level into v_call.total_xp, v_call.current_level
  from learn.user_stats s where s.user_id = p_user_id for no key update;
  perform learn_internal.require_user(p_user_id);
  v_call.user_id := p_user_id;
  v_call.last_achievement := coalesce(pg_sequence_last_value('learn.user_achievements_id_seq'), 0);
  v_call.last_unlock := coalesce(pg_sequence_last_value('learn.user_level_unlocks_id_seq'), 0);
  v_call.last_challenge := coalesce(pg_sequence_last_value('learn.user_challenge_progress_id_seq'), 0);
  v_call.today := (
    select (learn.clock() at time zone u.timezone - u.day_starts_at)::date from learn.users u where u.id = p_user_id);
  perform learn_shard.take(p_user_id, v_own) where v_own <> '[]';
  select a.response into v_kept from learn_shard.answers a where a.user_id = p_user_id and a.key = p_key;
  if found then
    v_summary := jsonb_populate_record(null::learn.award_summary, v_kept);
  else
    v_summary := learn_internal.summarize(v_call);
  end if;
  v_summary.unlocked := v_summary.unlocked || coalesce((
    select jsonb_object_agg(h.key, h.value)
    from jsonb_each(p_home -> 'unlocked') h
    where h.key not in ('levels', 'challenges', 'avatars')), '{}');
  v_summary.replayed := (p_home ->> 'replayed')::boolean;
  if v_kept is null and p_key is not null then
    insert into learn_shard.answers (user_id, key, response) values (p_user_id, p_key, to_jsonb(v_summary));
  end if;
  return v_summary;
end;
$$;
comment on function learn_shard.answer(uuid, text, jsonb, jsonb) is
  'On a shard: takes what home tells, and says what the call did for its caller.';

-- On a shard: forgets what nobody asks for again: what it was told, the oldest that home still has to tell (null: nothing) and
-- what comes later excepted, what it has answered, and who had come or must not come. A part at a time. Returns how much.
create or replace function learn_shard.purge(p_before timestamptz, p_oldest bigint)
returns bigint
language plpgsql
volatile
security definer                  -- the proxy writes no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_count bigint;
  v_sum   bigint := 0;
begin
  delete from learn_shard.taken t
  where t.ctid = any (array(
    select o.ctid from learn_shard.taken o
    where o.taken_at < p_before and (p_oldest is null or o.forward_id < p_oldest) order by o.taken_at limit 10000));
  get diagnostics v_sum = row_count;
  delete from learn_shard.answers t
  where t.ctid = any (array(
    select o.ctid from learn_shard.answers o where o.made_at < p_before order by o.made_at limit 10000));
  get diagnostics v_count = row_count;
  v_sum := v_sum + v_count;
  delete from learn_shard.seats t
  where t.ctid = any (array(
    select o.ctid from learn_shard.seats o where o.made_at < p_before order by o.made_at limit 10000));
  get diagnostics v_count = row_count;
  return v_sum + v_count;
end;
$$;
comment on function learn_shard.purge(timestamptz, bigint) is
  'On a shard: forgets what it was told and has answered before a time; returns how much.';

-- On home: the oldest of what shards have not been told.
create or replace function learn_shard.oldest_forward()
returns bigint
language sql
stable
security definer                  -- the proxy reads no table
set search_path = pg_catalog, pg_temp
as $$
  select min(f.id) from learn_shard.forwards f
$$;
comment on function learn_shard.oldest_forward() is 'On home: the oldest of what shards have not been told.';

grant execute on function learn_shard.purge(timestamptz, bigint), learn_shard.oldest_forward() to learn_router;
grant execute on function learn_shard.pending(uuid, integer, interval), learn_shard.forget(jsonb), learn_shard.take(uuid, jsonb),
  learn_shard.answer(uuid, text, jsonb, jsonb) to learn_router;

reset role;
