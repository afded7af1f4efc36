-- Refuses a user whom nobody knows: the one place of this error. p_is_known is what the caller has looked up already; null:
-- it is looked up here.
-- Errors: LX002.
create or replace function learn_internal.require_user(
  p_user_id  uuid,
  p_is_known boolean default null,
  p_name     text default 'p_user_id',
  p_hint     text default 'Register the user first: learn.register_user(). Who was erased is a user no more.'
)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if not coalesce(p_is_known, exists (select from learn.users u where u.id = p_user_id)) then
    raise exception 'unknown user'
      using errcode = 'LX002', detail = format('%s = %s', p_name, coalesce(p_user_id::text, 'null')), hint = p_hint;
  end if;
end;
$$;
comment on function learn_internal.require_user(uuid, boolean, text, text) is
  'Refuses a user whom nobody knows (LX002).';
