-- Picks a challenge for each coming day (UTC, from today) that has none, and returns what it picked.
-- None comes twice within 30 days; days for which there is none left stay without. Among those that
-- may come, the one that was longest ago or never is picked, in an order that looks random.
-- The loop runs once per day because every pick rules out others. Call it from a scheduler.
-- Errors: LX001 days out of range.
create or replace function learn.schedule_daily_challenges(p_days integer default 7)
returns table (date date, challenge_id bigint)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set jit = off
as $$
#variable_conflict use_column
declare
  v_today date := (learn.clock() at time zone 'UTC')::date;
  v_picked bigint;
begin
  if p_days is null or p_days not between 1 and 366 then
    raise exception 'the number of days is out of range'
      using errcode = 'LX001', detail = format('p_days = %s', coalesce(p_days::text, 'null')),
        hint = 'Schedule 1 to 366 days.';
  end if;
  -- One scheduler at a time, so that the picks of both are seen.
  lock table learn.daily_challenges in share row exclusive mode;
  for v_day in 0 .. p_days - 1 loop
    continue when exists (
      select from learn.daily_challenges d where d.date = v_today + v_day);
    select c.id into v_picked
    from learn.challenges c
    left join lateral (
      select max(d.date) as last_on from learn.daily_challenges d where d.challenge_id = c.id
    ) e on true
    where c.is_active and exists (
        select from learn.challenge_levels l where l.challenge_id = c.id)
      and not exists (
        select from learn.daily_challenges d
        where d.challenge_id = c.id and abs(d.date - (v_today + v_day)) < 30)
    order by e.last_on nulls first, md5(c.slug || to_char(v_today + v_day, 'YYYY-MM-DD'))
    limit 1;
    continue when not found;
    insert into learn.daily_challenges (challenge_id, date) values (v_picked, v_today + v_day)
    on conflict do nothing;
    date := v_today + v_day;
    challenge_id := v_picked;
    return next;
  end loop;
end;
$$;
comment on function learn.schedule_daily_challenges(integer) is
  'Picks a challenge for each of the coming days (UTC, today first) that has none; '
  'none comes twice within 30 days.';
grant execute on function learn.schedule_daily_challenges(integer) to learn_app;
