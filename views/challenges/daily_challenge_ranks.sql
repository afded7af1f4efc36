-- The attempts at each daily challenge, ranked by score: 1, 2, 2, 4. Users who are on no board are
-- not on this one. Filter by daily_challenge_id: the condition reaches the table.
create or replace view learn.daily_challenge_ranks with (security_barrier) as
select a.daily_challenge_id, a.user_id, u.username, u.display_name, a.score, a.passed, a.xp_earned,
  a.completed_at, rank() over (partition by a.daily_challenge_id order by a.score desc) as rank
from learn.daily_challenge_attempts a
join learn.users u on u.id = a.user_id
where u.is_active and u.show_on_leaderboard;
comment on view learn.daily_challenge_ranks is
  'Attempts at daily challenges, ranked by score in percent.';
grant select on learn.daily_challenge_ranks to learn_app, learn_user, learn_readonly;
