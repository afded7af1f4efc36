-- check_integrity() of one learner, by key: planned once per session, which takes longer than to check.
create or replace function learn_internal.check_learner(p_user_id uuid)
returns table (check_name text, user_id uuid, expected text, actual text)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan  -- see docs/engine.md#plans
set enable_seqscan = off
set enable_mergejoin = off
set enable_hashjoin = off
set jit = off
as $$
begin
  return query select * from learn_internal.damage d where d.user_id = p_user_id;
end;
$$;
comment on function learn_internal.check_learner(uuid) is
  'Where projections of one learner are not what follows from facts.';

-- What is not as it follows from facts, of everybody (p_learners_too) or only of what is nobody's. The statements join
-- sets with sets: by hashes, with memory for them, whatever is known of the tables' sizes.
create or replace function learn_internal.check_everybody(p_learners_too boolean)
returns table (check_name text, user_id uuid, expected text, actual text)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
set enable_mergejoin = off
set work_mem = '64MB'
set jit = off
as $$
begin
  return query select * from learn_internal.common_damage;
  if p_learners_too then
    return query select * from learn_internal.damage;
  end if;
end;
$$;
comment on function learn_internal.check_everybody(boolean) is
  'Where projections that are nobody''s are not what follows from facts, and (p_learners_too) those of all learners.';

-- Recomputes every projection from facts, set-based, and compares: of one user by key, or of everybody.
-- No row when all is well. Reads only.
-- Errors: LX002 unknown user.
-- no grant: for operators, as learn_owner.
create or replace function learn.check_integrity(p_user_id uuid default null)
returns table (check_name text, user_id uuid, expected text, actual text)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
set jit = off
as $$
begin
  if p_user_id is null then
    return query select * from learn_internal.check_everybody(true);
    return;
  end if;
  if not exists (select from learn.users u where u.id = p_user_id) then
    raise exception 'unknown user'
      using errcode = 'LX002', detail = format('p_user_id = %s', p_user_id),
        hint = 'Pass the id of a row of learn.users, or null for everybody.';
  end if;
  return query select * from learn_internal.check_learner(p_user_id);
end;
$$;
comment on function learn.check_integrity(uuid) is
  'Recomputes every projection from facts and compares, of one user or (null) of everybody and of what belongs '
  'to nobody; no row when all is well. Reads only.';

-- Checks the next learners, a share of all, from where the last call stopped: for a scheduler. A round begins with
-- what is nobody's. Returns what it has found, and keeps it in integrity_findings until the learner is checked again.
-- Errors: LX001 p_share is not between 0 and 1.
-- no grant: for operators, as learn_owner.
create or replace function learn.check_slice(p_share double precision default 0.01)
returns table (check_name text, user_id uuid, expected text, actual text)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan  -- for where it goes on
set jit = off
as $$
declare
  v_after uuid;
  v_user  uuid;
  v_limit bigint;
begin
  if p_share is null or p_share <= 0 or p_share > 1 then
    raise exception 'a slice is a share of the learners'
      using errcode = 'LX001', detail = format('p_share = %s', coalesce(p_share::text, 'null')),
        hint = 'Pass a number above 0, 1 at most: 0.01 is a hundredth.';
  end if;
  select s.checked_until into v_after from learn_internal.integrity_state s for update;
  select ceil(p_share * count(*)) into v_limit from learn.users;

  if v_after is null then
    update learn_internal.integrity_state set round_began_at = learn.clock();
    delete from learn_internal.integrity_findings f where f.about_user is null;
    insert into learn_internal.integrity_findings (check_name, expected, actual)
    select d.check_name, d.expected, d.actual from learn_internal.check_everybody(false) d;
  end if;
  for v_user in
    select u.id from learn.users u
    where v_after is null or u.id > v_after
    order by u.id
    limit v_limit
  loop
    delete from learn_internal.integrity_findings f where f.about_user = v_user;
    insert into learn_internal.integrity_findings (check_name, about_user, expected, actual)
    select * from learn_internal.check_learner(v_user);
    v_after := v_user;
  end loop;
  update learn_internal.integrity_state
  set checked_until = case when exists (select from learn.users u where u.id > v_after) then v_after end;

  return query
  select f.check_name, f.about_user, f.expected, f.actual
  from learn_internal.integrity_findings f
  where f.found_at = learn.clock()
  order by f.id;
end;
$$;
comment on function learn.check_slice(double precision) is
  'Checks the next share of the learners, from where the last call stopped, and returns what it has found: '
  'check_integrity() in slices, for a scheduler.';
