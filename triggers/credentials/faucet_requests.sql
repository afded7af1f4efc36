-- What happens when rows of learn.faucet_requests are written, in the order in which triggers fire.
-- Errors: LX001, LX003, LX008, LX010.

-- Before requests to the faucet are written: content is held, and statements take turns, so that the limits
-- of users and accounts are looked up when all earlier requests are there. One turn for all of them, and
-- before the first row: two statements over the same users or accounts cannot meet at the constraints
-- in opposite orders. request_faucet() writes one row and has the turn of its account already: it says so,
-- and learners do not wait for each other.
create or replace function learn_internal.queue_faucet_requests()
returns trigger
language plpgsql
volatile
security definer                  -- the locks are the owner's
set search_path = pg_catalog, pg_temp
as $$
begin
  perform learn_internal.hold_content();
  if coalesce(current_setting('learn_internal.has_faucet_turn', true), '') <> 'yes' then
    perform from learn_internal.turns t where t.name = 'faucet' for update;
  end if;
  return null;
end;
$$;
comment on function learn_internal.queue_faucet_requests() is
  'Statement trigger: requests to the faucet take turns, with content held.';

create or replace trigger faucet_requests_hold
  before insert on learn.faucet_requests
  for each statement
  execute function learn_internal.queue_faucet_requests();

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
      or (new.id, new.hedera_account_id, new.amount_hbar, new.requested_at)
        <> (old.id, old.hedera_account_id, old.amount_hbar, old.requested_at)
      or new.user_id <> old.user_id and not learn_internal.is_merging()
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

create or replace trigger keep_faucet_requests
  before update on learn.faucet_requests
  for each row
  when (old.* is distinct from new.*)
  execute function learn_internal.keep_faucet_requests();

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

create or replace trigger serve_faucet_requests
  after insert on learn.faucet_requests
  referencing new table as new_requests
  for each statement
  execute function learn_internal.serve_faucet_requests();

-- When a row is written: it is dated neither ahead of the clock nor absurdly far back.
-- Errors: LX001.
create or replace trigger refuse_times
  before insert on learn.faucet_requests
  for each row
  when (learn_internal.is_off_time(
    greatest(new.requested_at, new.completed_at),
    least(new.requested_at, new.completed_at)))
  execute function learn_internal.refuse_times('requested_at', 'completed_at');

-- After what is dated absurdly was refused.
create or replace trigger stamp_faucet_requests
  before insert on learn.faucet_requests
  for each row
  when (new.limited_until is null or new.status = 'pending')
  execute function learn_internal.keep_faucet_requests();

create or replace trigger refuse_new_times
  before update of requested_at, completed_at on learn.faucet_requests
  for each row
  when (new.requested_at is distinct from old.requested_at and learn_internal.is_off_time(new.requested_at, new.requested_at)
    or new.completed_at is distinct from old.completed_at and learn_internal.is_off_time(new.completed_at, new.completed_at))
  execute function learn_internal.refuse_times('requested_at', 'completed_at');
