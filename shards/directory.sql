-- The directory: names are claimed on home, then the learner is made on a shard, then the claim is confirmed. What a crash
-- leaves between is finished or taken back by whoever comes next (learn_proxy.drain()).

set role learn_owner;

-- register_user() under an id that is given: a trigger puts it into the row.
create or replace function learn_shard.register(
  p_user_id uuid, p_username text, p_email text, p_timezone text, p_locale text, p_display_name text
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  perform set_config('learn_shard.new_user', p_user_id::text, true);
  perform learn.register_user(p_username, p_email, p_timezone, p_locale, p_display_name);
  perform set_config('learn_shard.new_user', '', true);
end;
$$;
comment on function learn_shard.register(uuid, text, text, text, text, text) is
  'Registers a learner under an id that is given.';

-- On home: takes the names of a new learner.
-- Errors: as learn.register_user().
create or replace function learn_shard.claim_user(
  p_user_id uuid, p_username text, p_email text, p_timezone text, p_locale text, p_display_name text
)
returns uuid
language plpgsql
volatile
security definer                  -- the proxy writes no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
begin
  perform learn_shard.register(p_user_id, p_username, p_email, p_timezone, p_locale, p_display_name);
  insert into learn_shard.claims (user_id) values (p_user_id);
  return p_user_id;
end;
$$;
comment on function learn_shard.claim_user(uuid, text, text, text, text, text) is
  'On home: registers a learner in the directory under an id that the proxy has chosen, until it is confirmed.';

-- On a shard: makes the learner whose names home has claimed. Again: nothing.
-- Errors: as learn.register_user(); LX015 home has taken the names back meanwhile.
create or replace function learn_shard.add_user(
  p_user_id uuid, p_username text, p_email text, p_timezone text, p_locale text, p_display_name text
)
returns uuid
language plpgsql
volatile
security definer                  -- the proxy writes no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
begin
  insert into learn_shard.seats (user_id, is_refused) values (p_user_id, false) on conflict (user_id) do nothing;
  if found then
    perform learn_shard.require_here(p_user_id);
    perform learn_shard.register(p_user_id, p_username, p_email, p_timezone, p_locale, p_display_name);
  elsif (select s.is_refused from learn_shard.seats s where s.user_id = p_user_id) then
    raise exception 'registering took too long'
      using errcode = 'LX015', detail = format('user %s: the names were free again', p_user_id),
        hint = 'Nothing was registered. Call again.';
  end if;
  return p_user_id;
end;
$$;
comment on function learn_shard.add_user(uuid, text, text, text, text, text) is
  'On a shard: makes the learner whose names home has claimed; again: nothing.';

-- register_user() picks an id by the default of users.id; here the proxy has picked it.
create or replace function learn_shard.name_user()
returns trigger
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  new.id := current_setting('learn_shard.new_user')::uuid;
  return new;
end;
$$;
comment on function learn_shard.name_user() is 'Row trigger on users: the id that the proxy has chosen.';

-- On home: the shard has the learner. False: the claim was taken back before.
create or replace function learn_shard.confirm_user(p_user_id uuid)
returns boolean
language plpgsql
volatile
security definer                  -- the proxy writes no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
begin
  delete from learn_shard.claims c where c.user_id = p_user_id;
  return found;
end;
$$;
comment on function learn_shard.confirm_user(uuid) is 'On home: the shard has the learner; false: no such claim.';

-- On a shard: whether it has the learner; one that it has not it never takes from now on.
create or replace function learn_shard.has_or_refuse(p_user_id uuid)
returns boolean
language plpgsql
volatile
security definer                  -- the proxy writes no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
begin
  insert into learn_shard.seats (user_id, is_refused)
  values (p_user_id, not exists (select from learn.users u where u.id = p_user_id)) on conflict (user_id) do nothing;
  if not exists (select from learn.users u where u.id = p_user_id) then
    perform learn_shard.require_here(p_user_id);
  end if;
  return not (select s.is_refused from learn_shard.seats s where s.user_id = p_user_id);
end;
$$;
comment on function learn_shard.has_or_refuse(uuid) is
  'On a shard: whether it has the learner; one that it has not it never takes from now on.';

-- On home: takes the names of a claim back.
create or replace function learn_shard.unclaim_user(p_user_id uuid)
returns boolean
language plpgsql
volatile
security definer                  -- the proxy writes no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
begin
  delete from learn_shard.claims c where c.user_id = p_user_id;
  if found then
    perform set_config('learn_shard.is_silent', 'on', true);
    delete from learn.users u where u.id = p_user_id;
    perform set_config('learn_shard.is_silent', '', true);
    return true;
  end if;
  return false;
end;
$$;
comment on function learn_shard.unclaim_user(uuid) is 'On home: takes the names of a claim back; false: no such claim.';

-- On home: claims older than a bound, of all or of those that hold one of these names.
create or replace function learn_shard.old_claims(p_older_than interval, p_username text default null, p_email text default null)
returns setof uuid
language plpgsql
stable
security definer                  -- the proxy reads no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
begin
  return query
  select c.user_id
  from learn_shard.claims c
  where c.claimed_at < clock_timestamp() - p_older_than and (p_username is null and p_email is null or exists (
    select from learn.users u
    where u.id = c.user_id and (lower(u.email) = lower(p_email)
      or learn_internal.username_key(u.username) = learn_internal.username_key(p_username))))
  order by c.claimed_at;
end;
$$;
comment on function learn_shard.old_claims(interval, text, text) is
  'On home: learners whose claims are older than a bound, of all or of those that hold one of these names.';

grant execute on function learn_shard.claim_user(uuid, text, text, text, text, text),
  learn_shard.add_user(uuid, text, text, text, text, text), learn_shard.confirm_user(uuid),
  learn_shard.has_or_refuse(uuid), learn_shard.unclaim_user(uuid), learn_shard.old_claims(interval, text, text) to learn_router;

reset role;
