-- Edits a reply.
-- Errors: LX001 blank or too long; LX002; LX003 unknown reply; LX004 user inactive;
-- LX010 neither author nor moderator.
create or replace function learn.edit_reply(p_user_id uuid, p_reply_id bigint, p_content text)
returns void
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
begin
  perform learn_internal.begin_call('edit_reply', p_user_id, '{}', null, null);
  perform learn_internal.require_author(p_user_id, (learn_internal.lock_post(null, p_reply_id)).author_id);
  p_content := learn_internal.require_content(p_content);
  update learn.replies r set content = p_content
  where r.id = p_reply_id and r.content <> p_content;
end;
$$;
comment on function learn.edit_reply(uuid, bigint, text) is
  'Edits a reply, for its author or a moderator.';
grant execute on function learn.edit_reply(uuid, bigint, text) to learn_app, learn_user;
