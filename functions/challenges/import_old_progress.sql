-- Imports the rows of learn.old_progress_table and counts them: imported (new, or grown since),
-- unchanged, and rejected. A rejected row stays, with its reason; corrected, it is imported by the
-- next run. Running again pays nothing twice; of a row that has grown the difference is paid.
-- Imports make no day active and notify nobody.
-- no grant: for operators, as learn_owner.
create or replace function learn.import_old_progress()
returns table (imported bigint, unchanged bigint, rejected bigint)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_now timestamptz := learn.clock();
begin
  perform learn_internal.hold_content();
  -- One import at a time, and no row changes under it.
  lock table learn.old_progress_table in share row exclusive mode;
  perform from learn.user_stats s
  where s.user_id in (select r.user_id from learn.old_progress_table r)
  order by s.user_id
  for no key update;

  update learn.old_progress_table r
  set rejection = c.rejection, imported_at = case when c.rejection is null then r.imported_at end
  from learn_internal.old_progress_rows c
  where c.id = r.id and r.rejection is distinct from c.rejection;

  insert into learn.imported_challenge_progress as i
    (user_id, challenge_id, completed_levels, total_xp, imported_at)
  select c.user_id, c.challenge_id, c.levels, c.total_xp, v_now
  from learn_internal.old_progress_rows c
  where c.rejection is null
  order by c.user_id, c.challenge_id
  on conflict (user_id, challenge_id) do update
    set completed_levels = excluded.completed_levels, total_xp = excluded.total_xp,
      imported_at = excluded.imported_at
    where (i.completed_levels, i.total_xp) <> (excluded.completed_levels, excluded.total_xp);
  get diagnostics imported = row_count;

  update learn.old_progress_table r
  set imported_at = i.imported_at
  from learn_internal.old_progress_rows c
  join learn.imported_challenge_progress i
    on i.user_id = c.user_id and i.challenge_id = c.challenge_id
  where c.id = r.id and r.rejection is null and r.imported_at is distinct from i.imported_at;

  select count(*) filter (where r.rejection is null) - imported,
    count(*) filter (where r.rejection is not null)
  into unchanged, rejected
  from learn.old_progress_table r;
  return next;
end;
$$;
comment on function learn.import_old_progress() is
  'Imports the rows of old_progress_table; returns how many were imported, unchanged since, and '
  'rejected. The reasons are in the rows.';
