-- When metrics are defined differently: this blocks learners.
create or replace trigger metrics_change
  before insert or update or delete on learn.metrics
  for each statement
  execute function learn_internal.change_content();
comment on trigger metrics_change on learn.metrics is 'A change blocks learners.';
