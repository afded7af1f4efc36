-- Where more gains wait than the setting says: merges all that waits of some users, who follow one another by id and
-- have p_gains gains or a few more, which takes milliseconds. They begin with one who is to be recounted, else anywhere:
-- in the order in which gains came, there would be more deleted rows to pass over each time. A few streaks that have
-- ended are taken off, too.
-- The caller holds the lock of the merge: see try_merge_boards().
create or replace function learn_internal.merge_some(p_gains bigint)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan  -- for a few gains
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
declare
  v_last_id bigint := coalesce(pg_sequence_last_value('learn_internal.board_gains_id_seq'), 0);
  v_step    bigint := (
    select q.seqincrement from pg_sequence q where q.seqrelid = 'learn_internal.board_gains_id_seq'::regclass);
  v_from    uuid := coalesce(
    (select g.user_id from learn_internal.board_gains g where g.metric = '' limit 1), gen_random_uuid());
  v_limit   bigint := learn_internal.setting_number('leaderboard_gains_waiting');
  v_ids     uuid[];
  v_to      uuid;
  v_count   bigint;
begin
  -- To count 10,000 rows takes as long as to merge some: so it is done once for each tenth of that which has come in.
  if v_last_id - (select s.counted_to from learn_internal.board_state s) > v_limit * v_step / 10 then
    select count(*) into v_count from (select from learn_internal.board_gains limit v_limit + 1) w;
    update learn_internal.board_state s
    set counted_to = v_last_id,  -- fewer wait where others merge, or had gained what was rolled back
      merged_to = case when v_count <= v_limit then v_last_id - v_count * v_step else s.merged_to end;
    if v_count <= v_limit then
      return;
    end if;
  end if;
  v_ids := array(
    select g.user_id from learn_internal.board_gains g where g.user_id >= v_from order by g.user_id limit p_gains);
  if cardinality(v_ids) < p_gains then
    v_from := '00000000-0000-0000-0000-000000000000';
    v_ids := array(select g.user_id from learn_internal.board_gains g order by g.user_id limit p_gains);
  end if;
  v_to := v_ids[cardinality(v_ids)];
  select count(*) into v_count from learn_internal.board_gains g where g.user_id between v_from and v_to;
  perform learn_internal.merge_range(v_from, v_to, 10);
  update learn_internal.board_state s
  set merged_to = case when cardinality(v_ids) < p_gains then v_last_id  -- that was all
    else least(s.merged_to + v_count * v_step, v_last_id) end;
end;
$$;
comment on function learn_internal.merge_some(bigint) is
  'Where too much waits, merges what some users have gained, so much at least. Its caller holds the lock.';
