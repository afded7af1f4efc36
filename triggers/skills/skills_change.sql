-- When what levels of skills take changes, skills come, go or get other parents: this blocks learners.
create or replace trigger skills_change
  before insert or update of max_level, xp_per_level, parent_skill_id or delete on learn.skills
  for each statement
  execute function learn_internal.change_content();
comment on trigger skills_change on learn.skills is 'A change blocks learners.';
