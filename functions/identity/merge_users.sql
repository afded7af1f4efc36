-- Makes two accounts of one person one. Everything of p_from comes to p_into, each fact once: what both have done, earned
-- or voted for counts and pays once, as it did for p_into, and the better result stays. Streaks, levels and boards are
-- those of the days and facts of both; what is complete or deserved only by both together is paid and earned now. p_into
-- keeps its name, email, time zone and role; what its profile leaves out comes from the other. p_from is gone then.
-- Merging the same two again changes nothing. Nobody else writes for learners until this commits, so do nothing else
-- in the transaction.
-- Errors: LX001 no two accounts; LX002; LX004 one of them is inactive; 55P03 learners were too busy: call it again.
create or replace function learn.merge_users(p_from uuid, p_into uuid)
returns learn.award_summary
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_call     learn_internal.call;
  v_from     learn.users;
  v_tokens   learn.user_achievements[];
  v_token    learn.user_achievements;
  v_payments bigint[];
  v_moved    jsonb;
  v_first    date;
  v_archived timestamptz;           -- until then
begin
  if p_from is null or p_into is null or p_from = p_into then
    raise exception 'merging takes two accounts'
      using errcode = 'LX001',
        detail = format('p_from = %s, p_into = %s', coalesce(p_from::text, 'null'), coalesce(p_into::text, 'null')),
        hint = 'Pass the account that goes, and the one that stays.';
  end if;
  perform from learn_internal.turns t where t.name = 'partitions' for share;  -- nobody archives meanwhile
  perform learn_internal.wait_for_learners('merge_users');
  perform from learn.user_stats s where s.user_id in (p_from, p_into) order by s.user_id for update;
  v_call := learn_internal.begin_call('merge_users', p_into, '{}', null, null);
  select u.* into v_from from learn.users u where u.id = p_from;
  if not found then
    if exists (
      select from learn.audit_log a
      where a.about_user = p_from and a.action = 'merge_users' and a.object_key ->> 'into' = p_into::text)
    then
      v_call.replay := learn_internal.summarize(v_call);
      v_call.replay.replayed := true;
      return v_call.replay;
    end if;
    perform learn_internal.require_user(p_from, false, 'p_from',
      'Look it up in learn.users; what was merged into another account is in learn.audit_trail().');
  elsif not v_from.is_active then
    raise exception 'the user is inactive'
      using errcode = 'LX004', detail = format('p_from = %s', p_from),
        hint = 'Set learn.users.is_active first, if the account may go on in another.';
  end if;

  perform set_config('learn_internal.merging', 'yes', true);
  perform learn_internal.combine_rows(p_from, p_into);
  v_tokens := array(
    select f
    from learn.user_achievements f
    join learn.user_achievements i on i.user_id = p_into and i.achievement_id = f.achievement_id
    where f.user_id = p_from and f.token_id is not null);
  update learn.user_achievements f
  set token_id = null, collection_id = null, serial_number = null, metadata_uri = null, tx_id = null, minted_at = null
  where f.user_id = p_from and f.achievement_id in (select t.achievement_id from unnest(v_tokens) t);
  v_first := (
    select min(d.activity_date) from learn.user_activity_days d where d.user_id = p_from and not d.is_freeze);
  v_archived := learn_internal.unpack_archive(array[p_from, p_into]);
  v_payments := learn_internal.move_facts(p_from, p_into);
  v_moved := learn_internal.move_rows(p_from, p_into);
  foreach v_token in array v_tokens loop
    update learn.user_achievements i
    set token_id = v_token.token_id, collection_id = v_token.collection_id, serial_number = v_token.serial_number,
      metadata_uri = v_token.metadata_uri, tx_id = v_token.tx_id, minted_at = v_token.minted_at
    where i.user_id = p_into and i.achievement_id = v_token.achievement_id and i.token_id is null;
  end loop;
  update learn.level_attempts a
  set attempt_number = n.number
  from (
    select l.id, row_number() over (
      partition by l.challenge_id, l.level_number order by l.created_at, l.id) as number
    from learn.level_attempts l
    where l.user_id = p_into
  ) n
  where a.user_id = p_into and a.id = n.id and a.attempt_number <> n.number;
  -- What workers have not done yet is for the one who is there.
  update learn.outbox o
  set key = replace(o.key, p_from::text, p_into::text), payload = o.payload || jsonb_build_object('user_id', p_into)
  where o.completed_at is null and (o.topic, o.key) in (
    select 'faucet', p_from || ' ' || r.id from learn.faucet_requests r where r.user_id = p_into
    union all
    select 'nft_mint', c.certificate_number from learn.nft_certificates c where c.user_id = p_into
    union all
    select 'nft_mint', format('achievement %s %s', p_from, a.id) from learn.user_achievements a where a.user_id = p_into
    union all
    select 'notification', p_from || ' ' || n.id from learn.notifications n where n.user_id = p_into);

  -- The profile: unique values change hands first.
  update learn.users u set email = null, evm_address = null, hedera_account_id = null, selected_avatar_id = null
  where u.id = p_from;
  update learn.users u
  set email = coalesce(u.email, v_from.email),
    is_verified = case when u.email is null then v_from.is_verified else u.is_verified end,
    display_name = coalesce(u.display_name, v_from.display_name), bio = coalesce(u.bio, v_from.bio),
    avatar_url = coalesce(u.avatar_url, v_from.avatar_url), avatar_emoji = coalesce(u.avatar_emoji, v_from.avatar_emoji),
    evm_address = coalesce(u.evm_address, v_from.evm_address),
    hedera_account_id = coalesce(u.hedera_account_id, v_from.hedera_account_id),
    selected_avatar_id = coalesce(u.selected_avatar_id, v_from.selected_avatar_id),
    preferences = case when pg_column_size(v_from.preferences || u.preferences) <= 65536
      then v_from.preferences || u.preferences else u.preferences end,
    onboarding_completed = u.onboarding_completed or v_from.onboarding_completed,
    skill_level = case when 'advanced' in (u.skill_level, v_from.skill_level) then 'advanced'
      else greatest(u.skill_level, v_from.skill_level) end,
    last_login_at = greatest(u.last_login_at, v_from.last_login_at),
    last_active_at = greatest(u.last_active_at, v_from.last_active_at),
    -- what has dates of another zone is looked up by date from now on, as after a change of zone
    zone_since = case when (u.timezone, u.day_starts_at) <> (v_from.timezone, v_from.day_starts_at)
      or v_from.zone_since is not null then learn.clock() else u.zone_since end
  where u.id = p_into;
  update learn.user_stats s set last_active_at = greatest(s.last_active_at, f.last_active_at)
  from learn.user_stats f
  where s.user_id = p_into and f.user_id = p_from;
  delete from learn.users u where u.id = p_from;
  perform learn_internal.pack_archive(v_archived, '{}', p_into) where v_archived is not null;
  perform set_config('learn_internal.merging', '', true);

  perform learn_internal.replay_user(p_into, v_first);
  perform learn_internal.audit('merge_users', 'user', p_from, jsonb_build_object('into', p_into));
  perform learn_internal.audit('merge_users', 'user', p_into, jsonb_build_object('from', p_from), null,
    jsonb_build_object('rows', v_moved, 'payments_left_out', cardinality(v_payments)));
  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.merge_users(uuid, uuid) is
  'Makes two accounts of one person one: everything of p_from comes to p_into, each fact once, and p_from is gone.';
grant execute on function learn.merge_users(uuid, uuid) to learn_app;
