-- Whether a message of the outbox is about a user who is not there any more: nothing is kept of them then.
create or replace function learn_internal.is_erased(p_user_id text)
returns boolean
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select p_user_id ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' is true
    and not exists (
      select from learn.users u
      where u.id = case when p_user_id ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then p_user_id::uuid end);
$$;
comment on function learn_internal.is_erased(text) is
  'Whether a message is about a user who is not there any more.';
