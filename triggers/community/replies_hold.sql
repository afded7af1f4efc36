-- Before replies are written or accepted: content and rules are held, because facts follow.
create or replace trigger replies_hold
  before insert or update of is_solution, first_accepted_at on learn.replies
  for each statement
  execute function learn_internal.hold_content_first();
comment on trigger replies_hold on learn.replies is 'Keeps content as it is.';
