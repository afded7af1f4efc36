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

  perform learn_internal.hold_content();  -- nobody is erased in between
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
