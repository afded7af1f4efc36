-- The tables of learners whose rows do not move when two accounts become one, because they follow from others and are
-- made anew: every other one with a user_id (author_id) moves.
create or replace function learn_internal.rebuilt_tables()
returns regclass[]
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select '{learn.user_stats,learn.user_metrics,learn.user_activity_days,learn.user_timezones,learn_internal.user_runs,
    learn_internal.user_metric_days,learn_internal.local_days,learn_internal.board_gains,
    learn_internal.board_scores}'::regclass[];
$$;
comment on function learn_internal.rebuilt_tables() is
  'The tables of learners whose rows follow from others: merge_users() makes them anew, and moves all others.';
