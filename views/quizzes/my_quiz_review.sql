-- quiz_review of the learner whose session it is; nobody else's can be had through it.
create or replace view learn.my_quiz_review with (security_barrier) as
select v.* from learn.quiz_review v where v.user_id = (select learn.current_learner());
comment on view learn.my_quiz_review is 'quiz_review of the learner whose session it is: see current_learner().';
grant select on learn.my_quiz_review to learn_app, learn_user, learn_readonly;
