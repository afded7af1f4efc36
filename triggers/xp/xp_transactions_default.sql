-- When someone empties the default partition: refused.
create or replace trigger xp_transactions_default_truncate
  before truncate on learn.xp_transactions_default
  for each statement
  execute function learn_internal.refuse_truncate();
