-- A page of a board: exact and live. Ties share a rank (1, 2, 2, 4) and stand by username.
-- Errors: LX001 no such board, or a page out of range.
create or replace function learn.leaderboard(
  p_period text default 'all_time',
  p_metric text default 'xp',
  p_limit  integer default 10,
  p_offset integer default 0,
  p_on     date default null
)
returns table (rank bigint, user_id uuid, username text, display_name text, value bigint)
language plpgsql
stable
security definer                  -- the same for every role that may call it
set search_path = ''
as $$
begin
  if p_limit is null or p_limit not between 0 and 1000 or p_offset is null or p_offset < 0 then
    raise exception 'the page is out of range'
      using errcode = 'LX001', detail = format('p_limit = %s, p_offset = %s',
          coalesce(p_limit::text, 'null'), coalesce(p_offset::text, 'null')),
        hint = 'A page has 0 to 1000 rows; the offset is 0 or more.';
  end if;
  return query
  select r.rank, r.user_id, u.username, u.display_name, r.value
  from (
    select rank() over (order by b.value desc) as rank, b.user_id, b.value
    from learn_internal.board_values(
      p_period, p_metric, coalesce(p_on, (learn.clock() at time zone 'UTC')::date)) b
  ) r
  join learn.users u on u.id = r.user_id
  order by r.rank, lower(u.username)
  limit p_limit offset p_offset;
end;
$$;
comment on function learn.leaderboard(text, text, integer, integer, date) is
  'A page of a board (day, week, month, all_time; of the period in which p_on lies, today if null): '
  'ties share a rank.';
revoke all on function learn.leaderboard(text, text, integer, integer, date) from public;
grant execute on function learn.leaderboard(text, text, integer, integer, date)
  to learn_app, learn_readonly;
