-- Whether a user looks after other people's posts.
create or replace function learn_internal.is_moderator(p_user_id uuid)
returns boolean
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select exists (
    select from learn.users u where u.id = p_user_id and u.role in ('moderator', 'admin'));
$$;
comment on function learn_internal.is_moderator(uuid) is
  'Whether a user is a moderator or an administrator.';
