-- Undoes migration6.sql.

set role learn_owner;

drop trigger fill_answers on learn.user_answers;
drop trigger grade_answers on learn.user_answers;
drop trigger questions_touch on learn.questions;
drop trigger quiz_attempts_hold on learn.quiz_attempts;
drop trigger quizzes_completed on learn.quiz_attempts;
drop trigger refuse_new_times on learn.drawn_quizzes;
drop trigger refuse_new_times on learn.quiz_attempts;
drop trigger refuse_new_times on learn.user_answers;
drop trigger refuse_times on learn.drawn_quizzes;
drop trigger refuse_times on learn.quiz_attempts;
drop trigger refuse_times on learn.user_answers;
drop trigger results_stay on learn.quiz_attempts;
drop trigger results_stay on learn.user_answers;
drop function learn.import_questions(jsonb);
drop function learn.regrade_question(bigint,boolean);
drop function learn.start_quiz(uuid,text,integer,text[]);
drop function learn.submit_quiz(uuid,text,jsonb,integer,timestamp with time zone,text);
drop function learn_internal.complete_drawn_quiz(learn.drawn_quizzes,learn_internal.graded_answer[]);
drop function learn_internal.fill_answers();
drop function learn_internal.grade_answers();
drop function learn_internal.grade_quiz(text,jsonb);
drop function learn_internal.import_problems(jsonb);
drop function learn_internal.name_paid_questions(uuid,bigint,text);
drop function learn_internal.open_paid_day(uuid);
drop function learn_internal.pay_perfect(uuid);
drop function learn_internal.pay_questions(uuid,text,bigint[],timestamp with time zone,bigint);
drop function learn_internal.quiz_facts(learn.quiz_attempts,bigint[],text[],boolean[]);
drop function learn_internal.quiz_problem(text,jsonb);
drop function learn_internal.quizzes_completed();
drop function learn_internal.regrade_user(uuid,learn.questions,boolean);
drop function learn_internal.require_exam(text);
drop function learn_internal.withdraw_quiz_facts(uuid,bigint,bigint[],boolean);
drop view learn.exam_stats;
drop view learn.my_domain_stats;
drop view learn.my_quiz_review;
drop view learn.my_quiz_stats;
drop view learn.question_stats;
drop view learn.quiz_questions;
drop view learn.quiz_review;
drop view learn.user_domain_stats;
drop view learn.user_quiz_stats;
drop view learn_internal.quiz_damage;

reset role;
