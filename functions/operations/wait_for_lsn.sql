-- Read your writes on a standby: waits until the server has what another one had written up to p_lsn. The writer
-- asks for that after its commit: select pg_current_wal_insert_lsn(). The statements after this one see it.
-- On a primary there is nothing to wait for. While it waits it looks again and again, and holds a snapshot, as every
-- statement does: so it gives up in time, and whoever calls it again helps a standby that waits for old snapshots.
-- Errors: LX001 an argument is missing or out of bounds, or the transaction would not see what it waits for;
-- LX014 not there in time, or from before a failover.
create or replace function learn.wait_for_lsn(p_lsn pg_lsn, p_timeout interval default '5 seconds')
returns pg_lsn
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_until timestamptz;
  v_at    pg_lsn;
  v_pause double precision := 0.001;
begin
  if p_lsn is null or p_timeout is null or p_timeout not between interval '0' and interval '1 hour' then
    raise exception 'what to wait for, and how long'
      using errcode = 'LX001',
        detail = format('p_lsn = %s, p_timeout = %s, at most 1 hour',
          coalesce(p_lsn::text, 'null'), coalesce(p_timeout::text, 'null')),
        hint = 'Pass what pg_current_wal_insert_lsn() gave after the commit, and some seconds.';
  end if;
  if pg_is_in_recovery() and current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'this transaction would not see what it waits for'
      using errcode = 'LX001',
        detail = format('transaction_isolation = %s', current_setting('transaction_isolation')),
        hint = 'Wait in a transaction of its own, before the one that reads.';
  end if;
  v_until := clock_timestamp() + p_timeout;
  loop
    v_at := case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_insert_lsn() end;
    exit when v_at >= p_lsn;
    if not pg_is_in_recovery() then
      raise exception 'this server has never been there'
        using errcode = 'LX014', detail = format('p_lsn = %s, the server is at %s and no standby', p_lsn, v_at),
          hint = 'It is of another server, or from before a failover: make the call again with its idempotency key.';
    elsif clock_timestamp() >= v_until then
      raise exception 'the standby is not there yet'
        using errcode = 'LX014',
          detail = format('p_lsn = %s, the standby is at %s after %s', p_lsn, coalesce(v_at::text, 'nothing'), p_timeout),
          hint = 'Wait again, or read from the primary.';
    end if;
    perform pg_sleep(least(v_pause, extract(epoch from v_until - clock_timestamp())));
    v_pause := least(v_pause * 1.5, 0.05);
  end loop;
  return v_at;
end;
$$;
comment on function learn.wait_for_lsn(pg_lsn, interval) is
  'Waits on a standby until it has what was written up to p_lsn (pg_current_wal_insert_lsn() of the primary after '
  'the commit), at most p_timeout (LX014). Returns where the server is.';
grant execute on function learn.wait_for_lsn(pg_lsn, interval) to learn_app, learn_user, learn_readonly;
