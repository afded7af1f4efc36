-- What happens when rows of learn.learning_sessions are written, in the order in which triggers fire.

-- When learning sessions end: what the user's XP has gained since the start is noted, and a minute or more
-- is a learning act.
create or replace function learn_internal.sessions_ended()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off   -- by key, also where a table was small when this was planned
set jit = off
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
  perform learn_internal.write_session_facts(v_user_ids, v_ids);
  return null;
end;
$$;
comment on function learn_internal.sessions_ended() is
  'Statement trigger: notes what users'' XP has gained in sessions that end; they become facts.';

create or replace trigger sessions_ended
  after update on learn.learning_sessions
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.sessions_ended();

-- When learning sessions are started: the user's XP at the start is noted. Sessions that are
-- written as ended, from elsewhere, say themselves what they earned; they are learning acts, too.
create or replace function learn_internal.sessions_started()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off   -- by key, also where a table was small when this was planned
set jit = off
as $$
declare
  v_user_ids uuid[];
begin
  perform learn_internal.write_session_facts(array_agg(n.user_id), array_agg(n.id))
  from new_rows n
  where n.ended_at is not null
  having count(*) > 0;
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

create or replace trigger sessions_started
  after insert on learn.learning_sessions
  referencing new table as new_rows
  for each statement
  execute function learn_internal.sessions_started();

-- When a row is written: it is dated neither ahead of the clock nor absurdly far back.
-- Errors: LX001.
create or replace trigger refuse_times
  before insert on learn.learning_sessions
  for each row
  when (learn_internal.is_off_time(
    greatest(new.started_at, new.ended_at),
    least(new.started_at, new.ended_at)))
  execute function learn_internal.refuse_times('started_at', 'ended_at');

create or replace trigger refuse_new_times
  before update of started_at, ended_at on learn.learning_sessions
  for each row
  when (new.started_at is distinct from old.started_at and learn_internal.is_off_time(new.started_at, new.started_at)
    or new.ended_at is distinct from old.ended_at and learn_internal.is_off_time(new.ended_at, new.ended_at))
  execute function learn_internal.refuse_times('started_at', 'ended_at');

-- When a session began stays, and so does what ended it.
-- Errors: LX009.
create or replace trigger results_stay
  after update of session_type, started_at, ended_at, xp_at_start, xp_earned, is_completed on learn.learning_sessions
  for each row when (pg_trigger_depth() = 0
    and ((old.session_type, old.started_at, old.xp_at_start)
      is distinct from (new.session_type, new.started_at, new.xp_at_start)
      or old.ended_at is not null and (old.ended_at, old.xp_earned, old.is_completed)
        is distinct from (new.ended_at, new.xp_earned, new.is_completed)))
  execute function learn_internal.refuse_change();
