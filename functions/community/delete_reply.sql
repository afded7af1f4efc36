-- Deletes a reply with its votes. Replies to it stay: they become replies to the discussion,
-- because they are other people's words. What its author earned by it stays too.
-- Errors: LX002; LX003 unknown reply; LX004 user inactive; LX010 neither author nor moderator.
create or replace function learn.delete_reply(p_user_id uuid, p_reply_id bigint)
returns void
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
begin
  perform learn_internal.begin_call('delete_reply', p_user_id, '{}', null, null);
  perform learn_internal.require_author(p_user_id, (learn_internal.lock_post(null, p_reply_id)).author_id);
  delete from learn.replies r where r.id = p_reply_id;
end;
$$;
comment on function learn.delete_reply(uuid, bigint) is
  'Deletes a reply, for its author or a moderator. Replies to it become replies to the discussion.';
grant execute on function learn.delete_reply(uuid, bigint) to learn_app, learn_user;
