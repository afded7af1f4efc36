-- Counts a day of a user for the metrics of distinct days that a type of fact feeds, each once. A day that follows the
-- last one in its zone counts; where another zone could have a say, all are counted anew from the log, as
-- chain_days() has it: then hopping between zones makes no extra day, and one that was counted may be none any more.
-- The caller has locked the user.
create or replace function learn_internal.count_days(
  p_user_id uuid, p_activity_type text, p_local_date date, p_zone_number integer, p_properties jsonb[], p_at timestamptz
)
returns learn_internal.win[]
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  d      record;
  v_same learn_internal.user_metric_days;  -- the same date
  v_near learn_internal.user_metric_days;  -- the last day; of a late one, the day before
  v_days integer;
  v_won  learn_internal.win[] := '{}'::learn_internal.win[];
begin
  for d in
    select distinct m.key as metric, s.scope, m.is_board and s.scope = '' as is_board
    from learn.metrics m
    cross join unnest(p_properties) p
    cross join lateral learn_internal.metric_scopes(p, m.scope_property) s(scope)
    where m.activity_type = p_activity_type and m.aggregate = 'distinct_days' and p @> m.filter
  loop
    select * into v_same from learn_internal.user_metric_days c
    where c.user_id = p_user_id and c.metric = d.metric and c.scope = d.scope and c.activity_date = p_local_date;
    continue when v_same.zone_number <= p_zone_number;
    select * into v_near from learn_internal.user_metric_days c
    where c.user_id = p_user_id and c.metric = d.metric and c.scope = d.scope
    order by c.activity_date desc limit 1;
    if v_near.zone_number = p_zone_number and p_local_date < v_near.activity_date and p_zone_number > 0 then
      select * into v_near from learn_internal.user_metric_days c
      where c.user_id = p_user_id and c.metric = d.metric and c.scope = d.scope and c.activity_date < p_local_date
      order by c.activity_date desc limit 1;
    end if;

    if v_same.user_id is null and coalesce(v_near.zone_number, p_zone_number) = p_zone_number
      and (v_near.user_id is not null or p_zone_number = 0)
    then
      insert into learn_internal.user_metric_days (user_id, metric, scope, activity_date, zone_number)
      values (p_user_id, d.metric, d.scope, p_local_date, p_zone_number);
      v_days := 1;
      if d.is_board then
        insert into learn_internal.board_gains (user_id, metric, local_date, amount)
        values (p_user_id, d.metric, p_local_date, 1);
      end if;
    else
      with due as materialized (
        select r.activity_date, r.zone_number from learn_internal.metric_day_recounts r
        where r.user_id = p_user_id and r.metric = d.metric and r.scope = d.scope
      ), removed as (
        delete from learn_internal.user_metric_days c
        where c.user_id = p_user_id and c.metric = d.metric and c.scope = d.scope
          and c.activity_date not in (select n.activity_date from due n)
        returning c.activity_date
      ), written as (
        insert into learn_internal.user_metric_days as c (user_id, metric, scope, activity_date, zone_number)
        select p_user_id, d.metric, d.scope, n.activity_date, n.zone_number from due n
        on conflict (user_id, metric, scope, activity_date) do update
          set zone_number = excluded.zone_number where c.zone_number <> excluded.zone_number
        returning c.activity_date
      ), changed as (
        select r.activity_date, -1 as days from removed r
        union all
        select w.activity_date, 1 from written w
        where not exists (  -- as it was before
          select from learn_internal.user_metric_days c
          where c.user_id = p_user_id and c.metric = d.metric and c.scope = d.scope and c.activity_date = w.activity_date)
      ), gained as (
        insert into learn_internal.board_gains (user_id, metric, local_date, amount)
        select p_user_id, d.metric, c.activity_date, c.days from changed c where d.is_board
      )
      select coalesce(sum(c.days), 0) into v_days from changed c;
    end if;
    if v_days <> 0 then
      v_won := v_won || learn_internal.add_to_metric(p_user_id, d.metric, d.scope, v_days, p_at);
    end if;
  end loop;
  return v_won;
end;
$$;
comment on function learn_internal.count_days(uuid, text, date, integer, jsonb[], timestamptz) is
  'Counts a day of a user for the metrics of distinct days; returns what that earns.';
