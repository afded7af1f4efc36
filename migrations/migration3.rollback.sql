-- Undoes migration3.sql.

set role learn_owner;

drop trigger achievement_thresholds_marks on learn_internal.achievement_thresholds;
drop trigger achievements_change on learn.achievements;
drop trigger activity_log_default_truncate on learn.activity_log_default;
drop trigger activity_log_is_append_only on learn.activity_log;
drop trigger activity_log_truncate on learn.activity_log;
drop trigger activity_types_change on learn.activity_types;
drop trigger announce_achievements on learn.user_achievements;
drop trigger apply_level_curve on learn.level_thresholds;
drop trigger check_criteria on learn.achievements;
drop trigger complete_activity on learn.activity_log;
drop trigger date_metrics on learn.metrics;
drop trigger index_criteria on learn.achievements;
drop trigger keep_achievement_tokens on learn.user_achievements;
drop trigger keep_activity_types on learn.activity_types;
drop trigger level_thresholds_change on learn.level_thresholds;
drop trigger level_thresholds_marks on learn.level_thresholds;
drop trigger metrics_change on learn.metrics;
drop trigger metrics_consequences on learn.metrics;
drop trigger metrics_inserted on learn.metrics;
drop trigger metrics_updated on learn.metrics;
drop trigger process_activities on learn.activity_log;
drop trigger refuse_new_times on learn.revoked_achievements;
drop trigger refuse_new_times on learn.streak_freezes;
drop trigger refuse_new_times on learn.user_achievements;
drop trigger refuse_new_times on learn.user_activity_days;
drop trigger refuse_new_times on learn.user_avatars;
drop trigger refuse_times on learn.revoked_achievements;
drop trigger refuse_times on learn.streak_freezes;
drop trigger refuse_times on learn.user_achievements;
drop trigger refuse_times on learn.user_activity_days;
drop trigger refuse_times on learn.user_avatars;
drop trigger xp_rules_change on learn.xp_rules;
drop trigger xp_rules_consequences on learn.xp_rules;
drop trigger xp_transactions_default_truncate on learn.xp_transactions_default;
drop trigger xp_transactions_is_append_only on learn.xp_transactions;
drop trigger xp_transactions_truncate on learn.xp_transactions;
drop function learn.achievement_progress(uuid);
drop function learn.avatar_collection(uuid);
drop function learn.award_xp(uuid,integer,text,text,text,timestamp with time zone,text);
drop function learn.backfill_achievement(text);
drop function learn.calculate_user_streak(uuid);
drop function learn.check_achievements(uuid);
drop function learn.explain_xp(uuid,date,date);
drop function learn.grant_achievement(uuid,text,timestamp with time zone,text);
drop function learn.grant_streak_freezes(uuid,integer,timestamp with time zone,text);
drop function learn.record_activities(jsonb);
drop function learn.record_activity(uuid,text,text,text,jsonb,timestamp with time zone,text);
drop function learn.reverse_xp(uuid,bigint,text,timestamp with time zone,text);
drop function learn.revoke_achievement(uuid,text,text,timestamp with time zone,text);
drop function learn.why(uuid,text);
drop function learn.xp_for_level(integer);
drop function learn_internal.activity_problem(text,text,text,jsonb);
drop function learn_internal.activity_problem_code(text);
drop function learn_internal.add_to_metric(uuid,text,text,bigint,timestamp with time zone);
drop function learn_internal.advance_runs(learn_internal.run_event[]);
drop function learn_internal.announce_achievements();
drop function learn_internal.announce_levels(learn_internal.rise[]);
drop function learn_internal.apply_level_curve();
drop function learn_internal.batch_problems(jsonb);
drop function learn_internal.batch_rows(jsonb);
drop function learn_internal.check_criteria();
drop function learn_internal.complete_activity();
drop function learn_internal.count_days(uuid,text,date,jsonb[],timestamp with time zone);
drop function learn_internal.count_problem(jsonb,text);
drop function learn_internal.covering_freezes(uuid,date,date);
drop function learn_internal.criteria_leaves(jsonb);
drop function learn_internal.criteria_problem(jsonb,text);
drop function learn_internal.criteria_progress(uuid,jsonb);
drop function learn_internal.crossed_thresholds(uuid,text,text,bigint,bigint,timestamp with time zone);
drop function learn_internal.date_metrics();
drop function learn_internal.earn_achievements(learn_internal.win[]);
drop function learn_internal.feed_metric(uuid,learn_internal.metric_feeds,jsonb[],date,timestamp with time zone);
drop function learn_internal.give_streak_freezes(uuid,date,integer,text,timestamp with time zone);
drop function learn_internal.has_happened(uuid,text,text,text);
drop function learn_internal.index_criteria();
drop function learn_internal.is_countable(jsonb);
drop function learn_internal.keep_achievement_tokens();
drop function learn_internal.keep_activity_types();
drop function learn_internal.local_date(uuid,timestamp with time zone);
drop function learn_internal.metric_steps(uuid,text,text);
drop function learn_internal.move_level(learn.user_stats,bigint,timestamp with time zone);
drop function learn_internal.note_consequences();
drop function learn_internal.note_xp_marks();
drop function learn_internal.open_day(learn.user_stats,date,integer,timestamp with time zone,timestamp with time zone,timestamp with time zone);
drop function learn_internal.open_moved_day(learn.user_stats,date,integer,timestamp with time zone,timestamp with time zone,timestamp with time zone);
drop function learn_internal.paid_today(uuid,text);
drop function learn_internal.process_activities();
drop function learn_internal.recorded_xp(uuid,text);
drop function learn_internal.recount_metrics();
drop function learn_internal.require_achievement(text);
drop function learn_internal.run_around(uuid,text,text,timestamp with time zone,bigint);
drop function learn_internal.run_ends(uuid,text,bigint[],jsonb[],timestamp with time zone[]);
drop function learn_internal.run_events(uuid,learn_internal.metric_feeds,bigint[],jsonb[],timestamp with time zone[]);
drop function learn_internal.run_since(uuid,text,text,timestamp with time zone);
drop function learn_internal.settle_days(uuid);
drop function learn_internal.settle_streak(uuid,date);
drop function learn_internal.spend_streak_freezes(uuid,date,date,timestamp with time zone);
drop function learn_internal.write_facts(learn_internal.fact[],text);
drop function learn_internal.zone_date(uuid,integer,timestamp with time zone);
drop view learn.achievement_catalog;
drop view learn.economy;
drop view learn_internal.achievement_damage;
drop view learn_internal.achievement_recounts;
drop view learn_internal.activity_damage;
drop view learn_internal.deserved_achievements;
drop view learn_internal.domain_facts;
drop view learn_internal.metric_day_recounts;
drop view learn_internal.metric_recounts;
drop view learn_internal.reward_values;
drop view learn_internal.run_recounts;
drop view learn_internal.streak_damage;
drop view learn_internal.streak_ends;
drop view learn_internal.streak_states;
drop view learn_internal.xp_damage;
drop view learn_internal.xp_recounts;
drop function learn.calculate_level_from_xp(bigint);
drop function learn_internal.metric_scopes(jsonb,text);
drop function learn_internal.number_property(jsonb,text);
drop function learn_internal.satisfies_criteria(uuid,jsonb);
drop function learn_internal.walk_streak(uuid,date);
drop function learn_internal.was_deserved_before(uuid,text,text,bigint,timestamp with time zone);
drop view learn_internal.activity_day_recounts;
drop view learn_internal.freeze_days;
drop view learn_internal.local_day_recounts;
drop view learn_internal.run_facts;
drop function learn_internal.chain_days(learn_internal.local_days[]);
drop view learn_internal.counted_facts;

-- Partitions that ensure_partitions() has made since have a trigger of their own.
do $$
declare
  v_trigger record;
begin
  for v_trigger in
    select t.tgname, t.tgrelid::regclass as partition
    from pg_catalog.pg_trigger t
    where t.tgfoid = 'learn_internal.refuse_truncate()'::regprocedure
  loop
    execute format('drop trigger %I on %s', v_trigger.tgname, v_trigger.partition);
  end loop;
end;
$$;

reset role;
