-- Daily challenges with how many took part and how they did.
create or replace view learn.daily_challenge_board with (security_barrier) as
select d.id, d.date, d.challenge_id, c.slug, c.title, c.category, c.difficulty, c.xp_base,
  d.difficulty_modifier, d.xp_multiplier, d.special_requirements,
  s.participants_count, s.passed_count, s.average_score
from learn.daily_challenges d
join learn.challenges c on c.id = d.challenge_id
cross join lateral (
  select count(*) as participants_count, count(*) filter (where a.passed) as passed_count,
    round(avg(a.score), 2) as average_score
  from learn.daily_challenge_attempts a
  where a.daily_challenge_id = d.id
) s;
comment on view learn.daily_challenge_board is
  'Daily challenges with their participants and average score in percent.';
grant select on learn.daily_challenge_board to learn_app, learn_user, learn_readonly;
