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
    return query
    insert into learn_internal.integrity_findings as f (check_name, expected, actual)
    select d.check_name, d.expected, d.actual from learn_internal.check_everybody(false) d
    returning f.check_name, f.about_user, f.expected, f.actual;
  end if;
  for v_user in
    select u.id from learn.users u
    where v_after is null or u.id > v_after
    order by u.id
    limit v_limit
  loop
    delete from learn_internal.integrity_findings f where f.about_user = v_user;
    return query
    insert into learn_internal.integrity_findings as f (check_name, about_user, expected, actual)
    select * from learn_internal.check_learner(v_user)
    returning f.check_name, f.about_user, f.expected, f.actual;
    v_after := v_user;
  end loop;
  update learn_internal.integrity_state
  set checked_until = case when exists (select from learn.users u where u.id > v_after) then v_after end;
end;
$$;
comment on function learn.check_slice(double precision) is
  'Checks the next share of the learners, from where the last call stopped, and returns what it has found: '
  'check_integrity() in slices, for a scheduler.';
