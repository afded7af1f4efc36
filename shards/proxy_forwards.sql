-- How the proxy tells shards what home knows of their learners (forwards.sql), after a call and when a crash has left something.

set role learn_owner;

-- Puts into what home has to tell of a learner what another shard has to give: the rows of accounts that were merged
-- into it, once that shard has heard all that home had to tell of them.
create or replace function learn_proxy.bring(p_forwards jsonb)
returns jsonb
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_merge record;
begin
  for v_merge in
    select (f.place - 1)::text as place, (f.value #>> '{payload,from}')::uuid as user_id
    from jsonb_array_elements(p_forwards) with ordinality f(value, place)
    where f.value ->> 'kind' = 'merge'
  loop
    while learn_proxy.drain_learner(v_merge.user_id) > 0 loop
    end loop;
    p_forwards := jsonb_set(p_forwards, array[v_merge.place, 'payload', 'packed'], learn_proxy.pack_learner(v_merge.user_id));
  end loop;
  return p_forwards;
end;
$$;
comment on function learn_proxy.bring(jsonb) is
  'Puts into what home has to tell of a learner the rows of accounts that were merged into it.';

-- What home had to tell of a learner has been taken: neither home nor another shard keeps it any longer.
create or replace function learn_proxy.finish(p_user_id uuid, p_forwards jsonb)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  perform learn_proxy.forget_learner((f.value #>> '{payload,from}')::uuid, p_user_id)
  from jsonb_array_elements(p_forwards) f
  where f.value ->> 'kind' = 'merge';
  perform learn_proxy.forget((
    select jsonb_agg(jsonb_build_object('id', f.value -> 'id')) from jsonb_array_elements(p_forwards) f));
end;
$$;
comment on function learn_proxy.finish(uuid, jsonb) is
  'What home had to tell of a learner has been taken: neither home nor another shard keeps it any longer.';

-- Delivers what home has to tell of one learner, in order; returns how much that was.
create or replace function learn_proxy.drain_learner(p_user_id uuid)
returns integer
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_forwards jsonb := (select p.forwards from learn_proxy.pending(p_user_id, 1000, null) p);
begin
  if v_forwards is null then
    return 0;
  end if;
  v_forwards := learn_proxy.bring(v_forwards);
  begin
    perform learn_proxy.take(p_user_id, v_forwards);
  exception
    when unique_violation then
      -- a name that has changed hands on home: its last owner's shard has not heard of it
      perform learn_proxy.deliver(p_user_id, 1000, '0');
      perform learn_proxy.take(p_user_id, v_forwards);
      perform learn_proxy.deliver(p_user_id, 1000, '0');  -- who waited for this learner's names
  end;
  perform learn_proxy.finish(p_user_id, v_forwards);
  return jsonb_array_length(v_forwards);
end;
$$;
comment on function learn_proxy.drain_learner(uuid) is 'Delivers what home has to tell of one learner; returns how much.';

-- Delivers what home has to tell of everybody but one, and but those whose own call began within a bound: its answer will.
-- A shard that does not answer hears of it later. Whose new name is still another's there gives up the old one: perhaps that
-- other waits for it.
create or replace function learn_proxy.deliver(p_but uuid, p_limit integer, p_older_than interval)
returns integer
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_pending    record;
  v_forwards   jsonb;
  v_is_blocked boolean;             -- by somebody who has the name there
  v_count      integer := 0;
begin
  for v_pending in select p.* from learn_proxy.pending(null, p_limit, p_older_than) p where p.user_id is distinct from p_but loop
    v_is_blocked := false;
    loop
      begin
        if v_is_blocked then
          perform learn_proxy.release_names(v_pending.user_id, v_pending.forwards);
          exit;
        end if;
        v_forwards := learn_proxy.bring(v_pending.forwards);
        perform learn_proxy.take(v_pending.user_id, v_forwards);
        perform learn_proxy.finish(v_pending.user_id, v_forwards);
        v_count := v_count + 1;
        exit;
      exception
        when unique_violation then
          raise log 'learner % is not told yet: %', v_pending.user_id, sqlerrm;
          exit when v_is_blocked;
          v_is_blocked := true;
        when connection_exception or internal_error or admin_shutdown or crash_shutdown or cannot_connect_now
          or lock_not_available or deadlock_detected or serialization_failure or sqlstate 'LX015'
        then
          raise log 'learner % is not told yet: %', v_pending.user_id, sqlerrm;
          exit;
      end;
    end loop;
  end loop;
  return v_count;
end;
$$;
comment on function learn_proxy.deliver(uuid, integer, interval) is
  'Delivers what home has to tell of everybody but one; returns of how many learners.';

-- After a call on home: the learner's shard hears of it and answers, and so do those of others whom it concerns.
create or replace function learn_proxy.settle(p_user_id uuid, p_key text, p_home learn.award_summary)
returns learn.award_summary
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_forwards jsonb := coalesce((select p.forwards from learn_proxy.pending(p_user_id, 1000, null) p), '[]');
  v_summary  learn.award_summary;
begin
  v_forwards := learn_proxy.bring(v_forwards);
  begin
    v_summary := learn_proxy.answer(p_user_id, p_key, to_jsonb(p_home), v_forwards);
  exception
    when unique_violation then  -- as in drain_learner()
      perform learn_proxy.deliver(p_user_id, 1000, '0');
      v_summary := learn_proxy.answer(p_user_id, p_key, to_jsonb(p_home), v_forwards);
  end;
  if v_forwards <> '[]' then
    perform learn_proxy.finish(p_user_id, v_forwards);
  end if;
  perform learn_proxy.deliver(p_user_id, 20, '10 seconds');
  return v_summary;
end;
$$;
comment on function learn_proxy.settle(uuid, text, learn.award_summary) is
  'After a call on home: tells the shards whom it concerns, and returns what the learner''s shard answers.';

-- Finishes what crashes have left: claims are confirmed or taken back, what home has to tell is delivered. Has shards forget
-- what is older than 30 days, as idempotency keys. Returns how much was delivered.
create or replace function learn_proxy.drain(p_older_than interval default '1 minute')
returns integer
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_count integer;
  v_sum   integer := 0;
begin
  perform learn_proxy.settle_claims(p_older_than, null, null);
  loop
    v_count := learn_proxy.deliver(null, 500, p_older_than);
    v_sum := v_sum + v_count;
    exit when v_count = 0;
  end loop;
  begin
    perform learn_proxy.purge(clock_timestamp() - interval '30 days', learn_proxy.oldest_forward());
  exception
    when connection_exception or internal_error or admin_shutdown or crash_shutdown or cannot_connect_now
      or sqlstate 'LX015'
    then
      raise log 'a shard forgets later: %', sqlerrm;
  end;
  return v_sum;
end;
$$;
comment on function learn_proxy.drain(interval) is
  'Finishes what crashes have left: claims older than a bound, and what home has to tell; returns of how many learners.';

reset role;
