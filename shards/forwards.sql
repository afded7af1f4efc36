-- What happens to learners on home (posts, votes, accepted solutions, changes of the profile, erasure, merging) and has to be
-- told to their shards: written in the transaction that it follows from, delivered by the proxy, taken once (taking.sql). Home's
-- own engine pays for it too, but nobody reads what home knows of XP.

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

grant execute on function learn_shard.pending(uuid, integer, interval), learn_shard.forget(jsonb),
  learn_shard.oldest_forward() to learn_router;

reset role;
