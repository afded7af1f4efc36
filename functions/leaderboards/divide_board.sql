-- Divides a board into stretches anew, by which ranks are counted. The caller holds the lock of the merge.
create or replace function learn_internal.divide_board(
  p_metric text, p_period text, p_starts_on date
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  delete from learn_internal.board_stretches f
  where f.metric = p_metric and f.period = p_period and f.starts_on = p_starts_on;
  perform learn_internal.split_stretch(p_metric, p_period, p_starts_on, 1);
end;
$$;
comment on function learn_internal.divide_board(text, text, date) is
  'Divides a board into stretches anew, by which ranks are counted.';
