-- How a shard takes what home tells of its learners (forwards.sql), and what it answers to calls that went through home.

set role learn_owner;

-- Refuses what this database does not know yet, so that it waits on home: content that has not come, or what a home of the
-- next release tells.
-- Errors: LX015.
create or replace function learn_shard.require_known(p_forwards jsonb)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_unknown text := (
    select string_agg(distinct case f.kind when 'fact' then 'a fact of the type ' || (f.payload ->> 'activity_type')
      when 'profile' then 'new columns of a profile' else 'something of the kind ' || f.kind end, ', ')
    from jsonb_to_recordset(p_forwards) f(kind text, payload jsonb)
    where case f.kind
      when 'fact' then not exists (select from learn.activity_types t where t.key = f.payload ->> 'activity_type')
      when 'profile' then exists (
        select from jsonb_each(f.payload) c
        where c.value <> 'null' and c.key not in (select a.attname from pg_attribute a where a.attrelid = 'learn.users'::regclass))
      else f.kind not in ('erase', 'merge') end);
begin
  if v_unknown is not null then
    raise exception 'home tells what this shard does not know yet'
      using errcode = 'LX015', detail = v_unknown,
        hint = 'It waits. Run `dbtool shards migrate` and `dbtool shards sync`, then call again.';
  end if;
end;
$$;
comment on function learn_shard.require_known(jsonb) is
  'Refuses what this database does not know yet, so that it waits on home (LX015).';

-- On a shard: takes what home tells of a learner, each thing once, in order. What a call of the learner's own earned is kept
-- as its answer, whoever delivers it. Returns how much was new.
-- Errors: LX015 what home tells is not known here yet.
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
  perform learn_shard.require_known(p_forwards);
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
    elsif f.kind = 'erase' then
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

-- On a shard, where a learner's new names are still another's: gives up those that home no longer says are the learner's, for
-- the moment until the new ones are taken. Learners who exchange theirs would wait for one another for ever.
create or replace function learn_shard.release_names(p_user_id uuid, p_forwards jsonb)
returns void
language plpgsql
volatile
security definer                  -- the proxy writes no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_names text[];
begin
  perform learn_internal.hold_content();
  perform from learn.user_stats s where s.user_id = p_user_id for no key update;
  v_names := array(
    select n.name
    from jsonb_to_recordset(p_forwards) f(id bigint, kind text, payload jsonb)
    cross join unnest('{username,email,evm_address,hedera_account_id}'::text[]) n(name)
    where f.kind = 'profile' and f.payload ? n.name and not exists (
      select from learn_shard.taken t
      where t.user_id = p_user_id and t.kind = 'profile' and t.forward_id >= f.id));
  update learn.users u
  set username = case when 'username' = any (v_names) then 'renamed ' || gen_random_uuid() else u.username end,
    email = case when 'email' <> all (v_names) then u.email end,
    evm_address = case when 'evm_address' <> all (v_names) then u.evm_address end,
    hedera_account_id = case when 'hedera_account_id' <> all (v_names) then u.hedera_account_id end
  where u.id = p_user_id and v_names <> '{}';
end;
$$;
comment on function learn_shard.release_names(uuid, jsonb) is
  'On a shard: gives up names that home no longer says are a learner''s, until it has told the new ones.';

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

grant execute on function learn_shard.take(uuid, jsonb), learn_shard.release_names(uuid, jsonb),
  learn_shard.answer(uuid, text, jsonb, jsonb), learn_shard.purge(timestamptz, bigint) to learn_router;

reset role;
