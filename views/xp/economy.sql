-- What each act can pay a learner at most, by the rules and the content of today: the bounds of docs/economy.md, where
-- they are explained. Nothing but the day limits an hour. A rule of yours for an act that may be repeated as often
-- as one likes has no bound but its daily_cap: null says so.
create or replace view learn.economy as
with acts(activity_type, act, times, xp_each, xp, is_once) as (
  select 'exercise_solved', 'solve an exercise', count(*), max(r.amount), count(*) * max(r.amount), true
  from learn.exercises e
  join learn.xp_rules r on r.activity_type = 'exercise_solved'
  where e.is_published
  union all
  select 'exercise_solved_first_try', 'solve it with the first submission', count(*), max(r.amount),
    count(*) * max(r.amount), true
  from learn.exercises e
  join learn.xp_rules r on r.activity_type = 'exercise_solved_first_try'
  where e.is_published
  union all
  select 'lesson_completed', 'complete a lesson', count(*), max(l.xp), sum(l.xp), true
  from (
    select round(coalesce(l.xp_reward, r.amount, 0) * coalesce(d.xp_multiplier, 1))::integer as xp
    from learn.lessons l
    left join learn.difficulties d on d.key = l.difficulty
    left join learn.xp_rules r on r.activity_type = 'lesson_completed'
    where l.is_available
  ) l
  union all
  select 'lesson_perfect', 'complete it without a fault', count(*), max(r.amount),
    count(*) * max(r.amount), true
  from learn.lessons l
  join learn.xp_rules r on r.activity_type = 'lesson_perfect'
  where l.is_available
  union all
  select 'course_completed', 'complete a course', count(*), max(c.completion_xp), sum(c.completion_xp), true
  from learn.courses c
  where c.is_published and c.completion_xp > 0
  union all
  select 'track_completed', 'complete a track', count(*), max(coalesce(t.completion_xp, r.amount)),
    sum(coalesce(t.completion_xp, r.amount)), true
  from learn.tracks t
  left join learn.xp_rules r on r.activity_type = 'track_completed'
  where t.is_published and t.total_items > 0
  union all
  select 'question_answered_correctly', 'answer a question of a quiz', count(*), max(r.amount),
    count(*) * max(r.amount), false
  from learn.questions q
  join learn.exam_types e on e.key = q.exam_type and e.is_active
  join learn.xp_rules r on r.activity_type = 'question_answered_correctly'
  where q.is_active
  union all
  select 'quiz_perfect', 'answer all questions of a quiz', (s.value #>> '{}')::bigint, r.amount,
    (s.value #>> '{}')::bigint * r.amount, false
  from learn.xp_rules r
  join learn.platform_settings s on s.key = 'quiz_perfect_payments_per_day'
  where r.activity_type = 'quiz_perfect'
  union all
  select 'challenge_level_passed', 'pass a level of a challenge', count(*), max(l.xp_reward),
    sum(l.xp_reward), true
  from learn.challenge_levels l
  join learn.challenges c on c.id = l.challenge_id and c.is_active
  union all
  select 'challenge_completed', 'complete a challenge', count(*), max(c.xp_base), sum(c.xp_base), true
  from learn.challenges c
  where c.is_active and exists (select from learn.challenge_levels l where l.challenge_id = c.id)
  union all
  select 'daily_challenge_completed', 'pass the challenge of the day', count(distinct 1), max(d.xp),
    max(d.xp), false
  from (
    select round(c.xp_base * least(2, coalesce(trunc(max(l.xp_reward)::numeric
      / nullif(c.xp_base, 0), 2), 2)))::integer as xp
    from learn.challenges c
    join learn.challenge_levels l on l.challenge_id = c.id
    where c.is_active
    group by c.id
    union all
    select round(c.xp_base * d.xp_multiplier)::integer
    from learn.daily_challenges d
    join learn.challenges c on c.id = d.challenge_id
  ) d
  union all
  select 'achievement_earned', 'earn an achievement', count(*), max(a.xp_reward), sum(a.xp_reward), true
  from learn.achievements a
  where a.is_active and a.xp_reward > 0
  union all
  select 'xp_awarded', 'be awarded XP by award_xp()', null, null, r.daily_cap, false
  from learn.xp_rules r
  where r.activity_type = 'xp_awarded'
  union all
  -- what a backend records, under subjects of its own
  select r.activity_type, 'have it recorded by record_activity()', (s.value #>> '{}')::bigint, r.amount,
    (s.value #>> '{}')::bigint * r.amount, false
  from learn.xp_rules r
  join learn.activity_types t on t.key = r.activity_type and not t.is_internal
  join learn.platform_settings s on s.key = 'recorded_payments_per_day'
  where r.amount > 0
  union all
  -- rules for what may be repeated, and is written by tables of Laurel's
  select r.activity_type, 'repeat it', null, r.amount, null, false
  from learn.xp_rules r
  where r.amount > 0 and r.activity_type in ('exercise_attempted', 'quiz_completed', 'challenge_attempted',
    'assessment_completed', 'discussion_posted', 'reply_posted', 'solution_accepted')
)
select a.act, a.activity_type, a.xp_each, a.times as times_a_day, least(a.xp, r.daily_cap) as xp_an_hour,
  least(a.xp, r.daily_cap) as xp_a_day, case when a.is_once then a.xp end as xp_in_all
from acts a
left join learn.xp_rules r on r.activity_type = a.activity_type
where a.times is distinct from 0 and a.xp_each is distinct from 0;
comment on view learn.economy is
  'What each act can pay a learner at most, in an hour, a day and in all, by the rules and content of today. Null in xp_a_day: '
  'nothing bounds it; in xp_in_all: it comes again every day.';
grant select on learn.economy to learn_editor, learn_app, learn_readonly;
