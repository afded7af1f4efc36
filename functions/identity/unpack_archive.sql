-- Moves what is archived of accounts that are being merged back into the log and the ledger, into their default
-- partitions. Returns the time until which it was archived, for pack_archive(); null: nothing was.
create or replace function learn_internal.unpack_archive(p_user_ids uuid[])
returns timestamptz
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_until timestamptz;
begin
  v_until := greatest(
    (select max(f.recorded_at) from learn_internal.unpacked_facts f where f.user_id = any (p_user_ids)),
    (select max(t.created_at) from learn_internal.unpacked_payments t where t.user_id = any (p_user_ids)));
  if v_until is null then
    return null;
  end if;
  perform set_config('learn_internal.writes_facts', 'yes', true);
  insert into learn.activity_log_default
    (user_id, id, activity_type, subject_type, subject_id, properties, xp, occurred_at, local_date, zone_number,
     is_qualifying, recorded_at, idempotency_key)
  overriding system value
  select f.user_id, f.id, f.activity_type, f.subject_type, f.subject_id, f.properties, f.xp, f.occurred_at, f.local_date,
    f.zone_number, f.is_qualifying, f.recorded_at, f.idempotency_key
  from learn_internal.unpacked_facts f
  where f.user_id = any (p_user_ids);
  perform set_config('learn_internal.writes_facts', '', true);
  insert into learn.xp_transactions_default
    (user_id, id, amount, activity_type, source_type, source_id, description, earned_on, created_at)
  overriding system value
  select t.user_id, t.id, t.amount, t.activity_type, t.source_type, t.source_id, t.description, t.earned_on, t.created_at
  from learn_internal.unpacked_payments t
  where t.user_id = any (p_user_ids);
  delete from learn_internal.archived_facts a where a.user_id = any (p_user_ids);
  delete from learn_internal.archived_payments a where a.user_id = any (p_user_ids);
  return v_until + interval '1 microsecond';
end;
$$;
comment on function learn_internal.unpack_archive(uuid[]) is
  'Moves what is archived of accounts that are being merged back into the log and the ledger; returns until when it was.';
