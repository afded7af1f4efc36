-- When a user's row is changed, its updated_at says so.
create or replace trigger users_touch
  before update on learn.users
  for each row
  when (old.* is distinct from new.*)
  execute function learn_internal.touch_updated_at();
comment on trigger users_touch on learn.users is 'Keeps updated_at.';
