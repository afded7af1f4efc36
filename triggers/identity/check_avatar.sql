-- When a user shows another avatar: it must be a default one, or one that the user has unlocked.
-- Errors: LX010 the avatar is not the user's.
create or replace function learn_internal.check_avatar()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if not exists (
    select from learn.avatars a where a.id = new.selected_avatar_id and a.is_default)
    and not exists (
    select from learn.user_avatars o
    where o.user_id = new.id and o.avatar_id = new.selected_avatar_id)
  then
    raise exception 'the avatar is not unlocked'
      using errcode = 'LX010',
        detail = format('user_id = %s, avatar_id = %s', new.id, new.selected_avatar_id),
        hint = 'Default avatars belong to everyone, others come with achievements: '
          'learn.avatar_collection().';
  end if;
  return new;
end;
$$;
comment on function learn_internal.check_avatar() is
  'Row trigger: a user shows only avatars that are the user''s (LX010).';
revoke all on function learn_internal.check_avatar() from public;

create or replace trigger check_avatar
  before update of selected_avatar_id on learn.users
  for each row
  when (new.selected_avatar_id is not null
    and new.selected_avatar_id is distinct from old.selected_avatar_id)
  execute function learn_internal.check_avatar();
comment on trigger check_avatar on learn.users is 'Only own avatars are shown (LX010).';

create or replace trigger check_first_avatar
  before insert on learn.users
  for each row
  when (new.selected_avatar_id is not null)
  execute function learn_internal.check_avatar();
comment on trigger check_first_avatar on learn.users is 'Only own avatars are shown (LX010).';
