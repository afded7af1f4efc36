-- Undoes migration7.sql.

set role learn_owner;

drop trigger assessment_results_hold on learn.assessment_results;
drop trigger assessments_completed on learn.assessment_results;
drop trigger refuse_new_times on learn.assessment_results;
drop trigger refuse_new_times on learn.learning_sessions;
drop trigger refuse_new_times on learn.user_skills;
drop trigger refuse_times on learn.assessment_results;
drop trigger refuse_times on learn.learning_sessions;
drop trigger refuse_times on learn.user_skills;
drop trigger sessions_ended on learn.learning_sessions;
drop trigger sessions_started on learn.learning_sessions;
drop trigger skill_parents_updated on learn.skills;
drop trigger skill_prerequisites_change on learn.skill_prerequisites;
drop trigger skill_prerequisites_inserted on learn.skill_prerequisites;
drop trigger skill_prerequisites_updated on learn.skill_prerequisites;
drop trigger skills_change on learn.skills;
drop trigger skills_inserted on learn.skills;
drop trigger skills_touch on learn.skills;
drop trigger skills_updated on learn.skills;
drop trigger user_skills_deleted on learn.user_skills;
drop trigger user_skills_hold on learn.user_skills;
drop trigger user_skills_inserted on learn.user_skills;
drop trigger user_skills_updated on learn.user_skills;
drop function learn.allocate_skill_points(uuid,bigint,integer,timestamp with time zone,text);
drop function learn.close_abandoned_sessions();
drop function learn.end_session(uuid,bigint,boolean,timestamp with time zone);
drop function learn.skill_tree(uuid);
drop function learn.start_session(uuid,text,text,jsonb,timestamp with time zone);
drop function learn.submit_assessment(uuid,text,jsonb,jsonb,timestamp with time zone,text);
drop function learn_internal.apply_allocations(uuid[],bigint[],boolean[],timestamp with time zone[]);
drop function learn_internal.assessments_completed();
drop function learn_internal.sessions_ended();
drop function learn_internal.sessions_started();
drop function learn_internal.settle_skills(uuid[],bigint[],timestamp with time zone[]);
drop function learn_internal.skills_updated();
drop function learn_internal.user_skills_deleted();
drop function learn_internal.user_skills_inserted();
drop function learn_internal.user_skills_updated();
drop function learn_internal.write_session_facts(uuid[],bigint[]);
drop view learn_internal.open_challenges;
drop view learn_internal.open_tracks;
drop view learn_internal.skill_damage;
drop view learn_internal.skill_recounts;

reset role;
