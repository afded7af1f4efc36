-- Deletes a discussion with its replies and votes. What its authors earned by it stays.
-- Errors: LX002; LX003 unknown discussion; LX004 user inactive; LX010 neither author nor moderator.
create or replace function learn.delete_discussion(p_user_id uuid, p_discussion_id bigint)
returns void
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
begin
  perform learn_internal.begin_call('delete_discussion', p_user_id, '{}', null, null);
  perform learn_internal.require_author(p_user_id, (learn_internal.lock_post(p_discussion_id)).author_id);
  delete from learn.discussions d where d.id = p_discussion_id;
end;
$$;
comment on function learn.delete_discussion(uuid, bigint) is
  'Deletes a discussion with its replies and votes, for its author or a moderator.';
grant execute on function learn.delete_discussion(uuid, bigint) to learn_app, learn_user;
