-- Boards over all shards: a page is the merge of the shards' heads, a rank 1 and the sum of those above on each.

set role learn_owner;

create or replace function learn.leaderboard(
  p_period text default 'all_time',
  p_metric text default 'xp',
  p_limit  integer default 10,
  p_offset integer default 0,
  p_on     date default null,
  p_among  uuid[] default null
)
returns table (rank bigint, user_id uuid, username text, display_name text, value bigint)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return query
  select rank() over (order by h.value desc), h.user_id, h.username, h.display_name, h.value
  from learn_proxy.board_head(p_period, p_metric, p_limit, p_offset, p_on, p_among) h
  order by h.value desc, lower(h.username), h.user_id
  limit p_limit offset greatest(p_offset, 0);  -- a bad one is refused on the shards
end;
$$;
comment on function learn.leaderboard(text, text, integer, integer, date, uuid[]) is
  'A page of a board (day, week, month, all_time; of the period in which p_on lies, today if null), '
  'or of the same board among some users: exact and live, ties share a rank.';
grant execute on function learn.leaderboard(text, text, integer, integer, date, uuid[]) to learn_app, learn_readonly;

create or replace function learn.user_rank(
  p_user_id uuid,
  p_period  text default 'all_time',
  p_metric  text default 'xp',
  p_on      date default null,
  p_among   uuid[] default null
)
returns bigint
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_place record;
begin
  select p.* into v_place from learn_proxy.board_place(p_user_id, p_period, p_metric, p_among, p_on) p;
  if v_place.value is null then
    return null;
  end if;
  return 1 + sum(c.above)
    from learn_proxy.count_above(p_period, p_metric, v_place.on_day, p_among, array[v_place.value]) c;
end;
$$;
comment on function learn.user_rank(uuid, text, text, date, uuid[]) is
  'A user''s rank on a board (of the period in which p_on lies, the user''s today if null), or among some users, '
  'exact and live; null: not on it.';
grant execute on function learn.user_rank(uuid, text, text, date, uuid[]) to learn_app, learn_readonly;

create or replace function learn.leaderboard_around(
  p_user_id uuid, p_period text, p_metric text, p_span integer default 5, p_on date default null,
  p_among uuid[] default null
)
returns table (rank bigint, user_id uuid, username text, display_name text, value bigint)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_place record;
begin
  if p_span is null or p_span not between 0 and 500 then
    raise exception 'the span is out of range'
      using errcode = 'LX001', detail = format('p_span = %s', coalesce(p_span::text, 'null')),
        hint = 'Ask for 0 to 500 rows on either side.';
  end if;
  select p.* into v_place from learn_proxy.board_place(p_user_id, p_period, p_metric, p_among, p_on) p;
  if v_place.value is null then
    return;
  end if;
  return query
  with near as materialized (
    (
      select n.*, lower(n.username) as name from learn_proxy.board_near(
        p_period, p_metric, v_place.on_day, p_among, v_place.value, v_place.name, p_span) n
    )
  ), shown as materialized (
    (
      select n.* from near n where n.value > v_place.value or n.value = v_place.value and n.name < v_place.name
      order by n.value, n.name desc limit p_span
    )
    union all
    (
      select n.* from near n where n.value < v_place.value or n.value = v_place.value and n.name >= v_place.name
      order by n.value desc, n.name limit p_span + 1
    )
  ), ranked as (
    select s.*, rank() over (order by s.value desc) as local_rank from shown s
  ), firsts as (  -- ranks are counted on from those of the two highest values
    select c.value, 1 + sum(c.above) as rank, min(r.local_rank) as local_rank
    from learn_proxy.count_above(p_period, p_metric, v_place.on_day, p_among, array(
      select distinct s.value from shown s order by s.value desc limit 2)) c
    join (select distinct r.value, r.local_rank from ranked r) r on r.value = c.value
    group by c.value
  )
  select (f.rank + r.local_rank - f.local_rank)::bigint, r.user_id, r.username, r.display_name, r.value
  from ranked r
  cross join lateral (select x.* from firsts x where x.value >= r.value order by x.value limit 1) f
  order by r.value desc, r.name;
end;
$$;
comment on function learn.leaderboard_around(uuid, text, text, integer, date, uuid[]) is
  'The rows of a board (of the period in which p_on lies, the user''s today if null) around a user, or of the same '
  'board among some users, up to p_span before and after.';
grant execute on function learn.leaderboard_around(uuid, text, text, integer, date, uuid[]) to learn_app, learn_readonly;

create or replace function learn.rank_percentile(p_user_id uuid, p_metric text default 'xp')
returns numeric
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_place record;
begin
  select p.* into v_place from learn_proxy.board_place(p_user_id, 'all_time', p_metric, null, null) p;
  if v_place.value is null then
    return null;
  end if;
  return (
    select round(100.0 * (sum(c.above) filter (where c.value = 0) - sum(c.above) filter (where c.value > 0))
      / sum(c.above) filter (where c.value = 0), 2)
    from learn_proxy.count_above('all_time', p_metric, v_place.on_day, null, array[0, v_place.value]) c);
end;
$$;
comment on function learn.rank_percentile(uuid, text) is
  'Of all on the board of all time, the percentage that has at most as much as the user; null: not on it.';
grant execute on function learn.rank_percentile(uuid, text) to learn_app, learn_readonly;

-- Closes the board of a finished period on all shards. Cut off at any point, it is finished by calling it again.
-- Errors: as on one database.
create or replace function learn.close_period(p_period text, p_metric text default 'xp', p_on date default null)
returns bigint
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_starts_on date := learn_proxy.period_to_close(p_period, p_metric, p_on);
  v_ranks     jsonb;
  v_users     bigint;
begin
  select coalesce(jsonb_object_agg(r.value::text, 1 + r.above), '{}'), coalesce(sum(r.users), 0) into v_ranks, v_users
  from (
    select f.value, sum(f.users) as users,
      coalesce(sum(sum(f.users)) over (order by f.value desc rows between unbounded preceding and 1 preceding), 0) as above
    from learn_proxy.freeze_period(p_metric, p_period, v_starts_on) f
    group by f.value
  ) r;
  perform learn_proxy.shards_close_period(p_metric, p_period, v_starts_on, v_ranks, v_users);
  return v_users;
end;
$$;
comment on function learn.close_period(text, text, date) is
  'Keeps the standings of a finished day, week or month and pays its rewards by rank, once; returns the '
  'number of users on the board. Null p_on: the last one.';
grant execute on function learn.close_period(text, text, date) to learn_app;

create or replace function learn.streak_lengths()
returns table (days integer, learners bigint, learners_at_longest bigint)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return query
  select s.days, sum(s.learners)::bigint, sum(s.learners_at_longest)::bigint
  from learn_proxy.streak_lengths() s
  group by s.days
  order by s.days;
end;
$$;
comment on function learn.streak_lengths() is 'How many learners have a streak of so many days, and how many a longest one.';
grant execute on function learn.streak_lengths() to learn_app, learn_readonly;

reset role;
