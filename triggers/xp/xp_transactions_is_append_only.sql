-- When a ledger row is changed or deleted: refused.
create or replace trigger xp_transactions_is_append_only
  before update or delete on learn.xp_transactions
  for each row
  execute function learn_internal.refuse_change();
comment on trigger xp_transactions_is_append_only on learn.xp_transactions is
  'Refuses update and delete (LX009).';
