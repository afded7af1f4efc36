-- XP that users have earned in courses: lessons, levels and completions, from the ledger.
-- Filter by user_id: the condition reaches the ledger.
create or replace view learn.course_xp as
select x.user_id, x.course_id, sum(x.amount)::bigint as xp_earned
from (
  select t.user_id, l.course_id, t.amount
  from learn_internal.all_payments t
  join learn.lessons l on l.id::text = t.source_id and l.course_id is not null
  where t.source_type in ('lesson_completed', 'lesson_perfect')
  union all
  select t.user_id, v.course_id, t.amount
  from learn_internal.all_payments t
  join learn.course_levels v on v.id::text = t.source_id
  where t.source_type = 'level_completed'
  union all
  select t.user_id, c.id, t.amount
  from learn_internal.all_payments t
  join learn.courses c on c.id::text = t.source_id
  where t.source_type = 'course_completed'
) x
group by x.user_id, x.course_id;
comment on view learn.course_xp is
  'XP earned per user and course: its lessons, its levels and its completion.';
grant select on learn.course_xp to learn_app, learn_readonly;
