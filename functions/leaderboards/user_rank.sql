-- A user's rank on a board of today, exact and live; null for one who is not on it.
-- Errors: LX001 no such board; LX002 unknown user.
create or replace function learn.user_rank(
  p_user_id uuid, p_period text default 'all_time', p_metric text default 'xp'
)
returns bigint
language plpgsql
stable
security definer                  -- the same for every role that may call it
set search_path = ''
as $$
declare
  v_rank bigint;
begin
  if not exists (select from learn.users u where u.id = p_user_id) then
    raise exception 'unknown user'
      using errcode = 'LX002', detail = format('p_user_id = %s', coalesce(p_user_id::text, 'null')),
        hint = 'Register the user first: learn.register_user().';
  end if;
  select r.rank into v_rank
  from (
    select b.user_id, rank() over (order by b.value desc) as rank
    from learn_internal.board_values(
      p_period, p_metric, (learn.clock() at time zone 'UTC')::date) b
  ) r
  where r.user_id = p_user_id;
  return v_rank;
end;
$$;
comment on function learn.user_rank(uuid, text, text) is
  'A user''s rank on a board of today, exact and live; null: not on it.';
revoke all on function learn.user_rank(uuid, text, text) from public;
grant execute on function learn.user_rank(uuid, text, text) to learn_app, learn_readonly;
