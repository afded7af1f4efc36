-- Undoes migration5.sql. What its tables held is lost.

set role learn_owner;

alter table learn.users drop constraint users_selected_avatar_id_fkey;
drop trigger announce_achievements on learn.user_achievements;
drop function learn_internal.announce_achievements();
drop trigger index_criteria on learn.achievements;
drop function learn_internal.index_criteria();
drop trigger check_criteria on learn.achievements;
drop function learn_internal.check_criteria();
drop trigger achievements_change on learn.achievements;
drop trigger achievement_thresholds_marks on learn_internal.achievement_thresholds;
drop trigger level_thresholds_marks on learn.level_thresholds;
drop function learn_internal.note_xp_marks();
drop function learn_internal.satisfies_criteria(p_user_id uuid, p_criteria jsonb);
drop function learn_internal.criteria_leaves(p_criteria jsonb);
drop function learn_internal.criteria_problem(p_criteria jsonb, p_path text);
drop function learn_internal.count_problem(p_count jsonb, p_path text);
drop view learn_internal.deserved_achievements;
drop view learn_internal.reward_values;
drop table learn.user_avatars;
drop table learn.revoked_achievements;
drop type learn_internal.win;
drop type learn_internal.gain;
drop table learn.user_achievements;
drop table learn_internal.xp_marks;
drop table learn_internal.achievement_thresholds;
drop table learn.achievements;
drop table learn.avatars;

reset role;
