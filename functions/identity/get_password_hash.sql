-- The stored hash of one active user's password, for the backend to verify;
-- null where there is none.
create or replace function learn.get_password_hash(p_user_id uuid)
returns text
language sql
stable
security definer                  -- no app role reads user_credentials
set search_path = pg_catalog, pg_temp
set jit = off
as $$
  select c.password_hash
  from learn.user_credentials c
  join learn.users u on u.id = c.user_id
  where c.user_id = p_user_id and u.is_active;
$$;
comment on function learn.get_password_hash(uuid) is
  'The hash of one active user''s password, for the backend to verify; null where there is none.';
grant execute on function learn.get_password_hash(uuid) to learn_app;
