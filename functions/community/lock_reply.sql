-- Finds a reply and locks it. Its discussion, where that is written too, is locked before it.
-- Errors: LX003.
create or replace function learn_internal.lock_reply(p_reply_id bigint)
returns learn.replies
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_reply learn.replies;
begin
  select r.* into v_reply from learn.replies r where r.id = p_reply_id for no key update;
  if not found then
    raise exception 'unknown reply'
      using errcode = 'LX003',
        detail = format('reply_id = %s', coalesce(p_reply_id::text, 'null')),
        hint = 'Look the reply up in learn.replies; it may have been deleted.';
  end if;
  return v_reply;
end;
$$;
comment on function learn_internal.lock_reply(bigint) is 'Finds and locks a reply (LX003).';
revoke all on function learn_internal.lock_reply(bigint) from public;
