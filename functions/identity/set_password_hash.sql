-- Stores the hash of a user's password, made by the backend. Laurel never sees a password.
-- Errors: LX001 blank hash; LX002 unknown user.
create or replace function learn.set_password_hash(p_user_id uuid, p_password_hash text)
returns void
language plpgsql
volatile
security definer                  -- no app role reads or writes user_credentials
set search_path = pg_catalog, pg_temp
set jit = off
as $$
begin
  perform learn_internal.require_size('p_password_hash', length(p_password_hash), 1000);
  perform learn_internal.hold_content();
  if coalesce(p_password_hash, '') !~ E'\\S' then
    raise exception 'the password hash is blank'
      using errcode = 'LX001', detail = 'p_password_hash is blank or null',
        hint = 'Hash the password in the backend.';
  end if;
  perform learn_internal.require_user(p_user_id);
  insert into learn.user_credentials (user_id, password_hash)
  values (p_user_id, p_password_hash)
  on conflict (user_id) do update
    set password_hash = excluded.password_hash, updated_at = learn.clock();
  perform learn_internal.audit('set_password_hash', 'password', p_user_id);
end;
$$;
comment on function learn.set_password_hash(uuid, text) is
  'Stores the hash of a user''s password, made by the backend.';
grant execute on function learn.set_password_hash(uuid, text) to learn_app;
