-- What happens when rows of learn.transactions are written, in the order in which triggers fire.
-- Errors: LX003, LX010.

-- Before transactions are written: content is held.
create or replace trigger transactions_hold
  before insert or update of course_id, achievement_id on learn.transactions
  for each statement
  execute function learn_internal.hold_content_first();

-- When a transaction is written: its page in the explorer is filled in. When it is changed:
-- the status moves forward only, and who it belongs to and the network's id stay.
-- Errors: LX003 the setting is missing; LX010.
create or replace function learn_internal.keep_transactions()
returns trigger
language plpgsql
volatile
security definer                  -- settings are read for whoever writes
set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'UPDATE' then
    if new.status <> old.status and not learn_internal.is_next_status(old.status, new.status)
      or new.tx_id is distinct from old.tx_id and old.tx_id is not null
      or (new.id, new.tx_type) <> (old.id, old.tx_type)
      or (new.amount_hbar, new.from_account, new.to_account) is distinct from
        (old.amount_hbar, old.from_account, old.to_account)
      or new.user_id <> old.user_id and not learn_internal.is_merging()
    then
      raise exception 'a transaction moves forward only'
        using errcode = 'LX010',
          detail = format('transaction %s: from %s to %s%s', coalesce(old.tx_id, old.id::text),
            old.status, new.status, case when new.tx_id is distinct from old.tx_id
              then format(', id %s', coalesce(new.tx_id, 'null')) end),
          hint = 'From pending to submitted or failed, from submitted to confirmed or failed; '
            'a new try is a new transaction.';
    end if;
    new.updated_at := learn.clock();
  end if;
  if new.tx_id is not null and new.hashscan_url is null then
    new.hashscan_url :=
      rtrim(learn_internal.setting_string('hashscan_url'), '/') || '/transaction/' || new.tx_id;
  end if;
  return new;
end;
$$;
comment on function learn_internal.keep_transactions() is
  'Row trigger: transactions move forward only (LX010); fills in hashscan_url and updated_at.';

create or replace trigger keep_transactions
  before update on learn.transactions
  for each row
  when (old.* is distinct from new.*)
  execute function learn_internal.keep_transactions();

create or replace trigger link_transactions
  before insert on learn.transactions
  for each row
  when (new.tx_id is not null and new.hashscan_url is null)
  execute function learn_internal.keep_transactions();

-- When a row is written: it is dated neither ahead of the clock nor absurdly far back.
-- Errors: LX001.
create or replace trigger refuse_times
  before insert on learn.transactions
  for each row
  when (learn_internal.is_off_time(
    greatest(new.created_at, new.updated_at, new.consensus_timestamp),
    least(new.created_at, new.updated_at, new.consensus_timestamp)))
  execute function learn_internal.refuse_times('created_at', 'updated_at', 'consensus_timestamp');

create or replace trigger refuse_new_times
  before update of created_at, updated_at, consensus_timestamp on learn.transactions
  for each row
  when (new.created_at is distinct from old.created_at and learn_internal.is_off_time(new.created_at, new.created_at)
    or new.updated_at is distinct from old.updated_at and learn_internal.is_off_time(new.updated_at, new.updated_at)
    or new.consensus_timestamp is distinct from old.consensus_timestamp and learn_internal.is_off_time(new.consensus_timestamp, new.consensus_timestamp))
  execute function learn_internal.refuse_times('created_at', 'updated_at', 'consensus_timestamp');
