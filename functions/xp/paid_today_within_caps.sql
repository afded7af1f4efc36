-- What facts pay of a type whose rule has a cap for the day, in their order: what the cap leaves of today, by the clock.
-- By their ids; those that have no cap are not in it. Parallel arrays, of all facts of a statement.
create or replace function learn_internal.paid_today_within_caps(
  p_ids bigint[], p_user_ids uuid[], p_activity_types text[], p_xp integer[]
)
returns jsonb
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  perform from learn.user_stats s
  where s.user_id = any (p_user_ids)
  order by s.user_id for no key update;
  return (
    select jsonb_object_agg(c.id, greatest(0, least(c.xp, c.daily_cap - c.paid - c.until + c.xp)))
    from (
      select f.*, sum(f.xp) over w as until,
        sum(case when f.place = 1
          then learn_internal.paid_today(f.user_id, f.activity_type) end) over w as paid
      from (
        select n.id, n.user_id, n.activity_type, coalesce(n.xp, r.amount) as xp, r.daily_cap,
          row_number() over (partition by n.user_id, n.activity_type order by n.id) as place
        from unnest(p_ids, p_user_ids, p_activity_types, p_xp) n(id, user_id, activity_type, xp)
        join learn.xp_rules r on r.activity_type = n.activity_type and r.daily_cap is not null
        where coalesce(n.xp, r.amount) > 0
      ) f
      window w as (partition by f.user_id, f.activity_type order by f.id)
    ) c);
end;
$$;
comment on function learn_internal.paid_today_within_caps(bigint[], uuid[], text[], integer[]) is
  'What facts of capped types pay, by their ids, as jsonb; locks their users.';
