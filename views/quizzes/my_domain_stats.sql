-- user_domain_stats of the learner whose session it is; nobody else's can be had through it.
create or replace view learn.my_domain_stats with (security_barrier) as
select v.* from learn.user_domain_stats v where v.user_id = (select learn.current_learner());
comment on view learn.my_domain_stats is 'user_domain_stats of the learner whose session it is: see current_learner().';
grant select on learn.my_domain_stats to learn_app, learn_user, learn_readonly;
