-- Deletes the notifications that are older than a time, read or not, and returns how many. For
-- operators and schedulers.
-- Errors: LX001 no time.
-- no grant: for operators, as learn_owner.
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
  perform learn_internal.hold_content();
  if p_before is null then
    raise exception 'the time is missing'
      using errcode = 'LX001', detail = 'p_before = null',
        hint = 'To delete all notifications, pass the time of now.';
  end if;
  -- what somebody marks as read in this moment is for the next time
  delete from learn.notifications n
  using (
    select o.user_id, o.id from learn.notifications o
    where o.created_at < p_before
    for update skip locked
  ) o
  where n.user_id = o.user_id and n.id = o.id;
  get diagnostics v_purged = row_count;
  return v_purged;
end;
$$;
comment on function learn.purge_notifications(timestamptz) is
  'Deletes the notifications older than a time, read or not; returns how many.';
