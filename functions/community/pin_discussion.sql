-- Pins a discussion to the top of its lists, or unpins it.
-- Errors: LX001 p_is_pinned is null; LX002; LX003 unknown discussion; LX004 user inactive;
-- LX010 no moderator.
create or replace function learn.pin_discussion(
  p_user_id uuid, p_discussion_id bigint, p_is_pinned boolean default true
)
returns void
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
begin
  perform learn_internal.begin_call('pin_discussion', p_user_id, '{}', null, null);
  if p_is_pinned is null then
    raise exception 'a discussion is pinned or not'
      using errcode = 'LX001', detail = 'p_is_pinned = null', hint = 'Pass true or false.';
  end if;
  if not learn_internal.is_moderator(p_user_id) then
    raise exception 'only moderators pin discussions'
      using errcode = 'LX010', detail = format('p_user_id = %s', p_user_id),
        hint = 'Moderators have the role moderator or admin in learn.users.';
  end if;
  perform learn_internal.lock_post(p_discussion_id);
  update learn.discussions d set is_pinned = p_is_pinned
  where d.id = p_discussion_id and d.is_pinned <> p_is_pinned;
end;
$$;
comment on function learn.pin_discussion(uuid, bigint, boolean) is
  'Pins a discussion to the top of its lists, or unpins it, for moderators.';
grant execute on function learn.pin_discussion(uuid, bigint, boolean) to learn_app, learn_user;
