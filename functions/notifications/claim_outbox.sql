-- Gives a worker the oldest messages that are due, and to nobody else until they are completed,
-- have failed or the setting outbox_timeout_seconds has run out. Commit before doing the work:
-- the claim holds without a transaction. Messages whose last attempt has run out are given up.
-- Errors: LX001 p_limit out of range, blank worker; LX003 a setting is missing.
create or replace function learn.claim_outbox(
  p_limit  integer default 100,
  p_topics text[] default null,
  p_worker text default null
)
returns setof learn.outbox
language plpgsql
volatile
security definer                  -- workers write no table
set search_path = ''
set plan_cache_mode = force_generic_plan  -- always by the index of open messages
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
  v_now      timestamptz := learn.clock();
  v_until    timestamptz := v_now + interval '1 second'
    * learn_internal.setting_number('outbox_timeout_seconds')::double precision;
  v_attempts integer := learn_internal.setting_number('outbox_max_attempts')::integer;
begin
  if p_limit is null or p_limit not between 1 and 10000 or p_worker !~ '\S' then
    raise exception 'a worker claims 1 to 10,000 messages at a time, by a name or none'
      using errcode = 'LX001', detail = format('p_limit = %s, p_worker = %L', p_limit, p_worker),
        hint = 'Claim as many as you can do within outbox_timeout_seconds.';
  end if;

  update learn.outbox o
  set failed_at = v_now, error = coalesce(o.error, 'its last claim ran out')
  where o.id in (
    select d.id from learn.outbox d
    where d.completed_at is null and d.failed_at is null
      and d.available_at <= v_now and d.attempts >= v_attempts
    order by d.id
    limit 1000
    for update skip locked);

  return query
  with due as materialized (
    select d.id from learn.outbox d
    where d.completed_at is null and d.failed_at is null
      and d.available_at <= v_now and d.attempts < v_attempts
      and (p_topics is null or d.topic = any (p_topics))
    order by d.id
    limit p_limit
    for update skip locked
  ), claimed as (
    update learn.outbox o
    set claimed_at = v_now, claimed_by = p_worker, attempts = o.attempts + 1,
      available_at = v_until
    where o.id in (select d.id from due d)
    returning o.*
  )
  select c.* from claimed c order by c.id;
end;
$$;
comment on function learn.claim_outbox(integer, text[], text) is
  'Gives a worker the oldest due messages (of these topics), for outbox_timeout_seconds. '
  'Commit, do the work, then complete_outbox() or fail_outbox().';
revoke all on function learn.claim_outbox(integer, text[], text) from public;
grant execute on function learn.claim_outbox(integer, text[], text) to learn_app;
