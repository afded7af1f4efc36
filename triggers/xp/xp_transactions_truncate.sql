-- When someone empties the ledger: refused.
create or replace trigger xp_transactions_truncate
  before truncate on learn.xp_transactions
  for each statement
  execute function learn_internal.refuse_truncate();
comment on trigger xp_transactions_truncate on learn.xp_transactions is 'Refuses truncate (LX009).';
