-- Merges what all users have gained into the boards. Its caller holds the lock of the merge: see try_merge_boards().
-- Returns how many gains there were.
create or replace function learn_internal.merge_boards()
returns bigint
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan  -- the whole range of users, and not one in a hundred as of any range
set jit = off
set work_mem = '64MB'       -- once: nobody else merges meanwhile
as $$
declare
  v_last_id bigint := coalesce(pg_sequence_last_value('learn_internal.board_gains_id_seq'), 0);
  v_count   bigint := learn_internal.merge_range(
    '00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff', 200);  -- midnight ends many at once
begin
  update learn_internal.board_state s
  set merged_at = case when v_count > 0 then learn.clock() else s.merged_at end, merged_to = v_last_id
  where v_count > 0 or s.merged_to <> v_last_id;
  return v_count;
end;
$$;
comment on function learn_internal.merge_boards() is
  'Merges what users have gained into the boards; returns how many gains there were. Its caller holds '
  'the lock.';
