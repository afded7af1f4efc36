-- What the proxy has besides the functions that are generated from home's catalog: the map of learners to shards, and the
-- public functions that are more than one call. It keeps no learner's data. Installed by `dbtool shards`, again after each
-- migration; who installs it may make functions in plproxy: a superuser.
-- A learner is in a bucket by the hash of the id, a bucket on a shard by learn_proxy.buckets. Each routed call commits there by
-- itself, whatever the transaction on the proxy does later.

set role learn_owner;
comment on schema learn is 'Laurel''s public functions, which are answered by the databases behind this proxy.';

-- What a learner is found by: PL/Proxy takes as many bits of it as there are buckets. Who comes while the bucket is moved
-- waits on the shard, and is told to come again: see guards.sql. No search_path, so that it is inlined into each call.
create or replace function learn_proxy.bucket_of(p_user_id uuid)
returns integer
language sql
immutable
as $$
  select coalesce(pg_catalog.uuid_hash(p_user_id), 0)
$$;
comment on function learn_proxy.bucket_of(uuid) is 'What a learner is found by.';

-- Brings the foreign servers, by which PL/Proxy finds the databases, to what the tables say.
create or replace function learn_proxy.write_servers()
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_server record;
begin
  for v_server in
    select w.server, string_agg(format('set p%s %L', w.part, w.value), ', ' order by w.part) as options
    from (
      select 'laurel_shards' as server, b.bucket as part, s.connection as value
      from learn_proxy.buckets b
      join learn_proxy.shards s on s.number = b.shard
      union all
      select 'laurel_reads', b.bucket, coalesce(s.standby, s.connection)
      from learn_proxy.buckets b
      join learn_proxy.shards s on s.number = b.shard
      union all
      select 'laurel_home', 0, s.connection from learn_proxy.shards s where s.number = 0
    ) w
    where not exists (
      select from pg_foreign_server f
      cross join lateral pg_options_to_table(f.srvoptions) o
      where f.srvname = w.server and o.option_name = 'p' || w.part and o.option_value = w.value)
    group by w.server
  loop
    execute format('alter server %I options (%s)', v_server.server, v_server.options);
  end loop;
end;
$$;
comment on function learn_proxy.write_servers() is
  'Brings the foreign servers, by which PL/Proxy finds the databases, to what the tables say.';

-- Makes a learner: the names are claimed on home, the learner is made on the shard, the claim is confirmed. A crash leaves
-- a claim, which the next call that wants one of its names settles, or drain().
-- Errors: as on one database; LX015 it took too long, or learners are being moved: nothing was registered.
create or replace function learn.register_user(
  p_username     text,
  p_email        text default null,
  p_timezone     text default 'UTC',
  p_locale       text default 'en',
  p_display_name text default null
)
returns uuid
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_id uuid := gen_random_uuid();
begin
  begin
    perform learn_proxy.claim_user(v_user_id, p_username, p_email, p_timezone, p_locale, p_display_name);
  exception
    when sqlstate 'LX001' then
      -- taken, perhaps, by somebody whose registration was cut off
      if not learn_proxy.settle_claims('30 seconds', p_username, p_email) then
        raise;
      end if;
      perform learn_proxy.claim_user(v_user_id, p_username, p_email, p_timezone, p_locale, p_display_name);
  end;
  begin
    begin
      perform learn_proxy.add_user(v_user_id, p_username, p_email, p_timezone, p_locale, p_display_name);
    exception
      when sqlstate 'LX001' then  -- a name that was given up on home: the shard has not heard of it
        perform learn_proxy.deliver(null, 1000, '0');
        perform learn_proxy.add_user(v_user_id, p_username, p_email, p_timezone, p_locale, p_display_name);
    end;
  exception
    when sqlstate 'LX001' or sqlstate 'LX015' or lock_not_available or deadlock_detected or serialization_failure then
      perform learn_proxy.unclaim_user(v_user_id);  -- the shard has said that it has not taken the learner
      raise;
  end;
  perform learn_proxy.confirm_user(v_user_id);
  return v_user_id;
end;
$$;
comment on function learn.register_user(text, text, text, text, text) is
  'Makes a user and returns the id. Time zone: an IANA name; locale: a language tag.';
grant execute on function learn.register_user(text, text, text, text, text) to learn_app;

-- Settles claims older than a bound: confirmed where the shard has the learner, else the shard never takes it, and the
-- names are free again. Returns whether names are free again.
create or replace function learn_proxy.settle_claims(p_older_than interval, p_username text, p_email text)
returns boolean
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_id uuid;
  v_is_free boolean := false;
begin
  for v_user_id in select c from learn_proxy.old_claims(p_older_than, p_username, p_email) c loop
    if learn_proxy.has_or_refuse(v_user_id) then
      perform learn_proxy.confirm_user(v_user_id);
    elsif learn_proxy.unclaim_user(v_user_id) then
      v_is_free := true;
    end if;
  end loop;
  return v_is_free;
end;
$$;
comment on function learn_proxy.settle_claims(interval, text, text) is
  'Settles claims older than a bound, of all or of those that hold one of these names; whether names are free again.';

-- The bucket of the learner who has what is named: a certificate by its number or code, a transaction by its id. Of what no
-- shard knows it is any: that shard says so.
create or replace function learn_proxy.bucket_with(p_what text, p_value text)
returns integer
language sql
volatile
set search_path = pg_catalog, pg_temp
as $$
  select coalesce((select b from learn_proxy.buckets_with(p_what, p_value) b limit 1), 0)
$$;
comment on function learn_proxy.bucket_with(text, text) is
  'The bucket of the learner who has what is named, by a parameter''s name and value.';

reset role;
