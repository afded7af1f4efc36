-- Where more gains wait than the setting says, because nobody calls refresh_leaderboard(): has some merged when this
-- transaction commits, more of them where far more wait. How many wait is told from their ids, which on shards count in
-- steps; who merges counts.
create or replace function learn_internal.limit_waiting()
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_limit   bigint := learn_internal.setting_number('leaderboard_gains_waiting');
  v_waiting bigint := (
    select (pg_sequence_last_value(q.seqrelid) - s.merged_to) / q.seqincrement
    from learn_internal.board_state s, pg_sequence q
    where q.seqrelid = 'learn_internal.board_gains_id_seq'::regclass);
begin
  if v_waiting > v_limit then
    perform learn_internal.request_merge(case when v_waiting > 2 * v_limit then 64 else 32 end);
  end if;
end;
$$;
comment on function learn_internal.limit_waiting() is
  'Has some gains merged at commit where more wait than leaderboard_gains_waiting.';
