-- Boards are folded when a transaction commits, once, and no longer within each of its statements.
-- Users who are renamed, hidden or shown are recounted then, together; another time zone marks the streak alone.

set role learn_owner;

create table learn_internal.fold_requests (
  transaction_id xid8 primary key
);
comment on table learn_internal.fold_requests is
  'Transactions that fold the boards when they commit. Nobody else ever sees a row.';

-- lint: ignore ban-drop-column because it followed from the metrics, and nothing reads it any more
alter table learn.activity_types drop column feeds_boards;

drop trigger users_seen on learn.users;
-- lint: ignore ban-drop-function because it is internal, and no trigger calls it any more
drop function learn_internal.recount_user_boards();

-- functions/_shared/begin_call.sql

-- The opening of every public function that changes a learner's state: takes the locks in order,
-- answers a retry from its idempotency key, and notes what held before. When the result carries
-- a replay, the caller returns that and nothing else.
-- Errors: LX001 time out of bounds, blank key; LX002 unknown user; LX004 inactive user;
-- LX013 the key was used for another call.
create or replace function learn_internal.begin_call(
  p_function        text,
  p_user_id         uuid,
  p_arguments       jsonb,
  p_occurred_at     timestamptz,
  p_idempotency_key text
)
returns learn_internal.call
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set enable_seqscan = off   -- by key, also where a table was small when this was planned
as $$
declare
  v_call      learn_internal.call;
  v_is_active boolean;
  v_earlier   learn.idempotency_keys;
begin
  -- as hold_content() does it, without the price of a call
  lock table learn_internal.content_lock in row share mode;
  if current_setting('transaction_isolation') <> 'read committed' then
    perform learn_internal.hold_content();
  end if;
  select s.total_xp, s.current_level into v_call.total_xp, v_call.current_level
  from learn.user_stats s
  where s.user_id = p_user_id
  for no key update;
  if not found then
    raise exception 'unknown user'
      using errcode = 'LX002', detail = format('p_user_id = %s', coalesce(p_user_id::text, 'null')),
        hint = 'Register the user first: learn.register_user().';
  end if;
  select u.is_active,
    -- the time as learn.clock() tells it
    coalesce(p_occurred_at, (select o.now_is from learn_internal.clock_override o), now()),
    coalesce((
      select a.id from learn.user_achievements a
      where a.user_id = p_user_id order by a.id desc limit 1), 0),
    coalesce((
      select l.id from learn.user_level_unlocks l
      where l.user_id = p_user_id order by l.id desc limit 1), 0),
    coalesce((
      select c.id from learn.user_challenge_progress c
      where c.user_id = p_user_id order by c.id desc limit 1), 0)
  into v_is_active, v_call.occurred_at, v_call.last_achievement, v_call.last_unlock,
    v_call.last_challenge
  from learn.users u
  where u.id = p_user_id;
  if not v_is_active then
    raise exception 'the user is inactive'
      using errcode = 'LX004', detail = format('p_user_id = %s', p_user_id),
        hint = 'Set learn.users.is_active to let the user take part again.';
  end if;

  v_call.user_id := p_user_id;
  v_call.function_name := p_function;

  if p_idempotency_key is not null then
    if p_idempotency_key !~ '\S' or length(p_idempotency_key) > 200 then
      raise exception 'an idempotency key has 1 to 200 characters, not all of them blank'
        using errcode = 'LX001',
          detail = format('p_idempotency_key = %L', left(p_idempotency_key, 50)),
          hint = 'Use a UUID made for the request, or pass null.';
    end if;
    v_call.idempotency_key := p_idempotency_key;
    v_call.arguments_hash := learn_internal.hash_call(
      p_function,
      p_arguments || jsonb_build_object('occurred_at', p_occurred_at at time zone 'UTC'));

    select k.* into v_earlier
    from learn.idempotency_keys k
    where k.user_id = p_user_id and k.key = p_idempotency_key;
    if found then
      if v_earlier.arguments_hash <> v_call.arguments_hash then
        raise exception 'the idempotency key was used for another call'
          using errcode = 'LX013',
            detail = format('key %s: %s at %s',
              p_idempotency_key, v_earlier.function_name, v_earlier.created_at),
            hint = 'Retry with the same arguments, or use a new key for a new call.';
      end if;
      v_call.replay := jsonb_populate_record(null::learn.award_summary, v_earlier.response);
      v_call.replay.replayed := true;
      return v_call;
    end if;
  end if;

  if p_occurred_at is not null then
    perform learn_internal.require_event_time(p_occurred_at);
  end if;
  return v_call;
end;
$$;
comment on function learn_internal.begin_call(text, uuid, jsonb, timestamptz, text) is
  'Opens a public call: locks the user, replays a retry (LX013 when it differs), '
  'notes what held before.';
revoke all on function learn_internal.begin_call(text, uuid, jsonb, timestamptz, text) from public;

-- functions/_shared/summarize.sql

-- What has happened to a user since a call began.
create or replace function learn_internal.summarize(p_call learn_internal.call)
returns learn.award_summary
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set enable_seqscan = off   -- by key, also where a table was small when this was planned
as $$
declare
  v_summary      learn.award_summary;
  v_last_date    date;
  v_today        date;
  v_has_earned   boolean;
  v_has_unlocked boolean;
  v_has_challenges boolean;
  v_avatars      jsonb;
begin
  select s.user_id, s.total_xp - p_call.total_xp, s.total_xp,
    s.current_level, s.current_level > p_call.current_level, s.current_streak,
    s.last_activity_date, (
      -- the time as learn.clock() tells it
      coalesce((select o.now_is from learn_internal.clock_override o), now())
      at time zone u.timezone)::date,
    exists (
      select from learn.user_achievements a
      where a.user_id = p_call.user_id and a.id > p_call.last_achievement),
    exists (
      select from learn.user_level_unlocks l
      where l.user_id = p_call.user_id and l.id > p_call.last_unlock),
    exists (
      select from learn.user_challenge_progress c
      where c.user_id = p_call.user_id and c.id > p_call.last_challenge)
  into v_summary.user_id, v_summary.xp_awarded, v_summary.total_xp,
    v_summary.current_level, v_summary.leveled_up, v_summary.current_streak,
    v_last_date, v_today, v_has_earned, v_has_unlocked, v_has_challenges
  from learn.user_stats s
  join learn.users u on u.id = s.user_id
  where s.user_id = p_call.user_id;
  if v_last_date is null or v_last_date < v_today - 1 then
    v_summary.current_streak := learn.calculate_user_streak(p_call.user_id);
  end if;
  v_summary.unlocked := '{}';
  v_summary.replayed := false;
  if v_has_unlocked then
    select jsonb_build_object('levels', jsonb_agg(
      jsonb_build_object('course', c.slug, 'level', v.slug) order by u.id))
    into v_summary.unlocked
    from learn.user_level_unlocks u
    join learn.course_levels v on v.id = u.course_level_id
    join learn.courses c on c.id = v.course_id
    where u.user_id = p_call.user_id and u.id > p_call.last_unlock;
  end if;
  if v_has_challenges then
    select v_summary.unlocked
      || jsonb_build_object('challenges', jsonb_agg(c.slug order by p.id))
    into v_summary.unlocked
    from learn.user_challenge_progress p
    join learn.challenges c on c.id = p.challenge_id
    where p.user_id = p_call.user_id and p.id > p_call.last_challenge;
  end if;
  if not v_has_earned then
    v_summary.new_achievements := '{}';
    return v_summary;
  end if;

  select array_agg(a.slug order by u.id) into v_summary.new_achievements
  from learn.user_achievements u
  join learn.achievements a on a.id = u.achievement_id
  where u.user_id = p_call.user_id and u.id > p_call.last_achievement;

  -- Avatars that these achievements unlock and no earlier one had unlocked.
  select jsonb_build_object('avatars', jsonb_agg(v.slug order by v.display_order, v.slug))
  into v_avatars
  from learn.avatars v
  where exists (
      select from learn.user_achievements u
      join learn.achievements a on a.id = u.achievement_id
      where u.user_id = p_call.user_id and u.id > p_call.last_achievement
        and a.unlocks_avatar_id = v.id)
    and not exists (
      select from learn.user_achievements u
      join learn.achievements a on a.id = u.achievement_id
      where u.user_id = p_call.user_id and u.id <= p_call.last_achievement
        and a.unlocks_avatar_id = v.id)
  having count(*) > 0;
  v_summary.unlocked := v_summary.unlocked || coalesce(v_avatars, '{}');
  return v_summary;
end;
$$;
comment on function learn_internal.summarize(learn_internal.call) is
  'What has happened to a user since a call began.';
revoke all on function learn_internal.summarize(learn_internal.call) from public;

-- functions/activity/note_consequences.sql

-- When rules or metrics change: what each type of fact can cause is noted with the type,
-- and how it feeds metrics, a row for each value that it moves.
create or replace function learn_internal.note_consequences()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  update learn.activity_types t
  set pays = c.pays, is_capped = c.is_capped, feeds_metrics = c.feeds_metrics,
    feeds_days = c.feeds_days, resets_runs = c.resets_runs, notifies = c.notifies
  from (
    select a.key,
      (select r.amount from learn.xp_rules r where r.activity_type = a.key) as pays,
      exists (
        select from learn.xp_rules r
        where r.activity_type = a.key and r.daily_cap is not null) as is_capped,
      exists (
        select from learn.metrics m
        where m.activity_type = a.key and m.aggregate <> 'distinct_days') as feeds_metrics,
      exists (
        select from learn.metrics m
        where m.activity_type = a.key and m.aggregate = 'distinct_days') as feeds_days,
      exists (select from learn.metrics m where m.reset_activity_type = a.key) as resets_runs,
      exists (
        select from learn.notification_rules r
        where r.activity_type = a.key and r.is_active) as notifies
    from learn.activity_types a
  ) c
  where t.key = c.key and (t.pays, t.is_capped, t.feeds_metrics, t.feeds_days,
      t.resets_runs, t.notifies)
    is distinct from (c.pays, c.is_capped, c.feeds_metrics, c.feeds_days,
      c.resets_runs, c.notifies);

  with feeds as (
    select m.activity_type, m.key as metric, s.is_scoped, m.aggregate, m.property, m.filter,
      case when s.is_scoped then m.scope_property end as scope_property,
      m.is_board and not s.is_scoped as is_board
    from learn.metrics m
    cross join (values (false), (true)) s(is_scoped)
    where m.activity_type is not null and m.aggregate <> 'distinct_days'
      and (m.scope_property is not null or not s.is_scoped)
  ), gone as (
    delete from learn_internal.metric_feeds o
    where not exists (
      select from feeds f
      where (f.activity_type, f.metric, f.is_scoped) = (o.activity_type, o.metric, o.is_scoped))
  )
  insert into learn_internal.metric_feeds as o
    (activity_type, metric, is_scoped, aggregate, property, filter, scope_property, is_board)
  select * from feeds
  on conflict (activity_type, metric, is_scoped) do update
    set aggregate = excluded.aggregate, property = excluded.property, filter = excluded.filter,
      scope_property = excluded.scope_property, is_board = excluded.is_board
    where (o.aggregate, o.property, o.filter, o.scope_property, o.is_board)
      is distinct from (excluded.aggregate, excluded.property, excluded.filter,
        excluded.scope_property, excluded.is_board);
  return null;
end;
$$;
comment on function learn_internal.note_consequences() is
  'Statement trigger: notes with activity types what facts can cause.';
revoke all on function learn_internal.note_consequences() from public;

-- functions/activity/write_facts.sql

-- Writes facts to the log, with the local date of each and whether it makes the day active.
-- One that happens once and that was recorded from outside already is left out.
create or replace function learn_internal.write_facts(
  p_facts learn_internal.fact[], p_idempotency_key text default null
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set enable_seqscan = off   -- by key, also where a table was small when this was planned
as $$
declare
  v_now timestamptz := learn.clock();
begin
  insert into learn.activity_log
    (user_id, activity_type, subject_type, subject_id, properties, xp,
     occurred_at, local_date, is_qualifying, idempotency_key, recorded_at)
  select f.user_id, f.activity_type, f.subject_type, f.subject_id,
    coalesce(f.properties, '{}'), f.xp, f.occurred_at,
    (f.occurred_at at time zone u.timezone)::date, t.is_qualifying, p_idempotency_key, v_now
  from unnest(p_facts) with ordinality
    f(user_id, activity_type, subject_type, subject_id, properties, xp, occurred_at, position)
  join learn.users u on u.id = any (array[f.user_id])
  join learn.activity_types t on t.key = f.activity_type
  where not t.happens_once or not exists (
    select from learn_internal.recorded_subjects r
    where r.user_id = f.user_id and r.activity_type = f.activity_type
      and r.subject_type = f.subject_type and r.subject_id = f.subject_id
    offset 0)
  order by f.position;
end;
$$;
comment on function learn_internal.write_facts(learn_internal.fact[], text) is
  'Writes facts to the log, in the given order.';
revoke all on function learn_internal.write_facts(learn_internal.fact[], text) from public;

-- functions/community/write_solutions.sql

-- Writes the facts of replies that were accepted for the first time, except where the author
-- of the discussion has answered their own question. Takes the ids of the replies.
create or replace function learn_internal.write_solutions(p_reply_ids bigint[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_facts learn_internal.fact[];
begin
  select array_agg(
    (r.author_id, 'solution_accepted', 'reply', r.id::text,
      jsonb_build_object('discussion_id', r.discussion_id), null,
      r.first_accepted_at)::learn_internal.fact
    order by r.author_id, r.first_accepted_at, r.id)
  into v_facts
  from learn.replies r
  join learn.discussions d on d.id = r.discussion_id
  where r.id = any (p_reply_ids) and r.author_id <> d.author_id;
  if v_facts is null then
    return;
  end if;
  perform from learn.user_stats s
  where s.user_id = any (array(select f.user_id from unnest(v_facts) f))
  order by s.user_id for no key update;
  perform learn_internal.write_facts(v_facts);
end;
$$;
comment on function learn_internal.write_solutions(bigint[]) is
  'Writes the facts of replies that were accepted for the first time.';
revoke all on function learn_internal.write_solutions(bigint[]) from public;

-- functions/leaderboards/fold_recounts.sql

-- The part of a fold that recounts users from the facts, and takes those off who are no longer to be seen.
-- Its caller holds the lock. Returns how many gains and marks of theirs that settles.
create or replace function learn_internal.fold_recounts(p_user_ids uuid[])
returns bigint
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan  -- for one user or for a million: plans that differ
set jit = off
as $$
declare
  v_count bigint;
begin
  with taken as (
    delete from learn_internal.board_gains g
    where g.user_id = any (p_user_ids)
    returning g.local_date, g.activity_type, g.amount
  ), tallied as (
    insert into learn_internal.tally_changes (measure, day, item, value)
    select 'xp', t.local_date, t.activity_type, sum(t.amount)
    from taken t
    where t.activity_type is not null
    group by t.local_date, t.activity_type
  ), wanted as (
    select r.user_id, r.metric, r.period, r.starts_on, r.value, lower(u.username) as name, r.lapses_at
    from learn_internal.board_recounts r
    join learn.users u on u.id = r.user_id and u.is_active and u.show_on_leaderboard
    where r.user_id = any (p_user_ids) and r.value <> 0
  ), gone as (
    delete from learn_internal.board_scores s
    where s.ctid = any (array(  -- nobody else writes here: the row stays where it is
      select max(k.row_id)
      from (
        select b.user_id, b.metric, b.period, b.starts_on, b.ctid as row_id, false as is_wanted
        from learn_internal.board_scores b
        where b.user_id = any (p_user_ids)
        union all
        select w.user_id, w.metric, w.period, w.starts_on, null, true from wanted w
      ) k
      group by k.user_id, k.metric, k.period, k.starts_on
      having not bool_or(k.is_wanted)))
  ), saved as (
    insert into learn_internal.board_scores as s
      (user_id, metric, period, starts_on, value, name, lapses_at)
    select w.* from wanted w
    order by w.user_id, w.metric, w.period, w.starts_on
    on conflict (user_id, metric, period, starts_on) do update
      set value = excluded.value, name = excluded.name, lapses_at = excluded.lapses_at
      where (s.value, s.name, s.lapses_at) <> (excluded.value, excluded.name, excluded.lapses_at)
  )
  select count(*) into v_count from taken;
  return v_count;
end;
$$;
comment on function learn_internal.fold_recounts(uuid[]) is
  'The part of a fold that recounts users from the facts; returns how many gains that settles.';
revoke all on function learn_internal.fold_recounts(uuid[]) from public;

-- functions/leaderboards/fold_streaks.sql

-- The part of a fold about the board of streaks. What is folded is that a streak has changed: it is looked up
-- as it is now, with the moment at which it ends unless it changes again. Streaks that have ended are
-- taken off, p_at_most of them: until then readers leave them out.
-- Its caller holds the lock. Returns how many changes and ends that settles.
create or replace function learn_internal.fold_streaks(p_at_most integer)
returns bigint
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
declare
  v_now   timestamptz := learn.clock();
  v_count bigint;
begin
  with taken as (
    delete from learn_internal.board_gains g where g.metric = 'current_streak' returning g.user_id
  ), changed as (
    select distinct t.user_id from taken t
  ), wanted as (
    select c.user_id, l.days, l.ends_at, l.name
    from changed c
    cross join lateral (
      select e.days, e.ends_at, lower(u.username) as name
      from learn_internal.streak_ends e
      join learn.users u on u.id = e.user_id and u.is_active and u.show_on_leaderboard
      where e.user_id = c.user_id and e.ends_at > v_now
      offset 0  -- by key, whatever is known of how many users have a streak
    ) l
    where exists (select from learn.metrics m where m.key = 'current_streak' and m.is_board)
  ), ended as (
    select c.user_id from changed c where c.user_id not in (select w.user_id from wanted w)
    union
    (
      select s.user_id
      from learn_internal.board_scores s
      where s.metric = 'current_streak' and s.lapses_at <= v_now and s.lapses_at < 'infinity'
        and s.user_id not in (select c.user_id from changed c)
      order by s.lapses_at
      limit p_at_most
    )
  ), gone as (
    delete from learn_internal.board_scores s
    where s.ctid = any (array(  -- nobody else writes here: the row stays where it is
      select r.row_id
      from ended e
      cross join lateral (
        select b.ctid as row_id
        from learn_internal.board_scores b
        where b.user_id = e.user_id and b.metric = 'current_streak' and b.period = 'all_time'
          and b.starts_on = '-infinity'
        offset 0
      ) r))
  ), saved as (
    insert into learn_internal.board_scores as s
      (user_id, metric, period, starts_on, value, name, lapses_at)
    select w.user_id, 'current_streak', 'all_time', '-infinity', w.days, w.name, w.ends_at
    from wanted w
    order by w.user_id
    on conflict (user_id, metric, period, starts_on) do update
      set value = excluded.value, name = excluded.name, lapses_at = excluded.lapses_at
      where (s.value, s.name, s.lapses_at) <> (excluded.value, excluded.name, excluded.lapses_at)
  )
  select (select count(*) from taken) + (select count(*) from ended) into v_count;
  return v_count;
end;
$$;
comment on function learn_internal.fold_streaks(integer) is
  'The part of a fold about the board of streaks; returns how many changes and ends that settles.';
revoke all on function learn_internal.fold_streaks(integer) from public;

-- functions/leaderboards/fold_boards.sql

-- Folds what users have gained into the boards: adds it up, recounts those who are marked, takes those
-- off who are no longer to be seen, and streaks that have ended, a few at a time: midnight ends many at once.
-- XP goes to the tally of what paid it, too. What each statement takes from board_gains it has put into
-- board_scores and tally_changes, so that every snapshot sees a gain in one of them.
-- The caller holds the lock of the fold: see try_fold_boards(). Returns how many gains there were.
create or replace function learn_internal.fold_boards()
returns bigint
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set jit = off
set work_mem = '64MB'       -- once: nobody else folds meanwhile
as $$
declare
  v_kept_from date;
  v_marked    uuid[] := array(
    select distinct g.user_id from learn_internal.board_gains g where g.metric = '');
  v_maxima    text[] := array(select m.key from learn.metrics m where m.aggregate = 'max' and m.is_board);
  v_count     bigint;
  v_marks     bigint := 0;
begin
  select s.kept_from into v_kept_from from learn_internal.board_state s;

  if v_marked <> '{}' then
    v_marks := learn_internal.fold_recounts(v_marked);
  end if;
  v_marks := v_marks + learn_internal.fold_streaks(200);

  with taken as (
    delete from learn_internal.board_gains g
    -- what was written in this moment, and is not a gain, is for the next time
    where g.metric not in ('', 'current_streak') and not exists (
      select from learn_internal.board_gains k where k.metric = '' and k.user_id = g.user_id)
    returning g.user_id, g.metric, g.local_date, g.activity_type, g.amount
  ), tallied as (
    insert into learn_internal.tally_changes (measure, day, item, value)
    select 'xp', t.local_date, t.activity_type, sum(t.amount)
    from taken t
    where t.activity_type is not null
    group by t.local_date, t.activity_type
  ), gained as (
    select t.user_id, t.metric, p.period, p.starts_on, lower(u.username) as name,
      (case when t.metric = any (v_maxima) then max(t.amount) else sum(t.amount) end)::bigint as amount
    from taken t
    join learn.metrics m on m.key = t.metric and m.is_board
    join learn.users u on u.id = t.user_id and u.is_active and u.show_on_leaderboard
    cross join lateral (
      values
        ('day', t.local_date, t.local_date + 1),
        ('week', date_trunc('week', t.local_date::timestamp)::date,
          date_trunc('week', t.local_date::timestamp)::date + 7),
        ('month', date_trunc('month', t.local_date::timestamp)::date,
          (date_trunc('month', t.local_date::timestamp) + interval '1 month')::date),
        ('all_time', '-infinity'::date, 'infinity'::date)
    ) p(period, starts_on, ends_on)
    where p.ends_on > v_kept_from and (p.period = 'all_time' or t.local_date > '-infinity')
    group by t.user_id, t.metric, p.period, p.starts_on, lower(u.username)
  ), moved as (
    insert into learn_internal.board_scores as s (user_id, metric, period, starts_on, value, name)
    select g.user_id, g.metric, g.period, g.starts_on, g.amount, g.name
    from gained g
    order by g.user_id, g.metric, g.period, g.starts_on
    -- found by key, one by one: a join could be planned for a table that was empty when it was last looked at
    on conflict (user_id, metric, period, starts_on) do update
      set value = case when s.metric = any (v_maxima) then excluded.value
        else s.value + excluded.value end
      where s.metric <> all (v_maxima) or s.value < excluded.value
  )
  select count(*) into v_count from taken;

  if v_count + v_marks > 0 then
    update learn_internal.board_state set folded_at = learn.clock();
  end if;
  perform learn_internal.split_fence(f.metric, f.period, f.starts_on, f.floor)
  from learn_internal.board_fences f
  where f.users >= f.split_at;
  return v_count + v_marks;
end;
$$;
comment on function learn_internal.fold_boards() is
  'Folds what users have gained into the boards; returns how many gains there were. Its caller holds '
  'the lock.';
revoke all on function learn_internal.fold_boards() from public;

-- functions/leaderboards/request_fold.sql

-- Has the boards folded when this transaction commits: once, however often it is asked for.
create or replace function learn_internal.request_fold()
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into learn_internal.fold_requests (transaction_id) values (pg_current_xact_id())
  on conflict (transaction_id) do nothing;
end;
$$;
comment on function learn_internal.request_fold() is
  'Has the boards folded when this transaction commits.';
revoke all on function learn_internal.request_fold() from public;

-- functions/leaderboards/recount_boards.sql

-- Has the boards of users recounted from the facts: at once for who reads them, and by a fold when this commits.
create or replace function learn_internal.recount_boards(p_user_ids uuid[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into learn_internal.board_gains (user_id, metric, local_date)
  select distinct u.id, '', '-infinity'::date from unnest(p_user_ids) u(id);
  perform learn_internal.request_fold();
end;
$$;
comment on function learn_internal.recount_boards(uuid[]) is
  'Has the boards of users recounted from the facts.';
revoke all on function learn_internal.recount_boards(uuid[]) from public;

-- functions/leaderboards/user_rank.sql

-- A user's rank on a board of today, or among some users, exact and live; null for one who is not on it.
-- Errors: LX001 no such board, or too many users in p_among; LX002 unknown user.
create or replace function learn.user_rank(
  p_user_id uuid,
  p_period  text default 'all_time',
  p_metric  text default 'xp',
  p_among   uuid[] default null
)
returns bigint
language plpgsql
stable
security definer                  -- the same for every role that may call it
set search_path = pg_catalog, pg_temp
set enable_seqscan = off   -- by key, also where a table was small when this was planned
set jit = off
as $$
declare
  v_board   learn_internal.board := learn_internal.find_board(
    p_period, p_metric, (learn.clock() at time zone 'UTC')::date);
  v_changes learn_internal.board_change[];
  v_value   bigint;
  v_rank    bigint;
begin
  if not exists (select from learn.users u where u.id = p_user_id) then
    raise exception 'unknown user'
      using errcode = 'LX002', detail = format('p_user_id = %s', coalesce(p_user_id::text, 'null')),
        hint = 'Register the user first: learn.register_user().';
  end if;
  perform learn_internal.require_cohort(p_among);
  v_changes := learn_internal.board_changes(v_board);
  if p_among is not null or not v_board.is_kept then
    select r.rank into v_rank
    from (
      select b.user_id, rank() over (order by b.value desc) as rank
      from learn_internal.board_standings(v_board, p_among, v_changes) b
    ) r
    where r.user_id = p_user_id;
    return v_rank;
  end if;

  select coalesce(
    (select c.new_value from unnest(v_changes) c where c.user_id = p_user_id),
    (
      select s.value from learn_internal.board_scores s
      where s.user_id = p_user_id and s.metric = v_board.metric
        and s.period = v_board.period and s.starts_on = v_board.starts_on
        and s.lapses_at > v_board.at
    )) into v_value;
  if v_value > 0 then
    return learn_internal.board_rank(v_board, v_value, v_changes);
  end if;
  return null;
end;
$$;
comment on function learn.user_rank(uuid, text, text, uuid[]) is
  'A user''s rank on a board of today, or among some users, exact and live; null: not on it.';
revoke all on function learn.user_rank(uuid, text, text, uuid[]) from public;
grant execute on function learn.user_rank(uuid, text, text, uuid[]) to learn_app, learn_readonly;

-- functions/notifications/mark_read.sql

-- Marks notifications of a user as read, all of them or those with the given ids, and returns how
-- many were unread. Ids that are not the user's own, or read already, change nothing.
-- It moves no reward: it returns no award_summary and may be repeated.
-- Errors: LX002 unknown user.
create or replace function learn.mark_read(p_user_id uuid, p_ids bigint[] default null)
returns bigint
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = pg_catalog, pg_temp
set enable_seqscan = off   -- by key, also where a table was small when this was planned
as $$
declare
  v_marked bigint;
begin
  if not exists (select from learn.users u where u.id = p_user_id) then
    raise exception 'unknown user'
      using errcode = 'LX002', detail = format('p_user_id = %s', coalesce(p_user_id::text, 'null')),
        hint = 'Register the user first: learn.register_user().';
  end if;
  update learn.notifications n
  set is_read = true, read_at = learn.clock()
  where n.user_id = p_user_id and n.id = any (array(
    -- in order, so that two calls do not deadlock
    select u.id from learn.notifications u
    where u.user_id = p_user_id and not u.is_read and (p_ids is null or u.id = any (p_ids))
    order by u.id
    for update));
  get diagnostics v_marked = row_count;
  return v_marked;
end;
$$;
comment on function learn.mark_read(uuid, bigint[]) is
  'Marks notifications of a user as read, all or those with the given ids; returns how many '
  'were unread.';
revoke all on function learn.mark_read(uuid, bigint[]) from public;
grant execute on function learn.mark_read(uuid, bigint[]) to learn_app;

-- functions/notifications/notify_facts.sql

-- Tells users of facts by the rules: one notification for each fact that an active rule names.
-- Silent while the parameter learn.quiet is on, as in imports: `set local learn.quiet = on`.
-- The engine calls it for facts whose type says that it notifies.
create or replace function learn_internal.notify_facts(p_notices learn_internal.notice[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := learn.clock();
begin
  if current_setting('learn.quiet', true) in ('on', 'true') then
    return;
  end if;
  insert into learn.notifications
    (user_id, type, title, message, action_url, fact_id, created_at)
  select t.user_id, r.type,
    -- a title that comes out blank must not fail what the user has just done
    coalesce(nullif(btrim(learn_internal.fill_placeholders(r.title, t.values)), ''), r.type),
    learn_internal.fill_placeholders(r.message, t.values),
    learn_internal.fill_placeholders(r.action_url, t.values), t.fact_id, v_now
  from (
    select n.user_id, n.fact_id, n.activity_type, n.position,
      jsonb_strip_nulls(jsonb_build_object('name', d.name)) || coalesce(e.evidence, '{}')
        || n.properties
        || jsonb_build_object('subject_type', n.subject_type, 'subject_id', n.subject_id) as values
    from unnest(p_notices) with ordinality
      n(user_id, fact_id, activity_type, subject_type, subject_id, properties, position)
    cross join lateral (
      -- subjects that others record need not be numbers
      select case when split_part(n.subject_id, ':', 1) ~ '^[0-9]{1,18}$'
        then split_part(n.subject_id, ':', 1)::bigint end as id
    ) s
    cross join lateral (
      select case n.subject_type
        when 'achievement' then (
          select a.name from learn.achievements a where a.slug = n.subject_id)
        when 'challenge' then (select c.title from learn.challenges c where c.id = s.id)
        when 'challenge_level' then (select c.title from learn.challenges c where c.id = s.id)
        when 'course' then (select c.title from learn.courses c where c.id = s.id)
        when 'course_level' then (select c.title from learn.course_levels c where c.id = s.id)
        when 'lesson' then (select l.title from learn.lessons l where l.id = s.id)
        when 'track' then (select t.title from learn.tracks t where t.id = s.id)
        when 'path' then (select p.title from learn.learning_paths p where p.id = s.id)
      end as name
    ) d
    cross join lateral (
      select case when n.activity_type = 'achievement_earned' then (
        select u.evidence
        from learn.user_achievements u
        where u.user_id = n.user_id and u.achievement_id = (
          select a.id from learn.achievements a where a.slug = n.subject_id)) end as evidence
    ) e
    offset 0  -- works the values out once, not wherever they are used
  ) t
  cross join lateral (
    select k.type, k.title, k.message, k.action_url
    from learn.notification_rules k
    where k.activity_type = t.activity_type and k.is_active and t.values @> k.filter
    order by k.filter = '{}', k.type
    limit 1
  ) r
  order by t.position
  on conflict (user_id, fact_id) where fact_id is not null do nothing;
end;
$$;
comment on function learn_internal.notify_facts(learn_internal.notice[]) is
  'Tells users of facts by the rules, each fact once.';
revoke all on function learn_internal.notify_facts(learn_internal.notice[]) from public;

-- functions/practice/complete_solved_lessons.sql

-- Completes the lessons among the given ones (parallel arrays) of which the user
-- has solved every exercise.
create or replace function learn_internal.complete_solved_lessons(
  p_user_ids uuid[], p_lesson_ids bigint[]
)
returns void
language sql
volatile
set search_path = pg_catalog, pg_temp
as $$
  insert into learn.user_lesson_progress as p (user_id, lesson_id, status, completed_at)
  select c.user_id, c.lesson_id, 'completed', s.solved_at
  from (
    select distinct d.user_id, d.lesson_id
    from unnest(p_user_ids, p_lesson_ids) d(user_id, lesson_id)
  ) c
  cross join lateral (
    select v.solved_at from learn_internal.solved_lessons v
    where v.user_id = c.user_id and v.lesson_id = c.lesson_id
    offset 0
  ) s
  order by c.user_id, s.solved_at, c.lesson_id
  on conflict (user_id, lesson_id) do update
    set status = 'completed', completed_at = excluded.completed_at
    where p.completed_at is null;
$$;
comment on function learn_internal.complete_solved_lessons(uuid[], bigint[]) is
  'Completes those of the given lessons whose exercises the user has all solved.';
revoke all on function learn_internal.complete_solved_lessons(uuid[], bigint[]) from public;

-- functions/progress/apply_lesson_completions.sql

-- What completing lessons causes. Takes rows of user_lesson_progress that have just become
-- completed, three of their columns as parallel arrays, whether any was started before, and whether
-- any score is 100. One array of rows for the statement that reads all columns: an array more
-- in unnest() costs more than a column more in a row.
create or replace function learn_internal.apply_lesson_completions(
  p_completions learn_internal.completion[],
  p_user_ids uuid[], p_lesson_ids bigint[], p_at timestamptz[],
  p_were_started boolean, p_have_full_score boolean
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set enable_hashjoin = off  -- one user's rows by key, never a table's: see docs/engine.md
as $$
declare
  v_completions   learn_internal.completion[] := p_completions;
  v_fast_seconds  interval;
  v_now           timestamptz;
  v_has_recorded  boolean;
  v_has_any       boolean;             -- exercises
  v_has_courses   boolean;
  v_pays          integer;             -- what lesson_completed does
  v_is_qualifying boolean;
  v_is_perfect_qualifying boolean;
  v_recorded      jsonb;               -- facts recorded from outside already: type, user, lesson
begin
  -- The users first, in key order: everything else of theirs comes after this lock.
  perform from learn.user_stats s where s.user_id = any (p_user_ids)
  order by s.user_id for no key update;

  -- What is the same for all; the time as learn.clock() tells it, without the price of a call
  select t.pays, t.is_qualifying,
    coalesce((select o.now_is from learn_internal.clock_override o), now()),
    exists (select from learn_internal.recorded_subjects r where r.user_id = any (p_user_ids)),
    exists (
      select from learn.exercises e where e.lesson_id = any (p_lesson_ids) and e.is_published),
    exists (
      select from learn.lessons l where l.id = any (p_lesson_ids) and l.course_id is not null)
  into v_pays, v_is_qualifying, v_now, v_has_recorded, v_has_any, v_has_courses
  from learn.activity_types t
  where t.key = 'lesson_completed';
  if p_were_started then
    select (s.value #>> '{}')::numeric * interval '1 second' into v_fast_seconds
    from learn.platform_settings s
    where s.key = 'speed_runner_seconds';
  end if;
  if v_has_recorded then
    select jsonb_object_agg(format('%s %s %s', r.activity_type, r.user_id, r.subject_id), true)
    into v_recorded
    from unnest(p_user_ids, p_lesson_ids) c(user_id, lesson_id)
    join learn_internal.recorded_subjects r
      on r.user_id = c.user_id and r.activity_type in ('lesson_completed', 'lesson_perfect')
        and r.subject_type = 'lesson' and r.subject_id = c.lesson_id::text;
  end if;

  if v_has_any then
    -- How the exercises of each lesson were solved; null where a lesson has none
    select array_agg((c.user_id, c.lesson_id, c.completed_at, c.started_at, c.score,
      c.exercises > 0, c.first_tries = c.exercises, c.wrong = 0, c.failed = 0,
      'lesson_completed')::learn_internal.completion order by c.position)
    into v_completions
    from (
      select c.position, c.user_id, c.lesson_id, c.completed_at, c.started_at, c.score,
        count(e.id) as exercises,
        count(*) filter (where x.is_first_try) as first_tries,
        coalesce(sum(x.wrong_submissions), 0) as wrong,
        coalesce(sum(x.failed_submissions), 0) as failed
      from unnest(p_completions) with ordinality c(user_id, lesson_id, completed_at, started_at,
        score, has_exercises, is_first_try, is_flawless, is_clean, activity_type, position)
      left join learn.exercises e on e.lesson_id = c.lesson_id and e.is_published
      left join lateral (
        select p.* from learn.user_exercise_progress p
        where p.user_id = c.user_id and p.exercise_id = e.id
        offset 0
      ) x on true
      group by c.position, c.user_id, c.lesson_id, c.completed_at, c.started_at, c.score
    ) c;
  end if;
  -- A lesson without a fault is a fact more.
  if p_have_full_score or v_has_any then
    select t.is_qualifying into v_is_perfect_qualifying
    from learn.activity_types t
    where t.key = 'lesson_perfect';
    v_completions := array(
      select (c.user_id, c.lesson_id, c.completed_at, c.started_at, c.score, c.has_exercises,
        c.is_first_try, c.is_flawless, c.is_clean, f.activity_type)::learn_internal.completion
      from unnest(v_completions) with ordinality c(user_id, lesson_id, completed_at, started_at,
        score, has_exercises, is_first_try, is_flawless, is_clean, activity_type, position)
      cross join lateral (
        values ('lesson_completed', true),
          ('lesson_perfect', case when c.has_exercises then c.is_first_try else c.score = 100 end)
      ) f(activity_type, is_due)
      where f.is_due
      order by c.position, f.activity_type);
  end if;

  insert into learn.activity_log
    (user_id, activity_type, subject_type, subject_id, properties, xp, occurred_at,
     local_date, is_qualifying, recorded_at)
  select p.user_id, p.activity_type, 'lesson', p.lesson_id::text,
    case when p.activity_type = 'lesson_perfect' then '{}'
      else jsonb_build_object('slug', l.slug, 'difficulty', l.difficulty,
          'has_exercises', coalesce(p.has_exercises, false),
          'is_fast', coalesce(p.completed_at >= p.started_at
            and p.completed_at < p.started_at + v_fast_seconds, false))
        || case when p.has_exercises then jsonb_build_object(
          'is_clean', p.is_clean, 'is_first_try', p.is_first_try,
          'is_flawless', p.is_flawless) else '{}' end
    end,
    case when p.activity_type = 'lesson_completed' then
      round(coalesce(l.xp_reward, v_pays, 0) * coalesce(d.xp_multiplier, 1))::integer
    end,
    p.completed_at, (p.completed_at at time zone u.timezone)::date,
    case when p.activity_type = 'lesson_perfect' then v_is_perfect_qualifying
      else v_is_qualifying end,
    v_now
  from unnest(v_completions) p
  join learn.users u on u.id = any (array[p.user_id])
  cross join lateral (
    select n.slug, n.difficulty, n.xp_reward from learn.lessons n where n.id = p.lesson_id offset 0
  ) l
  left join learn.difficulties d on d.key = l.difficulty
  -- recorded from outside already: paid
  where v_recorded is null
    or not v_recorded ? format('%s %s %s', p.activity_type, p.user_id, p.lesson_id);

  if v_has_courses then
    perform learn_internal.advance_courses(p_user_ids, p_lesson_ids, p_at);
  end if;
  perform learn_internal.advance_tracks(p_user_ids, 'lesson', p_lesson_ids, p_at);
end;
$$;
comment on function learn_internal.apply_lesson_completions(
  learn_internal.completion[], uuid[], bigint[], timestamptz[], boolean, boolean) is
  'Writes the facts of newly completed lessons, and moves their courses and tracks.';
revoke all on function learn_internal.apply_lesson_completions(
  learn_internal.completion[], uuid[], bigint[], timestamptz[], boolean, boolean) from public;

-- functions/progress/complete_tracks.sql

-- Marks tracks as completed for users and follows up: challenges that this
-- unlocks, learning paths and difficulties.
-- Takes parallel arrays of rows of user_track_progress that have just reached their total.
-- What it completes is written to the log.
create or replace function learn_internal.complete_tracks(
  p_user_ids uuid[], p_track_ids bigint[], p_at timestamptz[]
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set enable_hashjoin = on   -- joins sets with sets
as $$
declare
  v_facts learn_internal.fact[];
begin
  with completed as (
    update learn.user_track_progress p
    set completed_at = c.at
    from unnest(p_user_ids, p_track_ids, p_at) c(user_id, track_id, at)
    where p.user_id = any (array[c.user_id]) and p.track_id = any (array[c.track_id])
    returning p.user_id, p.track_id, p.completed_at
  )
  select array_agg(
    (c.user_id, 'track_completed', 'track', c.track_id::text,
      jsonb_build_object('difficulty', t.difficulty, 'slug', t.slug), t.completion_xp,
      c.completed_at)::learn_internal.fact
    order by c.user_id, c.completed_at, c.track_id)
  into v_facts
  from completed c
  join learn.tracks t on t.id = any (array[c.track_id]);
  perform learn_internal.write_facts(v_facts);

  if exists (
    select from learn.track_prerequisites e
    join learn.challenges c on c.track_id = e.track_id and c.is_active
    where e.prerequisite_track_id = any (p_track_ids))
  then
    perform learn_internal.unlock_challenges(p_user_ids, learn.clock());
  end if;

  select array_agg(f::learn_internal.fact) into v_facts
  from (
    select p.* from learn_internal.refresh_paths(p_user_ids, (
      select array_agg(distinct pt.path_id) from learn.learning_path_tracks pt
      where pt.track_id = any (p_track_ids))) p
    union all
    select d.* from learn_internal.refresh_difficulties(p_user_ids, (
      select array_agg(distinct t.difficulty) from learn.tracks t where t.id = any (p_track_ids))) d
  ) f;
  if v_facts is not null then
    perform learn_internal.write_facts(v_facts);
  end if;
end;
$$;
comment on function learn_internal.complete_tracks(uuid[], bigint[], timestamptz[]) is
  'Completes tracks for users, then the paths and difficulties that this completes; '
  'and writes the facts.';
revoke all on function learn_internal.complete_tracks(uuid[], bigint[], timestamptz[]) from public;

-- functions/progress/touch_courses.sql

-- Notes activity in lessons with the courses of users who are enrolled: time spent, in seconds, and
-- when. A completion that enrols its user counts the time by itself.
create or replace function learn_internal.touch_courses(p_times learn_internal.lesson_time[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := learn.clock();
begin
  perform from learn.user_stats s where s.user_id = any (array(select t.user_id from unnest(p_times) t))
  order by s.user_id
  for no key update;

  update learn.user_course_progress p
  set time_spent_seconds = greatest(0, p.time_spent_seconds + g.seconds),
    last_activity_at = greatest(p.last_activity_at, g.at)
  from (
    select t.user_id, l.course_id, sum(t.seconds) as seconds, max(coalesce(t.at, v_now)) as at
    from unnest(p_times) t
    join learn.lessons l on l.id = t.lesson_id and l.course_id is not null
    group by t.user_id, l.course_id
  ) g
  where p.user_id = g.user_id and p.course_id = g.course_id;
end;
$$;
comment on function learn_internal.touch_courses(learn_internal.lesson_time[]) is
  'Adds time spent in lessons, in seconds, to the courses of users who are enrolled.';
revoke all on function learn_internal.touch_courses(learn_internal.lesson_time[]) from public;

-- functions/progress/write_lesson_starts.sql

-- Writes the facts of newly started lessons.
create or replace function learn_internal.write_lesson_starts(
  p_starts learn_internal.lesson_event[]
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  perform from learn.user_stats s
  where s.user_id = any (array(select e.user_id from unnest(p_starts) e))
  order by s.user_id
  for no key update;
  perform learn_internal.write_facts(array_agg(
    (e.user_id, 'lesson_started', 'lesson', e.lesson_id::text, '{}',
      null, e.at)::learn_internal.fact
    order by e.user_id, e.at, e.lesson_id))
  from unnest(p_starts) e;
end;
$$;
comment on function learn_internal.write_lesson_starts(learn_internal.lesson_event[]) is
  'Writes lesson_started facts.';
revoke all on function learn_internal.write_lesson_starts(learn_internal.lesson_event[])
  from public;

-- functions/streaks/advance_streaks.sql

-- Makes days of users active and moves their streaks. Takes parallel arrays of days
-- that are not active yet, each day once, in the order in which they became known.
-- The users' stats rows are locked by the caller.
-- A user's days are taken one at a time, because freezes earned and spent on one decide about the
-- next: the loop runs once per new day of the user with the most, each time for all users at once.
-- A single fact is one round.
create or replace function learn_internal.advance_streaks(
  p_user_ids uuid[], p_dates date[], p_at timestamptz
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_rounds    integer[];
  v_last      integer;
  v_gap       record;
  v_earners   uuid[];
  v_earned_on date[];
  v_every     integer := learn_internal.setting_number('streak_freeze_every_days');
  v_maximum   integer := learn_internal.setting_number('streak_freeze_maximum');
begin
  select array_agg(n.round order by n.position), max(n.round) into v_rounds, v_last
  from (
    select d.position,
      (row_number() over (partition by d.user_id order by d.position))::integer as round
    from unnest(p_user_ids) with ordinality d(user_id, position)
  ) n;

  for v_round in 1 .. coalesce(v_last, 0) loop
    -- A freeze in hand covers a gap before the new day.
    for v_gap in
      select s.user_id, s.last_activity_date, d.activity_date
      from unnest(p_user_ids, p_dates, v_rounds) d(user_id, activity_date, round)
      join learn.user_stats s on s.user_id = any (array[d.user_id])
      where d.round = v_round and s.streak_freezes > 0
        and d.activity_date > s.last_activity_date + 1
      order by s.user_id
    loop
      perform learn_internal.spend_streak_freezes(
        v_gap.user_id, v_gap.last_activity_date, v_gap.activity_date, p_at);
    end loop;

    -- A day that a freeze covered and that was active after all gives the freeze back.
    with returned as (
      update learn.streak_freezes f
      set used_on = null
      from unnest(p_user_ids, p_dates, v_rounds) d(user_id, activity_date, round)
      where d.round = v_round and f.user_id = any (array[d.user_id])
        and f.used_on = d.activity_date
      returning f.user_id
    )
    update learn.user_stats s
    set streak_freezes = s.streak_freezes + 1
    from returned r
    where s.user_id = any (array[r.user_id]);

    insert into learn.user_activity_days (user_id, activity_date)
    select d.user_id, d.activity_date
    from unnest(p_user_ids, p_dates, v_rounds) d(user_id, activity_date, round)
    where d.round = v_round
    on conflict (user_id, activity_date) do update set is_freeze = false;

    -- A day after the last one continues the run or starts a new one;
    -- a late day may join two runs: recount.
    with moved as (
      update learn.user_stats s
      set current_streak = n.current_streak,
        longest_streak = greatest(s.longest_streak, n.longest_streak),
        active_days = s.active_days + 1,
        last_activity_date = greatest(s.last_activity_date, d.activity_date)
      from unnest(p_user_ids, p_dates, v_rounds) d(user_id, activity_date, round)
      join learn.user_stats o on o.user_id = any (array[d.user_id])
      cross join lateral (
        select c.continued + 1 as current_streak, c.continued + 1 as longest_streak, c.continued
        from (
          select case when exists (
            select from learn.user_activity_days y
            where y.user_id = d.user_id and y.activity_date = d.activity_date - 1
          ) then o.current_streak else 0 end as continued
        ) c
        where o.last_activity_date is null or d.activity_date > o.last_activity_date
        union all
        select v.current_streak, v.longest_streak, o.current_streak
        from learn_internal.streak_states v
        where v.user_id = d.user_id and d.activity_date < o.last_activity_date
      ) n
      where d.round = v_round and s.user_id = any (array[d.user_id])
      returning s.user_id, d.activity_date, s.streak_freezes, n.continued, n.current_streak
    )
    select array_agg(m.user_id), array_agg(m.activity_date) into v_earners, v_earned_on
    from moved m
    where v_every > 0 and m.streak_freezes < v_maximum
      and m.current_streak / v_every > m.continued / v_every;

    -- A streak that has grown by so many days earns a freeze.
    if v_earners is not null then
      perform learn_internal.give_streak_freezes(
        v_earners, v_earned_on, 1, 'streak_freeze_earned', p_at);
    end if;
  end loop;
  perform learn_internal.note_streaks(p_user_ids);
end;
$$;
comment on function learn_internal.advance_streaks(uuid[], date[], timestamptz) is
  'Makes new days of users active, moves their streaks, and spends, '
  'returns and earns freezes on the way.';
revoke all on function learn_internal.advance_streaks(uuid[], date[], timestamptz) from public;

-- triggers/achievements/announce_achievements.sql

-- When achievements are earned: their avatars are unlocked, their holders are tallied, and earning
-- them is a fact, which pays their XP.
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
  v_now timestamptz;
begin
  if not exists (select from earned) then
    return null;
  end if;
  v_now := learn.clock();

  insert into learn.user_avatars (user_id, avatar_id, unlocked_at)
  select e.user_id, a.unlocks_avatar_id, e.earned_at
  from earned e
  join learn.achievements a on a.id = e.achievement_id
  where a.unlocks_avatar_id is not null
  order by e.user_id, a.unlocks_avatar_id
  on conflict do nothing;

  insert into learn_internal.tally_changes (measure, day, item, value)
  select 'achievements', '-infinity', e.achievement_id::text, count(*)
  from earned e
  group by e.achievement_id;

  insert into learn.activity_log
    (user_id, activity_type, subject_type, subject_id, properties, xp,
     occurred_at, local_date, is_qualifying, recorded_at)
  select e.user_id, 'achievement_earned', 'achievement', a.slug,
    jsonb_build_object(
      'achievement_id', a.id, 'category', a.category, 'rarity', a.rarity, 'system', a.system),
    a.xp_reward, e.earned_at, (e.earned_at at time zone u.timezone)::date, false, v_now
  from earned e
  join learn.achievements a on a.id = e.achievement_id
  join learn.users u on u.id = any (array[e.user_id])
  where not e.evidence ? 'is_restored'  -- rebuilt from the fact that is there
  order by e.user_id, e.id;
  return null;
end;
$$;
comment on function learn_internal.announce_achievements() is
  'Statement trigger: unlocks the avatars of earned achievements and writes '
  'achievement_earned facts.';
revoke all on function learn_internal.announce_achievements() from public;

create or replace trigger announce_achievements
  after insert on learn.user_achievements
  referencing new table as earned
  for each statement
  execute function learn_internal.announce_achievements();
comment on trigger announce_achievements on learn.user_achievements is
  'Unlocks avatars and writes achievement_earned facts.';

-- triggers/activity/process_activities.sql

-- When facts are written: the engine. Everything that a fact causes happens here, in this order,
-- for one fact or for a million: lock, streak, XP and level, metrics, achievements.
-- Earned achievements and new levels are facts too: they are written to the log and come through
-- here again, until nothing is new.
--
-- Costs do not depend on a user's history: counters are incremented, thresholds found by index.
-- Statements are small and the rare ones conditional, because for a single fact preparing a plan
-- to run costs more than running it.
-- Errors: LX001 a fact of an unknown activity type, or one that is malformed.
create or replace function learn_internal.process_activities()
returns trigger
language plpgsql
volatile
security definer                  -- a writer of facts need not be a writer of rewards
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan  -- plans by key, made once: see docs/engine.md
set enable_seqscan = off
set enable_mergejoin = off
set enable_hashjoin = off
set jit = off
as $$
declare
  v_gains         learn_internal.gain[];  -- per user: the XP of these facts
  v_user_ids      uuid[];              -- the same users; where it is needed
  -- what some of these facts cause, so that the rest is left out:
  v_causes        integer;             -- bits, see below
  v_is_capped     boolean := false;
  v_feeds_days    boolean := false;
  v_resets_runs   boolean := false;
  v_notifies      boolean := false;
  v_unknown       text;
  v_is_malformed  boolean;
  v_capped        jsonb;               -- what facts within a cap for the day pay, by their ids
  v_level         integer[];           -- per user, before these facts
  v_streak        integer[];
  v_active_days   integer[];
  v_day_user_ids  uuid[];
  v_days          date[];
  v_is_new_level  boolean;
  v_won           learn_internal.win[];  -- thresholds crossed
  v_earned_at     jsonb;               -- by user: when the latest of these facts occurred
begin
  -- Content is held as hold_content() does it, without the price of a call.
  lock table learn_internal.content_lock in row share mode;
  if current_setting('transaction_isolation') <> 'read committed' then
    perform learn_internal.hold_content();
  end if;

  -- 1. Lock the users' stats rows in key order, before anything else of theirs is read.
  -- The same statement tells what there is to do, from these rows and from what types can cause:
  -- 1 XP, 2 metrics, 4 what is rare (see below), 8 another day than the last active one,
  -- 16 a total of XP that means a level or an achievement, or a level that an easier curve has given
  -- and that is yet to be announced. Bits, since each aggregate has its price.
  select array_agg((f.user_id, f.xp)::learn_internal.gain), bit_or(f.causes
    | case when f.first_day < f.last_day or f.last_day <> f.last_activity_date
        or f.last_activity_date is null and f.last_day is not null then 8 else 0 end
    | case when f.xp <> 0 and (f.current_level > f.highest_level or exists (
        select from learn_internal.xp_marks m
        where m.xp > least(f.total_xp, f.total_xp + f.xp)
          and m.xp <= greatest(f.total_xp, f.total_xp + f.xp))) then 16 else 0 end)
  into v_gains, v_causes
  from (
    select c.*, s.total_xp, s.current_level, s.highest_level, s.last_activity_date
    from (
      select n.user_id, sum(coalesce(n.xp, t.pays)) as xp,
        min(n.local_date) filter (where n.is_qualifying) as first_day,
        max(n.local_date) filter (where n.is_qualifying) as last_day,
        bit_or(case when coalesce(n.xp, t.pays) <> 0 then 1 else 0 end
          | case when t.feeds_metrics then 2 else 0 end
          | case when t.key is null or t.is_capped or t.feeds_days or t.resets_runs or t.notifies
              or jsonb_typeof(n.properties) <> 'object'
              or (n.subject_type is null) <> (n.subject_id is null) then 4 else 0 end) as causes
      from new_facts n
      left join learn.activity_types t on t.key = n.activity_type
      group by n.user_id
      order by n.user_id
    ) c
    cross join lateral (
      select * from learn.user_stats l where l.user_id = c.user_id for no key update
    ) s
  ) f;
  if v_gains is null then
    -- statement triggers fire for zero rows too: without this they would call each other for ever
    return null;
  end if;
  if v_causes & 4 <> 0 then
    select bool_or(t.is_capped), bool_or(t.feeds_days), bool_or(t.resets_runs), bool_or(t.notifies),
      string_agg(distinct n.activity_type, ', ') filter (where t.key is null),
      bool_or(jsonb_typeof(n.properties) <> 'object'
        or (n.subject_type is null) <> (n.subject_id is null))
    into v_is_capped, v_feeds_days, v_resets_runs, v_notifies, v_unknown, v_is_malformed
    from new_facts n
    left join learn.activity_types t on t.key = n.activity_type;
    if v_unknown is not null then
      raise exception 'unknown activity type'
        using errcode = 'LX001', detail = v_unknown,
          hint = 'Add it to learn.activity_types first.';
    elsif v_is_malformed then
      raise exception 'a fact is malformed'
        using errcode = 'LX001', detail = (
          select format('properties = %s, subject_type = %L, subject_id = %L',
            n.properties, n.subject_type, n.subject_id)
          from new_facts n
          where jsonb_typeof(n.properties) <> 'object'
            or (n.subject_type is null) <> (n.subject_id is null)
          limit 1),
          hint = 'Properties are a JSON object; a subject has both a type and an id.';
    end if;
  end if;

  if v_causes & 28 <> 0 then
    v_user_ids := array(select g.user_id from unnest(v_gains) g order by g.user_id);
  end if;

  -- 2. Local active days move the streak.
  if v_causes & 8 <> 0 then
    select array_agg(d.user_id order by d.first_id), array_agg(d.local_date order by d.first_id)
    into v_day_user_ids, v_days
    from (
      select n.user_id, n.local_date, min(n.id) as first_id
      from new_facts n
      where n.is_qualifying
      group by n.user_id, n.local_date
    ) d
    where not exists (
      select from learn.user_activity_days a
      where a.user_id = d.user_id and a.activity_date = d.local_date and not a.is_freeze
      offset 0);
    if v_days is not null then
      select array_agg(s.longest_streak), array_agg(s.active_days) into v_streak, v_active_days
      from (
        select * from learn.user_stats l where l.user_id = any (v_user_ids) order by l.user_id
      ) s;
      perform learn_internal.advance_streaks(v_day_user_ids, v_days, learn.clock());
      insert into learn_internal.board_gains (user_id, metric, local_date, amount)
      select d.user_id, m.key, d.local_date, 1
      from learn.metrics m
      cross join unnest(v_day_user_ids, v_days) d(user_id, local_date)
      where m.key = 'active_days' and m.is_board;
    end if;
  end if;

  -- 3. XP into the ledger: what the fact carries, else what the rule pays.
  if v_is_capped then
    -- Within a cap: less what the same type has paid this user for the same day,
    -- in the ledger and before in this statement. Ledger rows of a day are never older than it,
    -- which leaves older partitions and rows alone.
    select jsonb_object_agg(c.id, greatest(0, least(c.amount, c.daily_cap - c.earlier - c.before)))
    into v_capped
    from (
      select n.id, coalesce(n.xp, r.amount) as amount, r.daily_cap,
        sum(coalesce(n.xp, r.amount)) over (
          partition by n.user_id, n.activity_type, n.local_date
          order by n.id) - coalesce(n.xp, r.amount) as earlier,
        (
          select coalesce(sum(t.amount), 0)
          from learn.xp_transactions t
          where t.user_id = n.user_id and t.earned_on = n.local_date
            and t.activity_type = n.activity_type
            and t.amount > 0 and t.created_at >= n.local_date - interval '2 days'
        ) as before
      from new_facts n
      join learn.xp_rules r on r.activity_type = n.activity_type
      where r.daily_cap is not null and coalesce(n.xp, r.amount) > 0
    ) c;
    select array_agg((p.user_id, p.xp)::learn_internal.gain), v_causes | 16 into v_gains, v_causes
    from (
      select n.user_id,
        sum(coalesce((v_capped ->> n.id::text)::integer, n.xp, t.pays))::bigint as xp
      from new_facts n
      join learn.activity_types t on t.key = n.activity_type
      group by n.user_id
    ) p
    where p.user_id = any (v_user_ids);
  end if;

  if v_causes & 1 <> 0 then
    insert into learn.xp_transactions
      (user_id, amount, activity_type, source_type, source_id, description, earned_on, created_at)
    select p.user_id, p.amount, p.activity_type,
      case when p.is_told then p.properties ->> 'source_type' else p.activity_type end,
      case when p.is_told then p.properties ->> 'source_id' else p.subject_id end,
      case when p.is_told then p.properties ->> 'description' end,
      p.local_date, p.recorded_at
    from (
      select n.*,
        -- its caller names the source
        n.activity_type in ('xp_awarded', 'xp_reversed') as is_told,
        coalesce((v_capped ->> n.id::text)::integer, n.xp, t.pays) as amount
      from new_facts n
      join learn.activity_types t on t.key = n.activity_type
    ) p
    where p.amount <> 0;

    -- 4. The total and the level follow, and the achievements for these.
    if v_causes & 16 = 0 then
      update learn.user_stats s
      set total_xp = s.total_xp + g.xp
      from unnest(v_gains) g
      where s.user_id = any (array[g.user_id]) and g.xp <> 0;
    else
      select array_agg(s.highest_level) into v_level
      from (
        select * from learn.user_stats l where l.user_id = any (v_user_ids) order by l.user_id
      ) s;
      with credited as (
        update learn.user_stats s
        set total_xp = o.total_xp + g.xp,
          current_level = l.level,
          highest_level = greatest(o.highest_level, l.level)
        from unnest(v_gains) g
        join learn.user_stats o on o.user_id = any (array[g.user_id])
        cross join lateral (
          select coalesce((
            select t.level from learn.level_thresholds t
            where t.min_xp <= o.total_xp + g.xp
            order by t.min_xp desc
            limit 1), 1) as level
        ) l
        where s.user_id = any (array[g.user_id]) and g.xp <> 0
        returning s.user_id, o.total_xp as old_xp, s.total_xp as new_xp,
          o.highest_level as old_level, s.highest_level as new_level
      )
      select bool_or(c.new_level > c.old_level),
        array_agg((c.user_id, t.achievement_id, jsonb_build_object(
          'metric', t.metric, 'scope', '', 'value', case t.metric when 'xp' then c.new_xp
            else c.new_level end))::learn_internal.win) filter (where t.metric is not null)
      into v_is_new_level, v_won
      from credited c
      left join learn_internal.achievement_thresholds t
        on t.scope = '' and (
          t.metric = 'xp' and t.threshold > c.old_xp and t.threshold <= c.new_xp
          or t.metric = 'level_reached' and t.threshold > c.old_level
            and t.threshold <= c.new_level);
    end if;
  end if;

  -- 5. Metrics count what happened.
  -- 6. The achievements whose thresholds that crosses are found by index.
  -- What boards and tallies are to count is left for a fold, the XP by the type of fact that paid it.
  if v_causes & 3 <> 0 then
    -- (An amount is null where facts lack the property: the new value is null or the old one then.)
    with fed as (
      select f.user_id, f.metric, f.aggregate = 'max' as is_maximum, f.scope, f.board_date,
        case f.aggregate when 'max' then max(f.amount) else sum(f.amount) end::bigint as amount
      from (
        select n.user_id, m.metric, m.aggregate,
          coalesce(n.properties ->> m.scope_property, '') as scope,
          case when not m.is_board then null when m.aggregate = 'run' then '-infinity'
            else n.local_date end as board_date,
          case when m.property is null then 1
            else learn_internal.number_property(n.properties, m.property) end as amount
        from new_facts n
        join learn_internal.metric_feeds m on m.activity_type = n.activity_type
        where n.properties @> m.filter
          and (m.aggregate <> 'run' or not v_resets_runs)
          and (m.scope_property is null or n.properties ->> m.scope_property <> '')
      ) f
      group by f.user_id, f.metric, f.aggregate, f.scope, f.board_date
    ), gained as (
      insert into learn_internal.board_gains (user_id, metric, local_date, activity_type, amount)
      select f.user_id, f.metric, f.board_date, null, f.amount
      from fed f
      where f.board_date is not null and f.amount <> 0
      union all
      select p.user_id, 'xp', p.local_date, p.activity_type, sum(p.amount)
      from (
        select n.user_id, n.local_date, n.activity_type,
          coalesce((v_capped ->> n.id::text)::integer, n.xp, t.pays) as amount
        from new_facts n
        join learn.activity_types t on t.key = n.activity_type
      ) p
      where p.amount <> 0
      group by p.user_id, p.local_date, p.activity_type
    ), changed as (
      select t.user_id, t.metric, t.scope, o.value as old_value,
        case when t.is_maximum then greatest(o.value, t.amount)
          else o.value + t.amount end as new_value
      from (
        select f.user_id, f.metric, f.scope, f.is_maximum,
          case when f.is_maximum then max(f.amount) else sum(f.amount) end::bigint as amount
        from fed f
        group by f.user_id, f.metric, f.scope, f.is_maximum
      ) t
      cross join lateral (
        select coalesce((
          select u.value from learn.user_metrics u
          where u.user_id = t.user_id and u.metric = t.metric and u.scope = t.scope), 0) as value
      ) o
    ), saved as (
      insert into learn.user_metrics (user_id, metric, scope, value)
      select c.user_id, c.metric, c.scope, c.new_value
      from changed c
      where c.new_value <> c.old_value
      on conflict (user_id, metric, scope) do update set value = excluded.value
    )
    select v_won || array_agg((
      c.user_id, t.achievement_id,
      jsonb_build_object('metric', c.metric, 'scope', c.scope, 'value', c.new_value)
    )::learn_internal.win)
    into v_won
    from changed c
    join learn_internal.achievement_thresholds t
      on t.metric = c.metric and t.scope = c.scope and t.threshold > c.old_value
        and t.threshold <= c.new_value;
  end if;

  if v_feeds_days then
    with new_days as (
      insert into learn_internal.user_metric_days (user_id, metric, scope, activity_date)
      select distinct n.user_id, m.key, s.scope, n.local_date
      from new_facts n
      join learn.metrics m on m.activity_type = n.activity_type and m.aggregate = 'distinct_days'
        and n.properties @> m.filter
      cross join lateral learn_internal.metric_scopes(n.properties, m.scope_property) s(scope)
      on conflict do nothing
      returning user_id, metric, scope, activity_date
    ), changed as (
      select d.user_id, d.metric, d.scope, o.value as old_value, o.value + d.added as new_value
      from (
        select n.user_id, n.metric, n.scope, count(*) as added
        from new_days n
        group by n.user_id, n.metric, n.scope
      ) d
      cross join lateral (
        select coalesce((
          select u.value from learn.user_metrics u
          where u.user_id = d.user_id and u.metric = d.metric and u.scope = d.scope), 0) as value
      ) o
    ), saved as (
      insert into learn.user_metrics (user_id, metric, scope, value)
      select c.user_id, c.metric, c.scope, c.new_value from changed c
      on conflict (user_id, metric, scope) do update set value = excluded.value
    ), boarded as (
      insert into learn_internal.board_gains (user_id, metric, local_date, amount)
      select n.user_id, n.metric, n.activity_date, 1
      from new_days n
      join learn.metrics m on m.key = n.metric and m.is_board
      where n.scope = ''
    )
    select v_won || array_agg((
      c.user_id, t.achievement_id,
      jsonb_build_object('metric', c.metric, 'scope', c.scope, 'value', c.new_value)
    )::learn_internal.win)
    into v_won
    from changed c
    join learn_internal.achievement_thresholds t
      on t.metric = c.metric and t.scope = c.scope
        and t.threshold > c.old_value and t.threshold <= c.new_value;
  end if;

  if v_resets_runs then
    with events as (
      select n.user_id, m.key as metric, s.scope, n.id, false as is_reset
      from new_facts n
      join learn.metrics m on m.activity_type = n.activity_type
        and m.aggregate = 'run' and n.properties @> m.filter
      cross join lateral learn_internal.metric_scopes(n.properties, m.scope_property) s(scope)
      union all
      select n.user_id, m.key, s.scope, n.id, true
      from new_facts n
      join learn.metrics m on m.reset_activity_type = n.activity_type
        and n.properties @> m.reset_filter
      cross join lateral learn_internal.metric_scopes(n.properties, m.scope_property) s(scope)
    ), runs as (
      -- Run 0 goes on from before this statement, each reset starts another;
      -- the last one is the value that stays.
      select e.user_id, e.metric, e.scope, e.run, count(*) filter (where not e.is_reset) as length,
        e.run = max(e.run) over (partition by e.user_id, e.metric, e.scope) as is_last
      from (
        select v.*, count(*) filter (where v.is_reset) over (
          partition by v.user_id, v.metric, v.scope
          order by v.id, v.is_reset desc rows unbounded preceding) as run
        from events v
      ) e
      group by e.user_id, e.metric, e.scope, e.run
    ), changed as (
      select r.user_id, r.metric, r.scope, o.value as old_value,
        coalesce(
          sum(r.length) filter (where r.is_last and r.run > 0),
          o.value + sum(r.length) filter (where r.run = 0)) as new_value,
        greatest(
          o.value + coalesce(sum(r.length) filter (where r.run = 0), 0),
          max(r.length) filter (where r.run > 0)) as peak
      from runs r
      cross join lateral (
        select coalesce((
          select u.value from learn.user_metrics u
          where u.user_id = r.user_id and u.metric = r.metric and u.scope = r.scope), 0) as value
      ) o
      group by r.user_id, r.metric, r.scope, o.value
    ), saved as (
      insert into learn.user_metrics (user_id, metric, scope, value)
      select c.user_id, c.metric, c.scope, c.new_value
      from changed c
      where c.new_value <> c.old_value
      on conflict (user_id, metric, scope) do update set value = excluded.value
    ), boarded as (
      insert into learn_internal.board_gains (user_id, metric, local_date, amount)
      select c.user_id, c.metric, '-infinity', c.new_value - c.old_value
      from changed c
      join learn.metrics m on m.key = c.metric and m.is_board
      where c.scope = '' and c.new_value <> c.old_value
    )
    select v_won || array_agg((
      c.user_id, t.achievement_id,
      jsonb_build_object('metric', c.metric, 'scope', c.scope, 'value', c.peak)
    )::learn_internal.win)
    into v_won
    from changed c
    join learn_internal.achievement_thresholds t
      on t.metric = c.metric and t.scope = c.scope
        and t.threshold > c.old_value and t.threshold <= c.peak;
  end if;

  if v_days is not null then
    select v_won || array_agg((
      s.user_id, t.achievement_id,
      jsonb_build_object('metric', v.metric, 'scope', '', 'value', v.new_value)
    )::learn_internal.win)
    into v_won
    from unnest(v_user_ids, v_streak, v_active_days) b(user_id, streak, active_days)
    join learn.user_stats s on s.user_id = any (array[b.user_id])
    cross join lateral (
      values
        ('current_streak', b.streak, s.longest_streak),
        ('active_days', b.active_days, s.active_days)
    ) v(metric, old_value, new_value)
    join learn_internal.achievement_thresholds t
      on t.metric = v.metric and t.scope = '' and t.threshold > v.old_value
        and t.threshold <= v.new_value;
  end if;

  -- 7. Users are told of what rules name.
  if v_notifies then
    perform learn_internal.notify_facts(array_agg(
      (n.user_id, n.id, n.activity_type, n.subject_type, n.subject_id,
        n.properties)::learn_internal.notice order by n.id))
    from new_facts n
    join learn.activity_types t on t.key = n.activity_type and t.notifies;
  end if;

  -- 8. What was reached is a fact too.
  if v_is_new_level or v_won is not null then
    select jsonb_object_agg(f.user_id, f.last_at) into v_earned_at
    from (
      select n.user_id, max(n.occurred_at) as last_at from new_facts n group by n.user_id
    ) f;
  end if;
  if v_is_new_level then
    insert into learn_internal.board_gains (user_id, metric, local_date, amount)
    select b.user_id, 'level_reached', '-infinity', s.highest_level - b.level
    from unnest(v_user_ids, v_level) b(user_id, level)
    join learn.user_stats s on s.user_id = any (array[b.user_id]) and s.highest_level > b.level
    where exists (select from learn.metrics m where m.key = 'level_reached' and m.is_board);

    insert into learn.activity_log
      (user_id, activity_type, subject_type, subject_id, properties,
       occurred_at, local_date, is_qualifying, recorded_at)
    select b.user_id, t.key, 'level', l.level::text, jsonb_build_object('level', l.level),
      e.at, (e.at at time zone u.timezone)::date, t.is_qualifying, c.now
    from unnest(v_user_ids, v_level) b(user_id, level)
    cross join (select learn.clock() as now offset 0) c
    cross join lateral (select (v_earned_at ->> b.user_id::text)::timestamptz as at) e
    join learn.user_stats s on s.user_id = any (array[b.user_id])
    join learn.users u on u.id = any (array[b.user_id])
    join learn.activity_types t on t.key = 'level_reached'
    cross join lateral generate_series(b.level + 1, s.highest_level) l(level)
    order by b.user_id, l.level;
  end if;

  if v_won is not null then
    insert into learn.user_achievements (user_id, achievement_id, earned_at, evidence)
    select w.user_id, w.achievement_id, (v_earned_at ->> w.user_id::text)::timestamptz, w.evidence
    from unnest(v_won) w
    join learn.achievements a on a.id = w.achievement_id
    where (a.criteria ? 'metric' or learn_internal.satisfies_criteria(w.user_id, a.criteria))
      and not exists (
        select from learn.revoked_achievements r
        where r.user_id = w.user_id and r.achievement_id = w.achievement_id
        offset 0)
    order by w.user_id, a.display_order, w.achievement_id
    on conflict (user_id, achievement_id) do nothing;
  end if;

  -- 9. What has been gained is folded into the boards now and then, at the end of a transaction.
  if v_causes & 11 <> 0 and random() * 100 < cardinality(v_gains) then
    perform learn_internal.request_fold();
  end if;
  return null;
end;
$$;
comment on function learn_internal.process_activities() is
  'The engine, a statement trigger: facts move streaks, pay XP, count in metrics '
  'and earn achievements.';
revoke all on function learn_internal.process_activities() from public;

create or replace trigger process_activities
  after insert on learn.activity_log
  referencing new table as new_facts
  for each statement
  execute function learn_internal.process_activities();
comment on trigger process_activities on learn.activity_log is
  'The engine: streaks, XP, levels, metrics, achievements.';

-- triggers/challenges/imported_progress_updated.sql

-- When imported progress grows: new levels count, and the difference in XP is paid. It does not
-- shrink.
-- Errors: LX001 fewer levels, less XP, or another user or challenge.
create or replace function learn_internal.imported_progress_updated()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_changes record;
begin
  select array_agg(c.user_id) filter (where c.is_changed) as user_ids,
    array_agg(c.challenge_id) filter (where c.is_changed) as challenge_ids,
    array_agg(c.total_xp - c.old_total_xp) filter (where c.is_changed) as xp,
    min(format('user_id = %s, challenge_id = %s: levels %s, %s XP',
      c.user_id, c.challenge_id, c.levels, c.total_xp)) filter (where c.is_bad) as bad
  into v_changes
  from (
    select g.*, (g.levels, g.total_xp) <> (g.old_levels, g.old_total_xp) as is_changed,
      g.old_levels is null or not g.old_levels <@ g.levels or g.total_xp < g.old_total_xp as is_bad
    from (
      -- New and old rows are matched by grouping, in the same time per row for any number: see docs/engine.md
      select r.user_id, r.challenge_id, max(r.completed_levels) filter (where r.is_new) as levels,
        max(r.completed_levels) filter (where not r.is_new) as old_levels,
        max(r.total_xp) filter (where r.is_new) as total_xp,
        max(r.total_xp) filter (where not r.is_new) as old_total_xp
      from (
        select n.user_id, n.challenge_id, n.completed_levels, n.total_xp, true as is_new from new_rows n
        union all
        select o.user_id, o.challenge_id, o.completed_levels, o.total_xp, false from old_rows o
      ) r
      group by r.user_id, r.challenge_id
    ) g
    where g.levels is not null
  ) c;
  if v_changes.bad is not null then
    raise exception 'imported progress does not shrink'
      using errcode = 'LX001', detail = v_changes.bad,
        hint = 'What was paid is in the ledger: learn.reverse_xp() takes it back.';
  end if;
  if v_changes.user_ids is not null then
    perform learn_internal.apply_imports(v_changes.user_ids, v_changes.challenge_ids, v_changes.xp);
  end if;
  return null;
end;
$$;
comment on function learn_internal.imported_progress_updated() is
  'Statement trigger: what imported progress grew by counts and is paid; '
  'it does not shrink (LX001).';
revoke all on function learn_internal.imported_progress_updated() from public;

create or replace trigger imported_progress_updated
  after update on learn.imported_challenge_progress
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.imported_progress_updated();
comment on trigger imported_progress_updated on learn.imported_challenge_progress is
  'What it grew by counts and is paid (LX001 when it shrinks).';

-- triggers/community/discussions_inserted.sql

-- When discussions are started: each is a fact of its author.
create or replace function learn_internal.discussions_inserted()
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
  v_facts learn_internal.fact[];
begin
  select array_agg(
    (n.author_id, 'discussion_posted', 'discussion', n.id::text,
      jsonb_strip_nulls(jsonb_build_object('course_id', n.course_id, 'category', n.category)),
      null, n.created_at)::learn_internal.fact
    order by n.author_id, n.id)
  into v_facts
  from new_rows n;
  if v_facts is null then
    return null;
  end if;
  perform from learn.user_stats s
  where s.user_id = any (array(select f.user_id from unnest(v_facts) f))
  order by s.user_id for no key update;
  perform learn_internal.write_facts(v_facts);
  return null;
end;
$$;
comment on function learn_internal.discussions_inserted() is
  'Statement trigger: new discussions become facts.';
revoke all on function learn_internal.discussions_inserted() from public;

create or replace trigger discussions_inserted
  after insert on learn.discussions
  referencing new table as new_rows
  for each statement
  execute function learn_internal.discussions_inserted();
comment on trigger discussions_inserted on learn.discussions is 'New discussions become facts.';

-- triggers/community/replies_inserted.sql

-- When replies are posted: each is a fact of its author, and counts in its discussion.
create or replace function learn_internal.replies_inserted()
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
  v_facts    learn_internal.fact[];
  v_accepted bigint[];
begin
  select array_agg(
      (n.author_id, 'reply_posted', 'reply', n.id::text,
        jsonb_build_object('discussion_id', n.discussion_id), null,
        n.created_at)::learn_internal.fact
      order by n.author_id, n.id),
    array_agg(n.id) filter (where n.first_accepted_at is not null)
  into v_facts, v_accepted
  from new_rows n;
  if v_facts is null then
    return null;
  end if;
  perform from learn.user_stats s
  where s.user_id = any (array(select f.user_id from unnest(v_facts) f))
  order by s.user_id for no key update;
  perform learn_internal.write_facts(v_facts);
  if v_accepted is not null then
    perform learn_internal.write_solutions(v_accepted);
  end if;

  perform learn_internal.count_replies(array_agg(g.discussion_id), array_agg(g.replies))
  from (
    select n.discussion_id, count(*)::integer as replies from new_rows n group by n.discussion_id
  ) g;
  return null;
end;
$$;
comment on function learn_internal.replies_inserted() is
  'Statement trigger: new replies become facts and count in their discussions.';
revoke all on function learn_internal.replies_inserted() from public;

create or replace trigger replies_inserted
  after insert on learn.replies
  referencing new table as new_rows
  for each statement
  execute function learn_internal.replies_inserted();
comment on trigger replies_inserted on learn.replies is
  'New replies become facts and count in their discussions.';

-- triggers/community/replies_updated.sql

-- When replies change: one that is accepted for the first time is a fact, and the discussions
-- concerned are solved or not. A reply that moves counts elsewhere.
create or replace function learn_internal.replies_updated()
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
  v_accepted       bigint[];
  v_discussion_ids bigint[];
  v_replies        integer[];
begin
  if not exists (select from new_rows) then
    return null;
  end if;
  -- New and old rows are matched by grouping, in the same time per row for any number: see docs/engine.md
  select array_agg(c.id) into v_accepted
  from (
    select r.id
    from (
      select n.id, n.first_accepted_at, true as is_new from new_rows n
      union all
      select o.id, o.first_accepted_at, false from old_rows o
    ) r
    group by r.id
    having bool_or(r.is_new and r.first_accepted_at is not null)
      and bool_or(not r.is_new and r.first_accepted_at is null)
  ) c;
  if v_accepted is not null then
    perform learn_internal.write_solutions(v_accepted);
  end if;

  select array_agg(g.discussion_id), array_agg(g.replies) into v_discussion_ids, v_replies
  from (
    -- where replies have come and gone; with 0 where only the solution has changed
    select c.discussion_id, sum(c.replies)::integer as replies
    from (
      select r.id, r.discussion_id, r.is_solution, sum(r.replies) as replies
      from (
        select n.id, n.discussion_id, n.is_solution, 1 as replies from new_rows n
        union all
        select o.id, o.discussion_id, o.is_solution, -1 from old_rows o
      ) r
      group by r.id, r.discussion_id, r.is_solution
      having sum(r.replies) <> 0
    ) c
    group by c.discussion_id
  ) g;
  perform learn_internal.count_replies(v_discussion_ids, v_replies);
  return null;
end;
$$;
comment on function learn_internal.replies_updated() is
  'Statement trigger: accepted replies become facts and solve their discussions.';
revoke all on function learn_internal.replies_updated() from public;

create or replace trigger replies_updated
  after update on learn.replies
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.replies_updated();
comment on trigger replies_updated on learn.replies is
  'Accepted replies become facts and solve their discussions.';

-- triggers/identity/register_users.sql

-- When users are made: each gets a stats row, and signing up is a fact. Several at once are an
-- import: what they earn by it, they are not notified of.
-- Errors: LX001 unknown time zone.
create or replace function learn_internal.register_users()
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
  v_quiet text := coalesce(current_setting('learn.quiet', true), '');
begin
  if not exists (select from new_users) then
    return null;
  end if;
  perform learn_internal.require_timezones(array_agg(distinct u.timezone)) from new_users u;

  insert into learn.user_stats (user_id, registered_on)
  select u.id, (u.created_at at time zone u.timezone)::date from new_users u order by u.id;
  insert into learn_internal.tally_changes (measure, day, item, value)
  select 'registrations', s.registered_on, '', count(*)
  from new_users u
  join learn.user_stats s on s.user_id = any (array[u.id])
  group by s.registered_on;

  if (select count(*) from new_users) > 1 then
    perform set_config('learn.quiet', 'on', true);
  end if;
  insert into learn.activity_log (user_id, activity_type, occurred_at, local_date, is_qualifying)
  select u.id, t.key, u.created_at, (u.created_at at time zone u.timezone)::date, t.is_qualifying
  from new_users u
  join learn.activity_types t on t.key = 'user_registered'
  order by u.id;
  perform set_config('learn.quiet', v_quiet, true);
  return null;
end;
$$;
comment on function learn_internal.register_users() is
  'Statement trigger: makes users'' stats rows and writes user_registered facts.';
revoke all on function learn_internal.register_users() from public;

create or replace trigger register_users
  after insert on learn.users
  referencing new table as new_users
  for each statement
  execute function learn_internal.register_users();
comment on trigger register_users on learn.users is
  'Makes stats rows and writes user_registered facts.';

-- triggers/leaderboards/fold_at_commit.sql

-- When a transaction that has asked for it commits: the boards are folded, after all that it has written, so
-- that its gains are taken once, and others are kept from folding for a moment only.
create or replace function learn_internal.fold_at_commit()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  delete from learn_internal.fold_requests r where r.transaction_id = new.transaction_id;
  perform learn_internal.try_fold_boards();
  return null;
end;
$$;
comment on function learn_internal.fold_at_commit() is
  'Deferred trigger: folds the boards when the transaction that has asked for it commits.';
revoke all on function learn_internal.fold_at_commit() from public;

create constraint trigger fold_at_commit
  after insert on learn_internal.fold_requests
  deferrable initially deferred
  for each row
  execute function learn_internal.fold_at_commit();
comment on trigger fold_at_commit on learn_internal.fold_requests is
  'Folds the boards when the transaction commits.';

-- triggers/leaderboards/mark_user_boards.sql

-- When users are renamed, come and go, or want to be seen or not: their boards are marked to be recounted;
-- when they move to another time zone, where a streak ends at another time: the one of streaks to be looked up.
-- A recount is done when this commits; of those who move, one in a hundred asks for a fold.
-- For each row, because nearly all updates of users are of other columns: those cost nothing.
-- Argument of the trigger: the metric; empty for all.
create or replace function learn_internal.mark_user_boards()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into learn_internal.board_gains (user_id, metric, local_date)
  values (new.id, tg_argv[0], '-infinity');
  if tg_argv[0] = '' or random() < 0.01 then
    perform learn_internal.request_fold();
  end if;
  return null;
end;
$$;
comment on function learn_internal.mark_user_boards() is
  'Row trigger: marks the boards of a user to be recounted. Argument: the metric; empty for all.';
revoke all on function learn_internal.mark_user_boards() from public;

create or replace trigger users_seen
  after update of username, is_active, show_on_leaderboard on learn.users
  for each row
  when ((old.username, old.is_active, old.show_on_leaderboard)
    is distinct from (new.username, new.is_active, new.show_on_leaderboard))
  execute function learn_internal.mark_user_boards('');
comment on trigger users_seen on learn.users is 'Boards show who wants to be seen, by name.';

create or replace trigger users_moved
  after update of timezone on learn.users
  for each row
  when (old.timezone is distinct from new.timezone)
  execute function learn_internal.mark_user_boards('current_streak');
comment on trigger users_moved on learn.users is 'Streaks end at midnight of the time zone.';

-- triggers/practice/grade_submissions.sql

-- When queries are submitted: every run is a fact, the first correct one solves the exercise,
-- and solving the last exercise completes the lesson.
--
-- What a lesson is worth depends on the submissions before its completion and not on those after
-- it. So a statement with many submissions is taken in rounds, cut per user behind each submission
-- that completes a lesson; the loop runs as often as the user with the most completes one.
-- A single submission is one round.
create or replace function learn_internal.grade_submissions()
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
  v_rounds     bigint[];            -- of the submissions, in order of their ids
  v_last       bigint;
  v_user_ids   uuid[];
  v_lesson_ids bigint[];
begin
  select array_agg(distinct n.user_id) into v_user_ids from new_submissions n;
  if v_user_ids is null then
    return null;
  end if;
  perform from learn.user_stats s where s.user_id = any (v_user_ids)
  order by s.user_id for no key update;

  with solving as (
    select n.user_id, n.exercise_id, min(n.id) as id
    from new_submissions n
    where n.is_correct and not exists (
      select from learn.user_exercise_progress x
      where x.user_id = n.user_id and x.exercise_id = n.exercise_id and x.solved_at is not null
      offset 0)
    group by n.user_id, n.exercise_id
  ), solved as (
    select s.user_id, e.lesson_id, max(s.id) as id, count(*) as exercises
    from solving s
    join learn.exercises e on e.id = s.exercise_id and e.is_published
    group by s.user_id, e.lesson_id
  ), completing as (
    select s.user_id, s.id
    from solved s
    where (
      select count(*) from learn.exercises e
      where e.lesson_id = s.lesson_id and e.is_published) = s.exercises + (
      select count(*) from learn.exercises e
      where e.lesson_id = s.lesson_id and e.is_published and exists (
        select from learn.user_exercise_progress x
        where x.user_id = s.user_id and x.exercise_id = e.id and x.solved_at is not null
        offset 0))
  ), rounds as (
    -- Submissions and those that complete are matched by grouping, in the same time per row for any number.
    select c.id, 1 + coalesce(count(*) filter (where c.is_last) over (
      partition by c.user_id order by c.id
      rows between unbounded preceding and 1 preceding), 0) as round
    from (
      select s.user_id, s.id, bool_or(s.is_last) as is_last
      from (
        select n.user_id, n.id, false as is_last from new_submissions n
        union all
        select c.user_id, c.id, true from completing c
      ) s
      group by s.user_id, s.id
    ) c
  )
  select array_agg(r.round order by r.id), max(r.round) into v_rounds, v_last
  from rounds r;

  for v_round in 1 .. v_last loop
    with submitted as materialized (
      select n.user_id, n.id, n.exercise_id, n.is_correct,
        n.error_message is not null as is_failed, n.submitted_at
      from (
        select s.*, row_number() over (order by s.id) as number from new_submissions s
      ) n
      where v_rounds[n.number] = v_round
    ), totals as (
      select s.user_id, s.exercise_id, count(*) as submissions,
        count(*) filter (where not s.is_correct) as wrong,
        count(*) filter (where s.is_failed) as failed,
        (array_agg(s.is_correct order by s.id))[1] as is_first_correct,
        min(s.id) filter (where s.is_correct) as solving_id,
        (array_agg(s.submitted_at order by s.id) filter (where s.is_correct))[1] as solved_at
      from submitted s
      group by s.user_id, s.exercise_id
    ), graded as materialized (
      select t.*, e.lesson_id, o.user_id is null as is_first_run,
        o.user_id is null and t.is_first_correct as is_first_try,
        t.solving_id is not null and o.solved_at is null as is_newly_solved
      from totals t
      join learn.exercises e on e.id = t.exercise_id
      left join lateral (  -- by key, whatever the size of the statement
        select x.user_id, x.solved_at
        from learn.user_exercise_progress x
        where x.user_id = t.user_id and x.exercise_id = t.exercise_id
        limit 1
      ) o on true
    ), saved as (
      insert into learn.user_exercise_progress as p
        (user_id, exercise_id, submissions, wrong_submissions,
         failed_submissions, is_first_try, solved_at)
      select g.user_id, g.exercise_id, g.submissions, g.wrong, g.failed, g.is_first_try, g.solved_at
      from graded g
      order by g.user_id, g.exercise_id
      on conflict (user_id, exercise_id) do update
        set submissions = p.submissions + excluded.submissions,
          wrong_submissions = p.wrong_submissions + excluded.wrong_submissions,
          failed_submissions = p.failed_submissions + excluded.failed_submissions,
          solved_at = coalesce(p.solved_at, excluded.solved_at)
    ), begun as (
      insert into learn.user_lesson_progress (user_id, lesson_id, status)
      select distinct g.user_id, g.lesson_id, 'in_progress'
      from graded g
      where g.is_first_run
      order by g.user_id, g.lesson_id
      on conflict (user_id, lesson_id) do nothing
    ), facts as (
      select s.user_id, s.id, 1 as rank, 'exercise_attempted' as activity_type, s.exercise_id,
        jsonb_build_object('is_correct', s.is_correct, 'is_failed', s.is_failed,
          'submission_id', s.id) as properties,
        s.submitted_at as occurred_at
      from submitted s
      union all
      select g.user_id, g.solving_id, 2, 'exercise_solved', g.exercise_id, '{}', g.solved_at
      from graded g
      where g.is_newly_solved
      union all
      select g.user_id, g.solving_id, 3, 'exercise_solved_first_try',
        g.exercise_id, '{}', g.solved_at
      from graded g
      where g.is_newly_solved and g.is_first_try
    ), logged as (
      insert into learn.activity_log
        (user_id, activity_type, subject_type, subject_id, properties,
         occurred_at, local_date, is_qualifying)
      select f.user_id, f.activity_type, 'exercise',
        f.exercise_id::text, f.properties, f.occurred_at,
        (f.occurred_at at time zone u.timezone)::date, t.is_qualifying
      from facts f
      cross join lateral (
        select x.timezone from learn.users x where x.id = f.user_id limit 1
      ) u
      join learn.activity_types t on t.key = f.activity_type
      where f.rank = 1 or not exists (  -- recorded from outside already: paid
        select from learn_internal.recorded_subjects r
        where r.user_id = f.user_id and r.activity_type = f.activity_type
          and r.subject_type = 'exercise' and r.subject_id = f.exercise_id::text
        offset 0)
      order by f.user_id, f.id, f.rank
    )
    select array_agg(g.user_id), array_agg(g.lesson_id) into v_user_ids, v_lesson_ids
    from graded g
    where g.is_newly_solved;

    if v_user_ids is not null then
      perform learn_internal.complete_solved_lessons(v_user_ids, v_lesson_ids);
    end if;
  end loop;
  return null;
end;
$$;
comment on function learn_internal.grade_submissions() is
  'Statement trigger: submissions become facts, solve exercises and complete lessons.';
revoke all on function learn_internal.grade_submissions() from public;

create or replace trigger grade_submissions
  after insert on learn.query_submissions
  referencing new table as new_submissions
  for each statement
  execute function learn_internal.grade_submissions();
comment on trigger grade_submissions on learn.query_submissions is
  'Submissions become facts, solve exercises and complete lessons.';

-- triggers/progress/lesson_progress_updated.sql

-- When lesson progress changes: what has become started or completed by the change
-- is treated like new rows.
create or replace function learn_internal.lesson_progress_updated()
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
  v_completions learn_internal.completion[];
  v_user_ids    uuid[];
  v_lesson_ids  bigint[];
  v_at          timestamptz[];
  v_starts      learn_internal.lesson_event[];
  v_started     bigint;
  v_is_perfect  boolean;
  v_touched     learn_internal.lesson_time[];
begin
  if not exists (select from new_rows) then
    return null;
  end if;
  select
    array_agg((c.user_id, c.lesson_id, c.started_at)::learn_internal.lesson_event)
      filter (where c.is_started),
    array_agg((c.user_id, c.lesson_id, coalesce(c.seconds, 0) - coalesce(c.old_seconds, 0),
        greatest(
          case when c.old_started_at is null then c.started_at end,
          case when c.old_completed_at is null then c.completed_at end))::learn_internal.lesson_time)
      filter (where c.seconds is distinct from c.old_seconds or c.is_started),
    array_agg((c.user_id, c.lesson_id, c.completed_at, c.started_at, c.score,
      null, null, null, null, 'lesson_completed')::learn_internal.completion)
      filter (where c.is_completed),
    array_agg(c.user_id) filter (where c.is_completed),
    array_agg(c.lesson_id) filter (where c.is_completed),
    array_agg(c.completed_at) filter (where c.is_completed),
    count(c.started_at), bool_or(c.score = 100)
  into v_starts, v_touched, v_completions, v_user_ids, v_lesson_ids, v_at, v_started, v_is_perfect
  from (
    select g.*, g.started_at is not null and g.old_started_at is null as is_started,
      g.completed_at is not null and g.old_completed_at is null as is_completed
    from (
      -- New and old rows are matched by grouping, in the same time per row for any number: see docs/engine.md
      select r.user_id, r.lesson_id, max(r.score) filter (where r.is_new) as score,
        max(r.time_spent_seconds) filter (where r.is_new) as seconds,
        max(r.time_spent_seconds) filter (where not r.is_new) as old_seconds,
        max(r.started_at) filter (where r.is_new) as started_at,
        max(r.started_at) filter (where not r.is_new) as old_started_at,
        max(r.completed_at) filter (where r.is_new) as completed_at,
        max(r.completed_at) filter (where not r.is_new) as old_completed_at
      from (
        select n.user_id, n.lesson_id, n.score, n.time_spent_seconds, n.started_at, n.completed_at,
          true as is_new
        from new_rows n
        union all
        select o.user_id, o.lesson_id, o.score, o.time_spent_seconds, o.started_at, o.completed_at, false
        from old_rows o
      ) r
      group by r.user_id, r.lesson_id
      having count(*) = 2  -- not where the key itself was changed
    ) g
  ) c;
  if v_touched is not null and v_user_ids is not null then
    -- all users at once, in key order: the steps below lock some of them each
    perform from learn.user_stats s where s.user_id = any (array(select n.user_id from new_rows n))
    order by s.user_id for no key update;
  end if;
  if v_touched is not null then
    perform learn_internal.touch_courses(v_touched);
  end if;
  if v_starts is not null then
    perform learn_internal.write_lesson_starts(v_starts);
  end if;
  if v_user_ids is not null then
    perform learn_internal.apply_lesson_completions(
      v_completions, v_user_ids, v_lesson_ids, v_at, v_started > 0, v_is_perfect);
    -- for lesson_progress_inserted(), which comes next when this is an upsert
    perform set_config('learn_internal.lessons_updated', 'yes', true);
  end if;
  return null;
end;
$$;
comment on function learn_internal.lesson_progress_updated() is
  'Statement trigger: lessons that a change has started or completed become facts.';
revoke all on function learn_internal.lesson_progress_updated() from public;

create or replace trigger lesson_progress_updated
  after update on learn.user_lesson_progress
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.lesson_progress_updated();
comment on trigger lesson_progress_updated on learn.user_lesson_progress is
  'Started and completed lessons become facts.';

-- triggers/skills/sessions_ended.sql

-- When learning sessions end: what the user's XP has gained since the start is noted.
create or replace function learn_internal.sessions_ended()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off   -- by key, also where a table was small when this was planned
as $$
declare
  v_user_ids uuid[];
  v_ids      bigint[];
begin
  select array_agg(c.user_id), array_agg(c.id) into v_user_ids, v_ids
  from (
    -- New and old rows are matched by grouping, in the same time per row for any number: see docs/engine.md
    select r.user_id, r.id
    from (
      select n.user_id, n.id, n.ended_at, true as is_new from new_rows n
      union all
      select o.user_id, o.id, o.ended_at, false from old_rows o
    ) r
    group by r.user_id, r.id
    having bool_or(r.is_new and r.ended_at is not null) and bool_or(not r.is_new and r.ended_at is null)
  ) c;
  if v_user_ids is null then
    return null;
  end if;
  perform from learn.user_stats s where s.user_id = any (v_user_ids)
  order by s.user_id for no key update;
  update learn.learning_sessions l
  set xp_earned = greatest(0, s.total_xp - coalesce(l.xp_at_start, s.total_xp))
  from unnest(v_user_ids, v_ids) e(user_id, id)
  join learn.user_stats s on s.user_id = any (array[e.user_id])
  where l.user_id = any (array[e.user_id]) and l.id = any (array[e.id]);
  return null;
end;
$$;
comment on function learn_internal.sessions_ended() is
  'Statement trigger: notes what users'' XP has gained in sessions that end.';
revoke all on function learn_internal.sessions_ended() from public;

create or replace trigger sessions_ended
  after update on learn.learning_sessions
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.sessions_ended();
comment on trigger sessions_ended on learn.learning_sessions is 'Notes the XP gained.';

-- triggers/skills/sessions_started.sql

-- When learning sessions are started: the user's XP at the start is noted. Sessions that are
-- written as ended, from elsewhere, say themselves what they earned.
create or replace function learn_internal.sessions_started()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off   -- by key, also where a table was small when this was planned
as $$
declare
  v_user_ids uuid[];
begin
  select array_agg(distinct n.user_id) into v_user_ids
  from new_rows n
  where n.ended_at is null and n.xp_at_start is null;
  if v_user_ids is null then
    return null;
  end if;
  perform from learn.user_stats s where s.user_id = any (v_user_ids)
  order by s.user_id for no key update;
  update learn.learning_sessions l
  set xp_at_start = s.total_xp
  from new_rows n
  join learn.user_stats s on s.user_id = any (array[n.user_id])
  where n.ended_at is null and n.xp_at_start is null
    and l.user_id = any (array[n.user_id]) and l.id = any (array[n.id]);
  return null;
end;
$$;
comment on function learn_internal.sessions_started() is
  'Statement trigger: notes the XP that users have when their sessions start.';
revoke all on function learn_internal.sessions_started() from public;

create or replace trigger sessions_started
  after insert on learn.learning_sessions
  referencing new table as new_rows
  for each statement
  execute function learn_internal.sessions_started();
comment on trigger sessions_started on learn.learning_sessions is 'Notes the XP at the start.';

-- triggers/skills/user_skills_updated.sql

-- When users have more points in skills: points and room are checked, and levels follow. Fewer
-- points are always good. What does not touch points is left alone, as the levels that are
-- written by settle_skills().
-- Errors: LX001 more points than there are, or than fit.
create or replace function learn_internal.user_skills_updated()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now     timestamptz := learn.clock();
  v_changes record;
begin
  select
    array_agg(c.user_id) filter (where c.points > 0) as more_user_ids,
    array_agg(c.skill_id) filter (where c.points > 0) as more_skill_ids,
    array_agg(false) filter (where c.points > 0) as more_begun,
    -- who says nothing of the time means now
    array_agg(case when c.allocated_at <> c.old_allocated_at then c.allocated_at else v_now end)
      filter (where c.points > 0) as more_at,
    array_agg(c.user_id) filter (where c.points < 0) as less_user_ids,
    array_agg(c.skill_id) filter (where c.points < 0) as less_skill_ids,
    array_agg(v_now) filter (where c.points < 0) as less_at
  into v_changes
  from (
    -- New and old rows are matched by grouping, in the same time per row for any number: see docs/engine.md
    select r.user_id, r.skill_id, sum(r.points) as points,
      max(r.allocated_at) filter (where r.is_new) as allocated_at,
      max(r.allocated_at) filter (where not r.is_new) as old_allocated_at
    from (
      select n.user_id, n.skill_id, n.points_allocated as points, n.allocated_at, true as is_new from new_rows n
      union all
      select o.user_id, o.skill_id, -o.points_allocated, o.allocated_at, false from old_rows o
    ) r
    group by r.user_id, r.skill_id
    having count(*) = 2
  ) c;
  if v_changes.more_user_ids is not null then
    perform learn_internal.apply_allocations(
      v_changes.more_user_ids, v_changes.more_skill_ids, v_changes.more_begun, v_changes.more_at);
  end if;
  if v_changes.less_user_ids is not null then
    perform from learn.user_stats s where s.user_id = any (v_changes.less_user_ids)
    order by s.user_id for no key update;
    perform learn_internal.settle_skills(
      v_changes.less_user_ids, v_changes.less_skill_ids, v_changes.less_at);
  end if;
  return null;
end;
$$;
comment on function learn_internal.user_skills_updated() is
  'Statement trigger: checks more points in skills (LX001); levels follow.';
revoke all on function learn_internal.user_skills_updated() from public;

create or replace trigger user_skills_updated
  after update on learn.user_skills
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.user_skills_updated();
comment on trigger user_skills_updated on learn.user_skills is
  'Checks points (LX001); levels follow.';

-- triggers/streaks/tally_days.sql

-- When days become active or no longer are: they are tallied, and so are the weeks in which a user has
-- the first active day or loses the last one, by the week of the user's registration. Days of a
-- user who is being deleted are left to tally_deleted_users(), which still knows that week.
-- A statement that both inserts and updates days (on conflict do update) may have one day per user,
-- since each of the two triggers sees what the other one tallies; or settle_tallies() comes after it.
create or replace function learn_internal.tally_days()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_moves learn_internal.day_move[];
begin
  case tg_op
    when 'INSERT' then
      select array_agg((n.user_id, n.activity_date, 1)::learn_internal.day_move) into v_moves
      from new_days n
      where not n.is_freeze;
    when 'DELETE' then
      select array_agg((o.user_id, o.activity_date, -1)::learn_internal.day_move) into v_moves
      from old_days o
      join learn.users u on u.id = any (array[o.user_id])
      where not o.is_freeze;
    else
      select array_agg((m.user_id, m.activity_date, m.days)::learn_internal.day_move) into v_moves
      from (
        select n.user_id, n.activity_date, 1 as days from new_days n where not n.is_freeze
        union all
        select o.user_id, o.activity_date, -1 from old_days o where not o.is_freeze
      ) m;
  end case;
  if v_moves is null then
    return null;
  end if;

  insert into learn_internal.tally_changes (measure, day, item, value)
  select 'active_days', m.activity_date, '', sum(m.days)
  from unnest(v_moves) m
  group by m.activity_date
  having sum(m.days) <> 0
  union all
  select 'active_weeks', w.week, to_char(date_trunc('week', s.registered_on::timestamp), 'YYYY-MM-DD'),
    sum(sign(w.days) - sign(w.days - w.moved))
  from (
    select v.user_id, v.week, v.moved, (
      select count(*)
      from learn.user_activity_days d
      where d.user_id = v.user_id and d.activity_date >= v.week and d.activity_date < v.week + 7
        and not d.is_freeze) as days
    from (
      select m.user_id, date_trunc('week', m.activity_date::timestamp)::date as week,
        sum(m.days) as moved
      from unnest(v_moves) m
      group by 1, 2
    ) v
  ) w
  join learn.user_stats s on s.user_id = any (array[w.user_id])
  group by 2, 3
  having sum(sign(w.days) - sign(w.days - w.moved)) <> 0;
  return null;
end;
$$;
comment on function learn_internal.tally_days() is
  'Statement trigger: tallies active days, and active weeks by the week of registration.';
revoke all on function learn_internal.tally_days() from public;

create or replace trigger days_inserted
  after insert on learn.user_activity_days
  referencing new table as new_days
  for each statement
  execute function learn_internal.tally_days();
comment on trigger days_inserted on learn.user_activity_days is 'Tallies active days and weeks.';

create or replace trigger days_updated
  after update on learn.user_activity_days
  referencing old table as old_days new table as new_days
  for each statement
  execute function learn_internal.tally_days();
comment on trigger days_updated on learn.user_activity_days is 'Tallies active days and weeks.';

create or replace trigger days_deleted
  after delete on learn.user_activity_days
  referencing old table as old_days
  for each statement
  execute function learn_internal.tally_days();
comment on trigger days_deleted on learn.user_activity_days is 'Tallies active days and weeks.';

reset role;
