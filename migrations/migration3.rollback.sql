-- Undoes migration3.sql. What its tables held is lost.

set role learn_owner;

drop function learn_internal.apply_level_curve();
drop function learn.xp_for_level(p_level integer);
drop function learn.calculate_level_from_xp(p_xp bigint);
drop table learn.level_thresholds;
drop table learn.xp_transactions;
drop table learn.xp_rules;

reset role;
