-- Before points are put into skills: content is held.
create or replace trigger user_skills_hold
  before insert or update on learn.user_skills
  for each statement
  execute function learn_internal.hold_content_first();
comment on trigger user_skills_hold on learn.user_skills is 'Keeps content as it is.';
