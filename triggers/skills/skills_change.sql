-- When what levels of skills take changes, or skills are deleted: this blocks learners.
create or replace trigger skills_change
  before update of max_level, xp_per_level or delete on learn.skills
  for each statement
  execute function learn_internal.change_content();
comment on trigger skills_change on learn.skills is 'A change blocks learners.';
