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
set search_path = pg_catalog, pg_temp
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
  v_ids      bigint[];
  v_given_up bigint[];
begin
  perform learn_internal.require_size('p_topics', cardinality(p_topics), 100, 'elements');
  perform learn_internal.require_size('p_topics', length(p_topics::text), 30000);
  perform learn_internal.require_size('p_worker', length(p_worker), 200);
  if p_limit is null or p_limit not between 1 and 10000 or p_worker !~ E'\\S' then
    raise exception 'a worker claims 1 to 10,000 messages at a time, by a name or none'
      using errcode = 'LX001', detail = format('p_limit = %s, p_worker = %L', p_limit, p_worker),
        hint = 'Claim as many as you can do within outbox_timeout_seconds.';
  end if;

  loop  -- as long as there are only messages to give up, which is rare
    select array_agg(d.id) filter (where d.attempts < v_attempts),
      array_agg(d.id) filter (where d.attempts >= v_attempts)
    into v_ids, v_given_up
    from (
      select m.id, m.attempts from learn.outbox m
      where m.completed_at is null and m.failed_at is null and m.available_at <= v_now
        and (p_topics is null or m.topic = any (p_topics))
      order by m.id
      limit p_limit
      for update skip locked
    ) d;
    if v_given_up is not null then
      update learn.outbox o
      set failed_at = v_now, error = coalesce(o.error, 'its last claim ran out')
      where o.id = any (v_given_up);
    end if;
    exit when v_ids is not null or v_given_up is null;
  end loop;

  return query
  with claimed as (
    update learn.outbox o
    set claimed_at = v_now, claimed_by = p_worker, attempts = o.attempts + 1,
      available_at = v_until
    where o.id = any (v_ids)
    returning o.*
  )
  select c.* from claimed c order by c.id;
end;
$$;
comment on function learn.claim_outbox(integer, text[], text) is
  'Gives a worker the oldest due messages (of these topics), for outbox_timeout_seconds. '
  'Commit, do the work, then complete_outbox() or fail_outbox().';
grant execute on function learn.claim_outbox(integer, text[], text) to learn_app;

-- Marks messages as done: nobody gets them again. Completing one again, one that is gone, or one
-- that somebody else has claimed meanwhile is no error: what was done was done.
create or replace function learn.complete_outbox(p_ids bigint[])
returns integer
language plpgsql
volatile
security definer                  -- workers write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_completed integer;
begin
  perform learn_internal.require_size('p_ids', cardinality(p_ids), 10000, 'elements');
  perform from learn.outbox o
  where o.id = any (p_ids) and o.completed_at is null
  order by o.id for update;
  update learn.outbox o
  set completed_at = learn.clock(), failed_at = null, error = null
  where o.id = any (p_ids) and o.completed_at is null;
  get diagnostics v_completed = row_count;
  return v_completed;
end;
$$;
comment on function learn.complete_outbox(bigint[]) is
  'Marks messages as done; returns how many were not yet.';
grant execute on function learn.complete_outbox(bigint[]) to learn_app;

-- Ends claims without success: the messages come again after a pause that doubles with each
-- attempt, and are given up after outbox_max_attempts. What is completed or given up stays so.
--
-- A worker that comes late must not end the claim of the next one. With a name, only claims
-- of that worker end; without, the pause lasts at least until the present claim runs out.
-- Errors: LX001 no reason; LX003 a setting is missing.
create or replace function learn.fail_outbox(
  p_ids    bigint[],
  p_error  text,
  p_worker text default null
)
returns integer
language plpgsql
volatile
security definer                  -- workers write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_now      timestamptz := learn.clock();
  v_pause    double precision := learn_internal.setting_number('outbox_retry_seconds');
  v_attempts integer := learn_internal.setting_number('outbox_max_attempts')::integer;
  v_failed   integer;
begin
  perform learn_internal.require_size('p_ids', cardinality(p_ids), 10000, 'elements');
  perform learn_internal.require_size('p_error', length(p_error), 1000000);
  perform learn_internal.require_size('p_worker', length(p_worker), 200);
  if coalesce(p_error, '') !~ E'\\S' then
    raise exception 'a failure has a reason'
      using errcode = 'LX001', detail = format('p_error = %L', p_error),
        hint = 'Say what went wrong: learn.outbox.error keeps it.';
  end if;
  perform from learn.outbox o
  where o.id = any (p_ids) and o.completed_at is null and o.failed_at is null
  order by o.id for update;
  update learn.outbox o
  set error = left(p_error, 10000),
    failed_at = case when o.attempts >= v_attempts then v_now end,
    available_at = greatest(
      v_now + interval '1 second' * least(86400, v_pause * 2 ^ (least(o.attempts, 30) - 1)),
      case when p_worker is null then o.available_at end)
  where o.id = any (p_ids) and o.completed_at is null and o.failed_at is null and o.attempts > 0
    and (p_worker is null or o.claimed_by = p_worker);
  get diagnostics v_failed = row_count;
  return v_failed;
end;
$$;
comment on function learn.fail_outbox(bigint[], text, text) is
  'Ends claims without success; returns how many. The messages come again after a growing pause '
  'and are given up after outbox_max_attempts.';
grant execute on function learn.fail_outbox(bigint[], text, text) to learn_app;

-- Deletes messages that were completed before a time. Those that are open or given up stay.
-- Errors: LX001 no time.
-- no grant: for operators, as learn_owner.
create or replace function learn.purge_outbox(p_before timestamptz)
returns bigint
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_deleted bigint;
begin
  if p_before is null then
    raise exception 'it takes a time before which to purge'
      using errcode = 'LX001', detail = 'p_before = null',
        hint = 'For instance: learn.purge_outbox(now() - interval ''30 days'').';
  end if;
  delete from learn.outbox o where o.completed_at < p_before;
  get diagnostics v_deleted = row_count;
  return v_deleted;
end;
$$;
comment on function learn.purge_outbox(timestamptz) is
  'Deletes messages that were completed before a time; returns how many.';

-- Lets messages that were given up begin again, when what made them fail is mended.
-- no grant: for operators, as learn_owner.
create or replace function learn.retry_outbox(p_ids bigint[])
returns integer
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_retried integer;
begin
  perform learn_internal.require_size('p_ids', cardinality(p_ids), 100000, 'elements');
  update learn.outbox o
  set failed_at = null, attempts = 0, available_at = learn.clock()
  where o.id = any (p_ids) and o.failed_at is not null;
  get diagnostics v_retried = row_count;
  return v_retried;
end;
$$;
comment on function learn.retry_outbox(bigint[]) is
  'Lets messages that were given up begin again; returns how many.';
