-- When a question is changed, its updated_at says so.
create or replace trigger questions_touch
  before update on learn.questions
  for each row
  when (old.* is distinct from new.*)
  execute function learn_internal.touch_updated_at();
