-- Writes a fact for each level that users have reached for the first time.
create or replace function learn_internal.announce_levels(p_rises learn_internal.rise[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into learn_internal.board_gains (user_id, metric, local_date, amount)
  select r.user_id, 'level_reached', '-infinity', r.to_level - r.from_level
  from unnest(p_rises) r
  where exists (select from learn.metrics m where m.key = 'level_reached' and m.is_board);

  perform learn_internal.write_facts(array_agg(
    (r.user_id, 'level_reached', 'level', l.level::text, jsonb_build_object('level', l.level),
      null, r.at)::learn_internal.fact
    order by r.user_id, l.level))
  from unnest(p_rises) r
  cross join lateral generate_series(r.from_level + 1, r.to_level) l(level);
end;
$$;
comment on function learn_internal.announce_levels(learn_internal.rise[]) is
  'Writes a fact for each level that users have reached for the first time.';
