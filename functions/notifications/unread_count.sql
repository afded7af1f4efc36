-- How many notifications a user has not read.
-- Errors: LX002 unknown user.
create or replace function learn.unread_count(p_user_id uuid)
returns bigint
language plpgsql
stable
security definer                  -- the same for every role that may call it
set search_path = pg_catalog, pg_temp
set jit = off
as $$
begin
  perform learn_internal.require_self(p_user_id);
  perform learn_internal.require_user(p_user_id);
  return (
    select count(*) from learn.notifications n where n.user_id = p_user_id and not n.is_read);
end;
$$;
comment on function learn.unread_count(uuid) is 'How many notifications a user has not read.';
grant execute on function learn.unread_count(uuid) to learn_app, learn_user, learn_readonly;
