-- What happens when rows of learn.imported_challenge_progress are written, in the order in which triggers fire.
-- Errors: LX001.

-- Before imported progress is written: content is held.
create or replace trigger imported_progress_hold
  before insert or update on learn.imported_challenge_progress
  for each statement
  execute function learn_internal.hold_content_first();

-- When imported progress is deleted, alone or with its challenge: what is left is recounted from
-- the attempts. What it paid stays paid.
create or replace trigger imported_progress_deleted
  after delete on learn.imported_challenge_progress
  referencing old table as deleted_rows
  for each statement
  execute function learn_internal.level_attempts_deleted();

-- When imported progress is written: it counts and pays.
create or replace function learn_internal.imported_progress_inserted()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform learn_internal.apply_imports(
    array_agg(n.user_id), array_agg(n.challenge_id), array_agg(n.total_xp))
  from new_rows n
  having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.imported_progress_inserted() is
  'Statement trigger: imported progress counts and pays.';

create or replace trigger imported_progress_inserted
  after insert on learn.imported_challenge_progress
  referencing new table as new_rows
  for each statement
  execute function learn_internal.imported_progress_inserted();

-- When imported progress grows: new levels count, and the difference in XP is paid. It does not
-- shrink.
-- Errors: LX001 fewer levels, less XP.
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
      not g.old_levels <@ g.levels or g.total_xp < g.old_total_xp as is_bad
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
    where g.levels is not null and g.old_levels is not null  -- not where merge_users() moves rows
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

create or replace trigger imported_progress_updated
  after update on learn.imported_challenge_progress
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.imported_progress_updated();

-- When a row is written: it is dated neither ahead of the clock nor absurdly far back.
-- Errors: LX001.
create or replace trigger refuse_times
  before insert on learn.imported_challenge_progress
  for each row
  when (learn_internal.is_off_time(new.imported_at, new.imported_at))
  execute function learn_internal.refuse_times('imported_at');

create or replace trigger refuse_new_times
  before update of imported_at on learn.imported_challenge_progress
  for each row
  when (new.imported_at is distinct from old.imported_at and learn_internal.is_off_time(new.imported_at, new.imported_at))
  execute function learn_internal.refuse_times('imported_at');

-- When it was imported stays: what follows is dated by it.
-- Errors: LX009.
create or replace trigger results_stay
  after update of imported_at on learn.imported_challenge_progress
  for each row when (old.imported_at <> new.imported_at)
  execute function learn_internal.refuse_change();
