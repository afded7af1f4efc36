-- Undoes migration3.sql. What its tables held is lost.

set role learn_owner;

drop trigger apply_level_curve on learn.level_thresholds;
drop function learn_internal.apply_level_curve();
drop trigger level_thresholds_change on learn.level_thresholds;
drop trigger xp_rules_consequences on learn.xp_rules;
drop trigger xp_rules_change on learn.xp_rules;
drop trigger xp_transactions_default_truncate on learn.xp_transactions_default;
drop trigger xp_transactions_truncate on learn.xp_transactions;
drop trigger xp_transactions_is_append_only on learn.xp_transactions;
drop function learn.xp_for_level(p_level integer);
drop function learn.calculate_level_from_xp(p_xp bigint);
drop table learn.level_thresholds;
drop table learn.xp_transactions;
drop table learn.xp_rules;

reset role;
