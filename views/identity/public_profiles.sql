-- What learners see of each other. XP of whoever stays off the boards is not shown here either.
create or replace view learn.public_profiles with (security_barrier) as
select u.id as user_id, u.username, u.display_name, u.avatar_url, u.avatar_emoji, u.bio, u.created_at,
  case when u.show_on_leaderboard then s.total_xp end as total_xp,
  case when u.show_on_leaderboard then s.current_level end as current_level
from learn.users u
join learn.user_stats s on s.user_id = u.id
where u.is_active;
comment on view learn.public_profiles is
  'What learners see of each other: active users with names, pictures and, unless they stay off the boards, XP and level.';
grant select on learn.public_profiles to learn_app, learn_user, learn_readonly;
