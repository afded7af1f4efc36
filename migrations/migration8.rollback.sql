-- Undoes migration8.sql. What its tables held is lost.

set role learn_owner;

drop trigger lessons_touch on learn.lessons;
drop trigger lessons_updated on learn.lessons;
drop function learn_internal.lessons_updated();
drop trigger exercises_deleted on learn.exercises;
drop function learn_internal.exercises_deleted();
drop trigger exercises_updated on learn.exercises;
drop function learn_internal.exercises_updated();
drop trigger exercises_change on learn.exercises;
drop trigger query_submissions_hold on learn.query_submissions;
drop trigger grade_submissions on learn.query_submissions;
drop function learn_internal.grade_submissions();
drop function learn_internal.refresh_lessons(p_lesson_ids bigint[]);
drop function learn_internal.complete_solved_lessons(p_user_ids uuid[], p_lesson_ids bigint[]);
drop view learn_internal.solved_lessons;
drop table learn.user_exercise_progress;
drop table learn.query_submissions;

reset role;
