-- When a request to the faucet is written: until when it limits the next is filled in. One that is yet to be
-- paid is of this moment, whatever its writer says, so that no limit is evaded by an earlier date. When it
-- is changed: the status moves forward only, and what was asked for stays.
-- Errors: LX003 the setting is missing; LX010.
create or replace function learn_internal.keep_faucet_requests()
returns trigger
language plpgsql
volatile
security definer                  -- settings are read for whoever writes
set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'INSERT' then
    if new.status = 'pending' then
      new.requested_at := learn.clock();
    end if;
    new.limited_until := new.requested_at + interval '1 hour'
      * learn_internal.setting_number('faucet_interval_hours')::double precision;
  else
    if new.status <> old.status and not learn_internal.is_next_status(old.status, new.status)
      or new.tx_id is distinct from old.tx_id and old.tx_id is not null
      or (new.user_id, new.id, new.hedera_account_id, new.amount_hbar, new.requested_at)
        <> (old.user_id, old.id, old.hedera_account_id, old.amount_hbar, old.requested_at)
    then
      raise exception 'a request to the faucet moves forward only'
        using errcode = 'LX010',
          detail = format('request %s: from %s to %s%s', old.id, old.status, new.status,
            case when new.tx_id is distinct from old.tx_id
              then format(', transaction %s', coalesce(new.tx_id, 'null')) end),
          hint = 'From pending to submitted or failed, from submitted to completed or failed; '
            'what was asked for, of whom and when stays.';
    end if;
    if new.status = 'completed' and old.status <> 'completed' then
      new.completed_at := coalesce(new.completed_at, learn.clock());
    end if;
  end if;
  return new;
end;
$$;
comment on function learn_internal.keep_faucet_requests() is
  'Row trigger: requests to the faucet move forward only (LX010); fills in when they came, '
  'until when they limit the next, and when they were completed.';
revoke all on function learn_internal.keep_faucet_requests() from public;

create or replace trigger keep_faucet_requests
  before update on learn.faucet_requests
  for each row
  when (old.* is distinct from new.*)
  execute function learn_internal.keep_faucet_requests();
comment on trigger keep_faucet_requests on learn.faucet_requests is
  'Requests move forward only (LX010).';

create or replace trigger limit_faucet_requests
  before insert on learn.faucet_requests
  for each row
  when (new.limited_until is null or new.status = 'pending')
  execute function learn_internal.keep_faucet_requests();
comment on trigger limit_faucet_requests on learn.faucet_requests is
  'Fills in limited_until; what is yet to be paid is of this moment.';
