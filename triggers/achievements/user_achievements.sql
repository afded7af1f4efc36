-- What happens when rows of learn.user_achievements are written, in the order in which triggers fire.
-- Errors: LX009, LX010.

-- When an earned achievement is changed: its token is written once.
-- Errors: LX010.
create or replace function learn_internal.keep_achievement_tokens()
returns trigger
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if learn_internal.is_merging() then
    return new;
  end if;
  raise exception 'the token of an achievement stays'
    using errcode = 'LX010',
      detail = format('user_id = %s, achievement_id = %s, token %s', old.user_id, old.achievement_id, old.token_id),
      hint = 'Token data are written once, by learn.achievement_minted().';
end;
$$;
comment on function learn_internal.keep_achievement_tokens() is
  'Row trigger: refuses changes of the tokens of achievements (LX010).';

create or replace trigger keep_achievement_tokens
  before update on learn.user_achievements
  for each row
  when (old.token_id is not null
    and (old.token_id, old.collection_id, old.serial_number, old.metadata_uri, old.tx_id, old.minted_at)
      is distinct from (new.token_id, new.collection_id, new.serial_number, new.metadata_uri, new.tx_id,
        new.minted_at))
  execute function learn_internal.keep_achievement_tokens();

-- When achievements are deleted otherwise than by revoke_achievement(): refused. They would be earned, and paid, again.
-- Errors: LX009.
create or replace function learn_internal.keep_achievements()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_kept record;
begin
  select o.user_id, a.slug into v_kept
  from lost o
  join learn.users u on u.id = o.user_id
  join learn.achievements a on a.id = o.achievement_id
  where not exists (
    select from learn.revoked_achievements r
    where r.user_id = o.user_id and r.achievement_id = o.achievement_id)
  limit 1;
  if found and not learn_internal.is_merging() then
    raise exception 'an achievement stays earned'
      using errcode = 'LX009', detail = format('user_id = %s, achievement %s', v_kept.user_id, v_kept.slug),
        hint = 'Take it away, with what it paid, by learn.revoke_achievement().';
  end if;
  return null;
end;
$$;
comment on function learn_internal.keep_achievements() is
  'Statement trigger: achievements go only by revoke_achievement(), or with the user (LX009).';

create or replace trigger keep_achievements
  after delete on learn.user_achievements
  referencing old table as lost
  for each statement
  execute function learn_internal.keep_achievements();

-- When achievements are earned: their avatars are unlocked, and earning them is a fact, which pays
-- their XP.
create or replace function learn_internal.announce_achievements()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan  -- plans by key, made once: see docs/engine.md
set enable_seqscan = off
set enable_mergejoin = off
set jit = off
as $$
declare
  v_count   bigint;
  v_avatars bigint;
  v_now     timestamptz;
begin
  select count(*), count(a.unlocks_avatar_id) into v_count, v_avatars
  from earned e
  join learn.achievements a on a.id = e.achievement_id;
  if v_count = 0 then
    return null;
  end if;
  v_now := learn.clock();

  if v_avatars > 0 then
    insert into learn.user_avatars (user_id, avatar_id, unlocked_at)
    select e.user_id, a.unlocks_avatar_id, e.earned_at
    from earned e
    join learn.achievements a on a.id = e.achievement_id
    where a.unlocks_avatar_id is not null
    order by e.user_id, a.unlocks_avatar_id
    on conflict do nothing;
  end if;

  insert into learn.activity_log
    (user_id, activity_type, subject_type, subject_id, properties, xp,
     occurred_at, local_date, zone_number, is_qualifying, recorded_at)
  select e.user_id, 'achievement_earned', 'achievement', a.slug,
    jsonb_build_object(
      'achievement_id', a.id, 'category', a.category, 'rarity', a.rarity, 'system', a.system),
    a.xp_reward, e.earned_at, (d.here).local_date, (d.here).zone_number, false, v_now
  from earned e
  join learn.achievements a on a.id = e.achievement_id
  cross join lateral (
    select case when e.earned_at < u.zone_since then learn_internal.local_date(e.user_id, e.earned_at)
      else ((e.earned_at at time zone u.timezone - u.day_starts_at)::date,
        u.zone_number)::learn_internal.local_date end as here
    from learn.users u
    where u.id = e.user_id
    offset 0
  ) d
  where not e.evidence ? 'is_restored'  -- rebuilt from the fact that is there
  order by e.user_id, e.id;
  return null;
end;
$$;
comment on function learn_internal.announce_achievements() is
  'Statement trigger: unlocks the avatars of earned achievements and writes '
  'achievement_earned facts.';

create or replace trigger announce_achievements
  after insert on learn.user_achievements
  referencing new table as earned
  for each statement
  execute function learn_internal.announce_achievements();

-- When a row is written: it is dated neither ahead of the clock nor absurdly far back. Of what triggers write, that is
-- asked of its fact.
-- Errors: LX001.
create or replace trigger refuse_times
  before insert on learn.user_achievements
  for each row
  when (pg_trigger_depth() = 0 and learn_internal.is_off_time(new.earned_at, new.earned_at))
  execute function learn_internal.refuse_times('earned_at');

create or replace trigger refuse_new_times
  before update of earned_at on learn.user_achievements
  for each row
  when (new.earned_at is distinct from old.earned_at and learn_internal.is_off_time(new.earned_at, new.earned_at))
  execute function learn_internal.refuse_times('earned_at');

-- When it was earned stays: a fact says so.
-- Errors: LX009.
create or replace trigger dates_stay
  after update of earned_at on learn.user_achievements
  for each row when (old.earned_at <> new.earned_at)
  execute function learn_internal.refuse_change();
