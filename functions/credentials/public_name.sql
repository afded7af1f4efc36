-- The name under which credentials of a user are shown: the display name, as it is today;
-- none where there is none, or where the user's preferences say {"name_on_credentials": false}.
create or replace function learn_internal.public_name(p_user_id uuid)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select nullif(btrim(u.display_name), '')
  from learn.users u
  where u.id = p_user_id and u.preferences -> 'name_on_credentials' is distinct from 'false';
$$;
comment on function learn_internal.public_name(uuid) is
  'Hook: the name under which credentials of a user are shown; null: none.';
