-- Damage that belongs to learners, without that of boards: who looks at everybody finds that in two steps.
create or replace view learn_internal.damage_but_boards (check_name, user_id, expected, actual) as
select * from learn_internal.identity_damage
union all select * from learn_internal.xp_damage
union all select * from learn_internal.streak_damage
union all select * from learn_internal.activity_damage
union all select * from learn_internal.practice_damage
union all select * from learn_internal.quiz_damage
union all select * from learn_internal.challenge_damage
union all select * from learn_internal.skill_damage
union all select * from learn_internal.progress_damage
union all select * from learn_internal.date_damage
union all select * from learn_internal.achievement_damage
union all select * from learn_internal.community_damage
union all select * from learn_internal.credential_damage;
comment on view learn_internal.damage_but_boards is
  'Where projections of learners are not what follows from facts, in all domains but leaderboards.';
