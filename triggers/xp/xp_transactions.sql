-- What happens when rows of learn.xp_transactions are written, in the order in which triggers fire.
-- Errors: LX009.

-- When someone empties the ledger: refused.
create or replace trigger xp_transactions_truncate
  before truncate on learn.xp_transactions
  for each statement
  execute function learn_internal.refuse_truncate();

-- When a ledger row is changed or deleted: refused.
create or replace trigger xp_transactions_is_append_only
  before update or delete on learn.xp_transactions
  for each row
  execute function learn_internal.refuse_change();
