-- Ends claims without success: the messages come again after a pause that doubles with each
-- attempt, and are given up after outbox_max_attempts. What is completed or given up stays so.
--
-- A worker that comes late must not end the claim of the next one. With a name, only claims
-- of that worker end; without, the pause lasts at least until the present claim runs out.
-- Errors: LX001 no reason; LX003 a setting is missing.
create or replace function learn.fail_outbox(
  p_ids    bigint[],
  p_error  text,
  p_worker text default null
)
returns integer
language plpgsql
volatile
security definer                  -- workers write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_now      timestamptz := learn.clock();
  v_pause    double precision := learn_internal.setting_number('outbox_retry_seconds');
  v_attempts integer := learn_internal.setting_number('outbox_max_attempts')::integer;
  v_failed   integer;
begin
  perform learn_internal.require_size('p_ids', cardinality(p_ids), 10000, 'elements');
  perform learn_internal.require_size('p_error', length(p_error), 1000000);
  perform learn_internal.require_size('p_worker', length(p_worker), 200);
  if coalesce(p_error, '') !~ E'\\S' then
    raise exception 'a failure has a reason'
      using errcode = 'LX001', detail = format('p_error = %L', p_error),
        hint = 'Say what went wrong: learn.outbox.error keeps it.';
  end if;
  perform learn_internal.hold_content();  -- nobody is erased in between
  perform from learn.outbox o
  where o.id = any (p_ids) and o.completed_at is null and o.failed_at is null
  order by o.id for update;
  update learn.outbox o
  set error = case when not learn_internal.is_erased(o.payload ->> 'user_id') then left(p_error, 10000) end,
    failed_at = case when o.attempts >= v_attempts then v_now end,
    available_at = greatest(
      v_now + interval '1 second' * least(86400, v_pause * 2 ^ (least(o.attempts, 30) - 1)),
      case when p_worker is null then o.available_at end)
  where o.id = any (p_ids) and o.completed_at is null and o.failed_at is null and o.attempts > 0
    and (p_worker is null or o.claimed_by = p_worker);
  get diagnostics v_failed = row_count;
  return v_failed;
end;
$$;
comment on function learn.fail_outbox(bigint[], text, text) is
  'Ends claims without success; returns how many. The messages come again after a growing pause '
  'and are given up after outbox_max_attempts.';
grant execute on function learn.fail_outbox(bigint[], text, text) to learn_app;
