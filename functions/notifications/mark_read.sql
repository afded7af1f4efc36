-- Marks notifications of a user as read, all of them or those with the given ids, and returns how
-- many were unread. Ids that are not the user's own, or read already, change nothing.
-- It moves no reward: it returns no award_summary and may be repeated.
-- Errors: LX002 unknown user.
create or replace function learn.mark_read(p_user_id uuid, p_ids bigint[] default null)
returns bigint
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = pg_catalog, pg_temp
set enable_seqscan = off   -- by key, also where a table was small when this was planned
set jit = off
as $$
declare
  v_marked bigint;
begin
  perform learn_internal.require_self(p_user_id);
  perform learn_internal.require_size('p_ids', cardinality(p_ids), 100000, 'elements');
  perform learn_internal.hold_content();
  perform learn_internal.require_user(p_user_id);
  update learn.notifications n
  set is_read = true, read_at = learn.clock()
  where n.user_id = p_user_id and n.id = any (array(
    -- in order, so that two calls do not deadlock
    select u.id from learn.notifications u
    where u.user_id = p_user_id and not u.is_read and (p_ids is null or u.id = any (p_ids))
    order by u.id
    for update));
  get diagnostics v_marked = row_count;
  return v_marked;
end;
$$;
comment on function learn.mark_read(uuid, bigint[]) is
  'Marks notifications of a user as read, all or those with the given ids; returns how many '
  'were unread.';
grant execute on function learn.mark_read(uuid, bigint[]) to learn_app, learn_user;
