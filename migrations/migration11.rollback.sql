-- Undoes migration11.sql.

set role learn_owner;

drop function learn.refresh_analytics();
drop function learn_internal.settle_tallies();
drop function learn_internal.tally_user(uuid,integer);
drop view learn.achievement_rarity;
drop view learn.cohort_retention;
drop view learn.course_funnel;
drop view learn.daily_active_learners;
drop view learn.health;
drop view learn.streak_distribution;
drop view learn.track_funnel;
drop view learn.weekly_active_learners;
drop view learn.weekly_xp_by_source;
drop view learn_internal.common_damage;
drop view learn_internal.damage;
drop view learn_internal.tally_damage;
drop view learn_internal.tally_differences;
drop view learn_internal.tally_recounts;
drop function learn.streak_lengths();
drop function learn_internal.count_damage();
drop view learn.daily_xp_by_source;
drop view learn_internal.tally_totals;

reset role;
