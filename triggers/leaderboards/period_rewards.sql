-- When rewards change: a period that is being closed waits.
create or replace trigger period_rewards_change
  before insert or update or delete on learn.period_rewards
  for each statement
  execute function learn_internal.change_content();
