-- When learning paths are published, unpublished or deleted: this blocks learners.
create or replace trigger learning_paths_change
  before update of is_published or delete on learn.learning_paths
  for each statement
  execute function learn_internal.change_content();
comment on trigger learning_paths_change on learn.learning_paths is 'A change blocks learners.';
