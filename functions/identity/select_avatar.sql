-- Selects the avatar that a user shows: a default one, or one that the user has unlocked;
-- null: none.
-- Errors: LX001, LX002, LX003 unknown avatar, LX004 user inactive, LX010 not the user's, LX013.
create or replace function learn.select_avatar(
  p_user_id         uuid,
  p_avatar_id       bigint,
  p_occurred_at     timestamptz default null,
  p_idempotency_key text default null
)
returns learn.award_summary
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_call learn_internal.call := learn_internal.begin_call(
    'select_avatar', p_user_id, jsonb_build_object('avatar_id', p_avatar_id),
    p_occurred_at, p_idempotency_key);
begin
  if (v_call.replay).replayed then
    return v_call.replay;
  end if;
  if p_avatar_id is not null and not exists (
    select from learn.avatars a where a.id = p_avatar_id)
  then
    raise exception 'unknown avatar'
      using errcode = 'LX003', detail = format('p_avatar_id = %s', p_avatar_id),
        hint = 'Look the avatar up in learn.avatars.';
  end if;
  update learn.users u set selected_avatar_id = p_avatar_id
  where u.id = p_user_id and u.selected_avatar_id is distinct from p_avatar_id;
  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.select_avatar(uuid, bigint, timestamptz, text) is
  'Selects the avatar that a user shows: a default one or one of the user''s own; null: none.';
grant execute on function learn.select_avatar(uuid, bigint, timestamptz, text) to learn_app, learn_user;
