-- How many of a user's facts have made a run longer after a time: where something that ended it comes late.
-- Facts are recorded at most 5 minutes before they occur, which leaves the log from before alone.
create or replace function learn_internal.run_since(
  p_user_id uuid, p_metric text, p_scope text, p_at timestamptz
)
returns bigint
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select count(*)
    from learn.metrics m
    join learn_internal.counted_facts f on f.activity_type = m.activity_type and f.properties @> m.filter
    where m.key = p_metric and f.user_id = p_user_id
      and f.occurred_at > p_at and f.recorded_at > p_at - interval '5 minutes'
      and (p_scope = '' or f.properties ->> m.scope_property = p_scope));
end;
$$;
comment on function learn_internal.run_since(uuid, text, text, timestamptz) is
  'How many of a user''s facts have made a run longer after a time.';
