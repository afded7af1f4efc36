-- When activity types are renamed or deleted: this blocks learners.
create or replace trigger activity_types_change
  before update of key or delete on learn.activity_types
  for each statement
  execute function learn_internal.change_content();
comment on trigger activity_types_change on learn.activity_types is 'A change blocks learners.';
