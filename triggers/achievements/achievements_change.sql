-- When the rules of achievements change: this blocks learners.
create or replace trigger achievements_change
  before insert or update of criteria, is_active or delete on learn.achievements
  for each statement
  execute function learn_internal.change_content();
comment on trigger achievements_change on learn.achievements is 'A change blocks learners.';
