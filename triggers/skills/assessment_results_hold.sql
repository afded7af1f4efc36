-- Before assessments are written: content is held, because they recommend some of it.
create or replace trigger assessment_results_hold
  before insert on learn.assessment_results
  for each statement
  execute function learn_internal.hold_content_first();
comment on trigger assessment_results_hold on learn.assessment_results is
  'Keeps content as it is.';
