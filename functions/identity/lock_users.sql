-- Locks learners, in key order, until the transaction ends: for transactions that do something for several of
-- them. Calls and statements that follow find the locks taken and wait for nobody, in whatever order they come.
-- Returns how many of the users there are.
-- Errors: LX001 no list, or more than 100,000 users.
create or replace function learn.lock_users(p_user_ids uuid[])
returns integer
language plpgsql
volatile
security definer                  -- locks what the caller may not write
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_users integer;
begin
  perform learn_internal.require_size('p_user_ids', cardinality(p_user_ids), 100000, 'elements');
  if p_user_ids is null then
    raise exception 'the list of users is missing'
      using errcode = 'LX001', detail = 'p_user_ids is null', hint = 'Pass the ids of the users.';
  end if;
  perform learn_internal.hold_content();
  perform from learn.user_stats s where s.user_id = any (p_user_ids)
  order by s.user_id for no key update;
  get diagnostics v_users = row_count;
  return v_users;
end;
$$;
comment on function learn.lock_users(uuid[]) is
  'Locks learners until the transaction ends, for transactions that do something for several of them; '
  'returns how many there are.';
grant execute on function learn.lock_users(uuid[]) to learn_app;
