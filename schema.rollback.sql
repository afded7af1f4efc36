-- Undoes schema.sql, and with it the last of Laurel in this database: everything in it is lost. The roles are the
-- cluster's: each goes too, unless another database still uses it.

set role learn_owner;

drop table learn_internal.learner_roles;
alter table learn.users drop constraint users_selected_avatar_id_fkey;
alter table learn.user_achievements drop constraint achievement_transaction_is_the_users;
drop table learn_internal.tally_changes;
drop table learn_internal.tallies;
drop type learn_internal.notice;
drop type learn_internal.told;
drop table learn.notifications;
drop table learn.notification_rules;
drop table learn.outbox;
drop table learn.faucet_requests;
drop table learn.nft_certificates;
drop sequence learn_internal.certificate_numbers;
drop table learn.transactions;
drop table learn.discussion_votes;
drop table learn.replies;
drop table learn.discussions;
drop function learn_internal.discussion_words(text,text[],text);
drop function learn_internal.is_tag_list(text[]);
drop table learn_internal.fold_requests;
drop table learn.period_rewards;
drop table learn.period_standings;
drop table learn.closed_periods;
drop type learn_internal.board_step;
drop type learn_internal.board_change;
drop type learn_internal.board;
drop table learn_internal.board_state;
drop table learn_internal.board_fences;
drop table learn_internal.board_scores;
drop table learn_internal.board_gains;
drop table learn.learning_sessions;
drop table learn.assessment_results;
drop table learn.user_skills;
drop table learn.skill_prerequisites;
drop table learn.skills;
drop function learn_internal.assessment_problem(jsonb,jsonb);
drop table learn.imported_challenge_progress;
drop table learn.old_progress_table;
drop table learn.daily_challenge_attempts;
drop table learn.daily_challenges;
drop table learn.hint_usage;
drop table learn.level_attempts;
drop table learn.user_challenge_progress;
drop table learn.challenge_levels;
drop table learn.challenge_prerequisites;
drop table learn.challenges;
drop table learn_internal.paid_questions;
drop type learn_internal.graded_answer;
drop table learn.drawn_quizzes;
drop table learn.user_answers;
drop table learn.quiz_attempts;
drop table learn.questions;
drop table learn.exam_types;
drop function learn_internal.options_problem(jsonb,text);
drop table learn.user_avatars;
drop table learn.revoked_achievements;
drop table learn.user_achievements;
drop table learn_internal.achievement_thresholds;
drop table learn.achievements;
drop table learn.avatars;
drop table learn.user_exercise_progress;
drop table learn.query_submissions;
drop table learn.user_level_unlocks;
drop table learn.user_course_progress;
drop table learn.user_difficulty_progress;
drop table learn.user_path_progress;
drop table learn.user_track_progress;
drop table learn.user_lesson_progress;
drop table learn.course_ratings;
drop table learn.track_lessons;
drop table learn.exercises;
drop table learn.lessons;
drop table learn.course_levels;
drop table learn.course_prerequisites;
drop table learn.courses;
drop table learn.track_prerequisites;
drop table learn.learning_path_tracks;
drop table learn.tracks;
drop table learn.learning_paths;
drop table learn.difficulties;
drop function learn_internal.is_result(jsonb);
drop function learn_internal.is_translations(jsonb);
drop table learn.streak_freezes;
drop table learn.user_activity_days;
drop table learn_internal.xp_marks;
drop table learn.level_thresholds;
drop table learn.xp_transactions;
drop table learn.xp_rules;
drop table learn_internal.user_metric_days;
drop table learn.user_metrics;
drop table learn_internal.metric_feeds;
drop table learn.metrics;
drop table learn_internal.withdrawn_facts;
drop table learn_internal.recorded_subjects;
drop table learn.activity_log;
drop table learn.activity_types;
drop table learn.idempotency_keys;
drop table learn.products;
drop table learn.platform_settings;
drop table learn.audit_log;
drop table learn.user_stats;
drop table learn_internal.wallet_nonces;
drop table learn.user_credentials;
drop table learn.users;
drop function learn_internal.protect_rows(regclass, text);
drop function learn.current_learner();
drop type learn_internal.lesson_time;
drop type learn_internal.logged_fact;
drop type learn_internal.track_step;
drop type learn_internal.completion;
drop type learn_internal.lesson_event;
drop type learn_internal.run_event;
drop type learn_internal.rise;
drop type learn_internal.win;
drop type learn_internal.gain;
drop type learn_internal.fact;
drop type learn_internal.call;
drop type learn.award_summary;
drop table learn_internal.turns;
drop table learn_internal.content_lock;
drop table learn_internal.clock_override;
drop function learn.clock();
alter default privileges grant usage on types to public;
alter default privileges grant execute on functions to public;

reset role;

drop schema learn_internal;
drop schema learn;

do $$
declare
  v_role text;
begin
  foreach v_role in array array['learn_readonly', 'learn_user', 'learn_app', 'learn_owner'] loop
    begin
      execute format('drop role if exists %I', v_role);
    exception
      when dependent_objects_still_exist or insufficient_privilege or object_in_use then
        raise notice 'role % stays: it is still used, or not for % to drop', v_role, current_user;
    end;
  end loop;
end;
$$;
