-- The rows of a board around a user: up to p_span before and after; none when the user is not on it.
-- Errors: LX001 no such board, or a span out of range; LX002 unknown user.
create or replace function learn.leaderboard_around(
  p_user_id uuid, p_period text, p_metric text, p_span integer default 5
)
returns table (rank bigint, user_id uuid, username text, display_name text, value bigint)
language plpgsql
stable
security definer                  -- the same for every role that may call it
set search_path = ''
as $$
begin
  if not exists (select from learn.users u where u.id = p_user_id) then
    raise exception 'unknown user'
      using errcode = 'LX002', detail = format('p_user_id = %s', coalesce(p_user_id::text, 'null')),
        hint = 'Register the user first: learn.register_user().';
  end if;
  if p_span is null or p_span not between 0 and 500 then
    raise exception 'the span is out of range'
      using errcode = 'LX001', detail = format('p_span = %s', coalesce(p_span::text, 'null')),
        hint = 'Ask for 0 to 500 rows on either side.';
  end if;
  return query
  with board as materialized (
    select rank() over (order by b.value desc) as rank, b.user_id, u.username, u.display_name,
      b.value, row_number() over (order by b.value desc, lower(u.username)) as place
    from learn_internal.board_values(
      p_period, p_metric, (learn.clock() at time zone 'UTC')::date) b
    join learn.users u on u.id = b.user_id
  )
  select b.rank, b.user_id, b.username, b.display_name, b.value
  from board b
  join board me on me.user_id = p_user_id
  where b.place between me.place - p_span and me.place + p_span
  order by b.place;
end;
$$;
comment on function learn.leaderboard_around(uuid, text, text, integer) is
  'The rows of a board of today around a user, up to p_span before and after.';
revoke all on function learn.leaderboard_around(uuid, text, text, integer) from public;
grant execute on function learn.leaderboard_around(uuid, text, text, integer)
  to learn_app, learn_readonly;
