-- Undoes migration4.sql. What its tables held is lost.

set role learn_owner;

drop function learn_internal.advance_streaks(p_user_ids uuid[], p_dates date[], p_at timestamp with time zone);
drop function learn_internal.give_streak_freezes(p_user_ids uuid[], p_dates date[], p_count integer, p_activity_type text, p_at timestamp with time zone);
drop function learn_internal.spend_streak_freezes(p_user_id uuid, p_last date, p_next date, p_at timestamp with time zone);
drop function learn.calculate_user_streak(p_user_id uuid);
drop function learn_internal.covering_freezes(p_user_id uuid, p_last date, p_next date);
drop view learn_internal.streak_states;
drop table learn.streak_freezes;
drop table learn.user_activity_days;

reset role;
