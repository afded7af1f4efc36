-- When a reply is edited, its updated_at says so. Counts and acceptance are no edits.
create or replace trigger replies_touch
  before update of content on learn.replies
  for each row
  when (old.content <> new.content)
  execute function learn_internal.touch_updated_at();
comment on trigger replies_touch on learn.replies is 'Keeps updated_at.';
