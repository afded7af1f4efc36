-- When prerequisites of tracks change: this blocks learners.
create or replace trigger track_prerequisites_change
  before insert or update or delete on learn.track_prerequisites
  for each statement
  execute function learn_internal.change_content();
comment on trigger track_prerequisites_change on learn.track_prerequisites is
  'A change blocks learners.';
