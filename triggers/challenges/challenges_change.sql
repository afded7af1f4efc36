-- When challenges are activated, deactivated, put into tracks or deleted: this blocks learners.
create or replace trigger challenges_change
  before update of is_active, track_id or delete on learn.challenges
  for each statement
  execute function learn_internal.change_content();
comment on trigger challenges_change on learn.challenges is 'A change blocks learners.';
