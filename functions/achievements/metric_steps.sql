-- What counts for a user's metric, in order, each with what it adds and the value after it: facts of the
-- log, rows of the ledger for XP, active days for streaks. A run or a streak that was broken starts again.
create or replace function learn_internal.metric_steps(p_user_id uuid, p_metric text, p_scope text)
returns table (place bigint, occurred_at timestamptz, what text, amount bigint, total bigint)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  m learn.metrics;
begin
  select * into m from learn.metrics k where k.key = p_metric;
  if p_metric = 'xp' then
    return query
    select row_number() over w, t.created_at,
      concat_ws(' ', t.activity_type, nullif(t.source_type, t.activity_type), t.source_id),
      t.amount::bigint, sum(t.amount) over w
    from learn_internal.all_payments t
    where t.user_id = p_user_id
    window w as (order by t.created_at, t.id);
  elsif p_metric in ('current_streak', 'active_days') then
    return query
    select row_number() over w, f.at, 'active day ' || d.activity_date, 1::bigint,
      case when p_metric = 'active_days' then row_number() over w
        else count(*) over (partition by d.run order by d.activity_date) end
    from (
      select a.activity_date, a.is_freeze, a.activity_date
        - (row_number() over (order by a.activity_date))::integer as run
      from learn.user_activity_days a
      where a.user_id = p_user_id
    ) d
    left join (
      select l.local_date, min(l.occurred_at) as at
      from learn_internal.all_facts l
      where l.user_id = p_user_id and l.is_qualifying
      group by l.local_date
    ) f on f.local_date = d.activity_date
    where not d.is_freeze
    window w as (order by d.activity_date);
  else
    return query
    with facts as (
      select f.id, f.occurred_at, f.activity_type, f.subject_type, f.subject_id, f.local_date, f.zone_number,
        case
          when p_metric = 'level_reached' then (f.properties ->> 'level')::numeric
          when m.property is null then 1
          else learn_internal.number_property(f.properties, m.property) end as amount,
        false as is_end
      from learn_internal.counted_facts f
      where f.user_id = p_user_id
        and f.activity_type = case when p_metric = 'level_reached' then p_metric
          else m.activity_type end
        and f.properties @> m.filter
        and (p_scope = '' or f.properties ->> m.scope_property = p_scope)
      union all
      select f.id, f.occurred_at, f.activity_type, f.subject_type, f.subject_id, f.local_date, f.zone_number, 0, true
      from learn_internal.counted_facts f
      where m.aggregate = 'run' and f.user_id = p_user_id
        and f.activity_type = m.reset_activity_type and f.properties @> m.reset_filter
        and (p_scope = '' or f.properties ->> m.scope_property = p_scope)
    ), runs as (
      select f.*, count(*) filter (where f.is_end) over (order by f.occurred_at, f.id) as run,
        row_number() over (partition by f.local_date, f.zone_number order by f.id) = 1 as is_new_day
      from facts f
      where f.amount is not null
    )
    select row_number() over w, r.occurred_at,
      concat_ws(' ', r.activity_type, r.subject_type, r.subject_id), r.amount::bigint,
      (case
        when m.aggregate = 'max' or p_metric = 'level_reached' then max(r.amount) over w
        else sum(r.amount) over (partition by r.run order by r.occurred_at, r.id)
      end)::bigint
    from runs r
    where not r.is_end and (m.aggregate <> 'distinct_days' or r.is_new_day and exists (
      select from learn_internal.user_metric_days d
      where d.user_id = p_user_id and d.metric = p_metric and d.scope = p_scope
        and d.activity_date = r.local_date and d.zone_number = r.zone_number))
    window w as (order by r.occurred_at, r.id);
  end if;
end;
$$;
comment on function learn_internal.metric_steps(uuid, text, text) is
  'What counts for a user''s metric, in order, each with what it adds and the value after it.';
