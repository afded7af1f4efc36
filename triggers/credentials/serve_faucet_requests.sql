-- When the faucet is asked: users and accounts wait between requests, and a worker gets to pay.
-- Statements take turns since before their first row: see faucet_requests_hold.
-- Errors: LX001 amount above the maximum; LX003 the setting is missing; LX008.
create or replace function learn_internal.serve_faucet_requests()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_maximum numeric;
  v_refused record;
begin
  if not exists (select from new_requests) then
    return null;
  end if;
  v_maximum := learn_internal.setting_number('faucet_max_hbar');
  select n.amount_hbar into v_refused
  from new_requests n
  where n.status = 'pending' and n.amount_hbar > v_maximum
  limit 1;
  if found then
    raise exception 'the amount is too large'
      using errcode = 'LX001', detail = format('amount_hbar = %s', v_refused.amount_hbar),
        hint = format('At most %s hbar (setting faucet_max_hbar).', v_maximum);
  end if;

  select n.user_id, n.hedera_account_id, bool_or(r.user_id = n.user_id) as is_user,
    max(r.limited_until) as limited_until
  into v_refused
  from new_requests n
  cross join lateral (
    select f.user_id, f.id, f.limited_until, f.requested_at
    from learn.faucet_requests f where f.user_id = n.user_id and f.status <> 'failed'
    union all
    select f.user_id, f.id, f.limited_until, f.requested_at
    from learn.faucet_requests f
    where f.hedera_account_id = n.hedera_account_id and f.status <> 'failed'
  ) r
  where n.status <> 'failed' and (r.user_id, r.id) <> (n.user_id, n.id)
    and r.requested_at < n.limited_until and n.requested_at < r.limited_until
  group by n.user_id, n.id, n.hedera_account_id
  order by n.id
  limit 1;
  if found then
    raise exception 'the faucet has served this % lately',
        case when v_refused.is_user then 'user' else 'account' end
      using errcode = 'LX008',
        detail = format('user %s, account %s: possible again at %s', v_refused.user_id,
          v_refused.hedera_account_id, to_char(v_refused.limited_until at time zone 'UTC',
            'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')),
        hint = 'Ask again then (setting faucet_interval_hours).';
  end if;

  insert into learn.outbox (topic, key, payload)
  select 'faucet', n.user_id || ' ' || n.id,
    jsonb_build_object('user_id', n.user_id, 'request_id', n.id)
  from new_requests n
  where n.status = 'pending'
  order by n.id
  on conflict (topic, key) do nothing;
  return null;
end;
$$;
comment on function learn_internal.serve_faucet_requests() is
  'Statement trigger: users and accounts wait between requests (LX008); asks a worker to pay.';
revoke all on function learn_internal.serve_faucet_requests() from public;

create or replace trigger serve_faucet_requests
  after insert on learn.faucet_requests
  referencing new table as new_requests
  for each statement
  execute function learn_internal.serve_faucet_requests();
comment on trigger serve_faucet_requests on learn.faucet_requests is
  'Users and accounts wait between requests (LX008); asks a worker to pay.';
