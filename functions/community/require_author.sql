-- Refuses what only a post's author or a moderator may do.
-- Errors: LX010.
create or replace function learn_internal.require_author(p_user_id uuid, p_author_id uuid)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_user_id is distinct from p_author_id and not learn_internal.is_moderator(p_user_id) then
    raise exception 'only the author or a moderator may do this'
      using errcode = 'LX010',
        detail = format('p_user_id = %s, author_id = %s', p_user_id, p_author_id),
        hint = 'Moderators have the role moderator or admin in learn.users.';
  end if;
end;
$$;
comment on function learn_internal.require_author(uuid, uuid) is
  'Refuses users who are neither the author nor a moderator (LX010).';
