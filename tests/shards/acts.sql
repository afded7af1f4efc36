-- What learners do in the differential test besides simulate/live.sql, in its form.

-- award_xp 6
select %(user)s as "user", 5 + %(key)s %% 200 as amount, 'prize ' || %(key)s %% 1000 as prize;
select learn.award_xp(%(user)s, %(amount)s, 'manual', %(prize)s);

-- update_profile 5
select %(user)s as "user", (array['{"bio": "hello"}', '{"locale": "fil"}', '{"timezone": "Asia/Manila"}',
  '{"timezone": "America/Lima"}', '{"day_starts_at": "04:00"}', '{"show_on_leaderboard": false}',
  '{"show_on_leaderboard": true}', '{"display_name": "Me"}'])[1 + %(key)s %% 8]::jsonb as profile;
select learn.update_profile(%(user)s, %(profile)s);

-- update_profile 2
select %(user)s as "user", jsonb_build_object('username', 'named ' || %(key)s %% 40, 'email', 'e' || %(key)s %% 40 || '@x.org') as profile;
select learn.update_profile(%(user)s, %(profile)s);

-- verify_email 2
select %(user)s as "user", coalesce(u.email, 'nobody@x.org') as email from learn.users u where u.id = %(user)s;
select learn.verify_email(%(user)s, %(email)s);

-- link_wallet 1
select %(user)s as "user", '0x' || lpad(to_hex(%(key)s %% 30), 40, '0') as address, 'nonce ' || %(key)s as nonce;
select learn.link_wallet(%(user)s, %(address)s, replace(%(nonce)s, ' ', '-'));

-- grant_streak_freezes 2
select %(user)s as "user", 1 + %(key)s %% 2 as count;
select learn.grant_streak_freezes(%(user)s, %(count)s::integer);

-- rate_course 2
select p.course_id as course, %(user)s as "user", 1 + %(key)s %% 5 as rating
from learn.user_course_progress p where p.user_id = %(user)s order by p.course_id limit 1;
select learn.rate_course(%(user)s, %(course)s, %(rating)s::integer);

-- unenroll 1
select p.course_id as course, %(user)s as "user" from learn.user_course_progress p where p.user_id = %(user)s order by p.course_id limit 1;
select learn.unenroll(%(user)s, %(course)s);

-- use_hint 2
select l.challenge_id as challenge, l.level_number as level, %(user)s as "user"
from learn.challenge_levels l join learn.user_challenge_progress p on p.user_id = %(user)s and p.challenge_id = l.challenge_id
where l.hints <> '[]' and l.level_number = 1 order by 1 limit 1;
select learn.use_hint(%(user)s, %(challenge)s, %(level)s, 1);

-- request_faucet 1
select %(user)s as "user", '0.0.' || (1000 + abs(hashtext(%(user)s::text)) %% 100000) as account;
select learn.request_faucet(%(user)s, %(account)s, 5);

-- revoke_achievement 1
select a.slug, %(user)s as "user" from learn.user_achievements u join learn.achievements a on a.id = u.achievement_id
where u.user_id = %(user)s and %(chance)s < 0.3 order by a.slug limit 1;
select learn.revoke_achievement(%(user)s, %(slug)s, 'a mistake');

-- grant_achievement 1
select a.slug, %(user)s as "user" from learn.achievements a where a.is_active order by md5(a.slug || %(key)s) limit 1;
select learn.grant_achievement(%(user)s, %(slug)s);

-- erase_user 1
select %(user)s as "user", case when %(key)s %% 2 = 0 then 'keep' else 'delete' end as posts where %(chance)s < 0.4;
select learn.erase_user(%(user)s, %(posts)s);

-- merge_users 2
select o.id as "from", %(user)s as "user" from learn.users o where o.id <> %(user)s and %(chance)s < 0.5 order by md5(o.id::text || %(key)s) limit 1;
select * from learn.merge_users(%(from)s, %(user)s);

-- edit_reply 1
select r.id as reply, r.author_id as "user" from learn.replies r where r.author_id is not null order by r.id desc limit 1;
select learn.edit_reply(%(user)s, %(reply)s, 'It works when you read it first.');

-- rank_percentile 2
select %(user)s as "user";
select learn.rank_percentile(%(user)s);

-- explain_xp 2
select %(user)s as "user";
select occurred_at, earned_on, amount, rule_amount, source_type from learn.explain_xp(%(user)s, '2000-01-01', '2100-01-01')
order by occurred_at, earned_on, source_type, amount;  -- of one moment, the payments of merged accounts come in order of ids
