-- Deletes the notifications that are older than a time, read or not, and returns how many. For
-- operators and schedulers.
-- Errors: LX001 no time.
create or replace function learn.purge_notifications(p_before timestamptz)
returns bigint
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_purged bigint;
begin
  if p_before is null then
    raise exception 'the time is missing'
      using errcode = 'LX001', detail = 'p_before = null',
        hint = 'To delete all notifications, pass the time of now.';
  end if;
  delete from learn.notifications n where n.created_at < p_before;
  get diagnostics v_purged = row_count;
  return v_purged;
end;
$$;
comment on function learn.purge_notifications(timestamptz) is
  'Deletes the notifications older than a time, read or not; returns how many.';
revoke all on function learn.purge_notifications(timestamptz) from public;
