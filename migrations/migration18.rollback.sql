-- Undoes migration18.sql.

set role learn_owner;

drop function learn.leaderboard(text,text,integer,integer,date);
drop function learn.leaderboard_around(uuid,text,text,integer);
drop function learn.refresh_leaderboard();
drop function learn.user_rank(uuid,text,text);
drop function learn_internal.board_values(text,text,date);
drop function learn_internal.period_start(text,date);
drop view learn.current_leaderboard;

drop table learn.leaderboard_entries;

reset role;
