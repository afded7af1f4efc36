-- Finds a reply and locks what a change of it touches: its discussion, then the reply and
-- the accepted solution, in key order.
-- Errors: LX003.
create or replace function learn_internal.lock_thread(p_reply_id bigint)
returns learn.replies
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_discussion_id bigint;
begin
  select r.discussion_id into v_discussion_id from learn.replies r where r.id = p_reply_id;
  if found then
    perform from learn.discussions d where d.id = v_discussion_id for no key update;
    perform from learn.replies r
    where r.discussion_id = v_discussion_id and (r.is_solution or r.id = p_reply_id)
    order by r.id
    for no key update;
  end if;
  return learn_internal.lock_reply(p_reply_id);
end;
$$;
comment on function learn_internal.lock_thread(bigint) is
  'Finds a reply and locks its discussion, it and the accepted solution (LX003).';
revoke all on function learn_internal.lock_thread(bigint) from public;
