-- Undoes migration10.sql.

set role learn_owner;

drop trigger fold_at_commit on learn_internal.fold_requests;
drop trigger period_rewards_change on learn.period_rewards;
drop trigger refuse_new_times on learn.closed_periods;
drop trigger refuse_new_times on learn.period_standings;
drop trigger refuse_times on learn.closed_periods;
drop trigger refuse_times on learn.period_standings;
drop trigger scores_deleted on learn_internal.board_scores;
drop trigger scores_inserted on learn_internal.board_scores;
drop trigger scores_updated on learn_internal.board_scores;
drop function learn.close_period(text,text,date);
drop function learn.leaderboard(text,text,integer,integer,date,uuid[]);
drop function learn.leaderboard_around(uuid,text,text,integer,uuid[],date);
drop function learn.refresh_leaderboard();
drop function learn_internal.board_changes(learn_internal.board);
drop function learn_internal.board_rank(learn_internal.board,bigint,learn_internal.board_change[]);
drop function learn_internal.board_standings(learn_internal.board,uuid[],learn_internal.board_change[]);
drop function learn_internal.count_in_fences();
drop function learn_internal.divide_board(text,text,date);
drop function learn_internal.find_board(text,text,date);
drop function learn_internal.fold_at_commit();
drop function learn_internal.fold_boards();
drop function learn_internal.fold_recounts(uuid[]);
drop function learn_internal.fold_streaks(integer);
drop function learn_internal.move_fences(learn_internal.board_step[]);
drop function learn_internal.period_start(text,date);
drop function learn_internal.recount_board(learn_internal.board,uuid[]);
drop function learn_internal.recount_boards(uuid[]);
drop function learn_internal.request_fold();
drop function learn_internal.require_cohort(uuid[]);
drop function learn_internal.split_fence(text,text,date,bigint);
drop function learn_internal.today_of(uuid);
drop function learn_internal.try_fold_boards();
drop view learn.current_leaderboard;
drop view learn.leaderboard_entries;
drop view learn.my_dashboard;
drop view learn.user_dashboard;
drop view learn_internal.board_damage;
drop view learn_internal.board_recounts;
drop view learn_internal.board_totals;
drop view learn_internal.board_values;
drop function learn.rank_percentile(uuid,text);
drop function learn.user_rank(uuid,text,text,uuid[],date);
drop view learn_internal.board_facts;

reset role;
