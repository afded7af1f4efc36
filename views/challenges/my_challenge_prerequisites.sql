-- challenge_prerequisites_status of the learner whose session it is; nobody else's can be had through it.
create or replace view learn.my_challenge_prerequisites with (security_barrier) as
select v.* from learn.challenge_prerequisites_status v where v.user_id = (select learn.current_learner());
comment on view learn.my_challenge_prerequisites is 'challenge_prerequisites_status of the learner whose session it is: see current_learner().';
grant select on learn.my_challenge_prerequisites to learn_app, learn_user, learn_readonly;
