-- Notes a transaction on the network before it is submitted, and returns its id. The network's own
-- id is the key: the same again returns the same row.
-- Errors: LX001 malformed id, type, account or amount; LX002; LX003 unknown course or achievement;
-- LX010 the transaction is there with other data.
create or replace function learn.record_transaction(
  p_user_id        uuid,
  p_tx_id          text,
  p_tx_type        text,
  p_amount_hbar    numeric default 0,
  p_from_account   text default null,
  p_to_account     text default null,
  p_course_id      bigint default null,
  p_achievement_id bigint default null
)
returns bigint
language plpgsql
volatile
security definer                  -- workers write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_id       bigint;
  v_earlier  learn.transactions;
begin
  perform learn_internal.require_size('p_tx_id', length(p_tx_id), 200);
  perform learn_internal.require_size('p_tx_type', length(p_tx_type), 100);
  perform learn_internal.require_size('p_from_account', length(p_from_account), 200);
  perform learn_internal.require_size('p_to_account', length(p_to_account), 200);
  if coalesce(p_tx_id, '') !~ '^[!-~]+$' or length(p_tx_id) > 200
    or coalesce(p_tx_type, '') !~ '^[a-z0-9]+([-_.][a-z0-9]+)*$'
    or p_from_account !~ '^[!-~]+$' or p_to_account !~ '^[!-~]+$'
    or length(p_from_account) > 200 or length(p_to_account) > 200
    or p_amount_hbar is null or not p_amount_hbar between 0 and 100000000000
    or scale(trim_scale(p_amount_hbar)) > 8
  then
    raise exception 'the transaction is malformed'
      using errcode = 'LX001',
        detail = format('p_tx_id = %L, p_tx_type = %L, p_amount_hbar = %s, from %L to %L',
          left(p_tx_id, 50), left(p_tx_type, 50), left(p_amount_hbar::text, 50), left(p_from_account, 50),
          left(p_to_account, 50)),
        hint = 'Ids and accounts are words of at most 200 characters, the type is in lower case, '
          'the amount is 0 or more, in hbar with at most 8 decimals.';
  end if;
  perform learn_internal.require_user(p_user_id);
  perform learn_internal.hold_content();
  if p_course_id is not null and not exists (
      select from learn.courses c where c.id = p_course_id)
    or p_achievement_id is not null and not exists (
      select from learn.achievements a where a.id = p_achievement_id)
  then
    raise exception 'there is no such course or achievement'
      using errcode = 'LX003',
        detail = format('p_course_id = %s, p_achievement_id = %s', p_course_id, p_achievement_id),
        hint = 'Look it up in learn.courses or learn.achievements.';
  end if;

  insert into learn.transactions
    (user_id, tx_id, tx_type, amount_hbar, from_account, to_account, course_id, achievement_id)
  values (p_user_id, p_tx_id, p_tx_type, p_amount_hbar, p_from_account, p_to_account,
    p_course_id, p_achievement_id)
  on conflict do nothing  -- of whichever key: that of (user_id, tx_id) may be found first
  returning id into v_id;
  if found then
    return v_id;
  end if;
  select t.* into v_earlier from learn.transactions t where t.tx_id = p_tx_id;
  if (v_earlier.user_id, v_earlier.tx_type, v_earlier.amount_hbar, v_earlier.from_account,
      v_earlier.to_account)
    is distinct from (p_user_id, p_tx_type, p_amount_hbar, p_from_account, p_to_account)
    -- what was deleted since is null in the row
    or v_earlier.course_id <> coalesce(p_course_id, 0)
    or v_earlier.achievement_id <> coalesce(p_achievement_id, 0)
  then
    raise exception 'the transaction is there with other data'
      using errcode = 'LX010',
        detail = format('%s: %s of %s hbar from %s to %s', p_tx_id, v_earlier.tx_type,
          v_earlier.amount_hbar, coalesce(v_earlier.from_account, 'nobody'),
          coalesce(v_earlier.to_account, 'nobody')),
        hint = 'Each transaction has an id of its own.';
  end if;
  return v_earlier.id;
end;
$$;
comment on function learn.record_transaction(
  uuid, text, text, numeric, text, text, bigint, bigint) is
  'Notes a transaction on the network, pending, and returns its id; again, the same one.';
grant execute on function learn.record_transaction(
  uuid, text, text, numeric, text, text, bigint, bigint) to learn_app;
