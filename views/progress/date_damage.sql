-- Where learners' progress says that something was started or completed at another time than its fact, never, or
-- without a fact: a part of check_integrity(). What is remembered is passed over: it was recorded from outside, or
-- its row has been deleted and perhaps written again. So is what content no longer has.
create or replace view learn_internal.date_damage (check_name, user_id, expected, actual) as
select 'progress_is_dated_by_facts', coalesce(f.user_id, r.user_id),
  format('%s %s: %s', coalesce(f.activity_type, r.activity_type), coalesce(f.subject_id, r.subject_id),
    coalesce(f.at::text, 'never')),
  coalesce(r.at::text, 'never')
from (
  select l.user_id, l.activity_type, l.subject_type, l.subject_id, min(l.occurred_at) as at
  from learn.activity_log l
  where l.activity_type in ('lesson_completed', 'lesson_started', 'course_enrolled', 'course_completed',
      'level_completed', 'track_completed', 'path_completed', 'difficulty_completed', 'challenge_completed',
      'skill_mastered')
    and case l.subject_type
      when 'lesson' then exists (select from learn.lessons c where c.id::text = l.subject_id)
      when 'course' then exists (select from learn.courses c where c.id::text = l.subject_id)
      when 'course_level' then exists (select from learn.course_levels c where c.id::text = l.subject_id)
      when 'track' then exists (select from learn.tracks c where c.id::text = l.subject_id)
      when 'path' then exists (select from learn.learning_paths c where c.id::text = l.subject_id)
      when 'difficulty' then exists (select from learn.difficulties c where c.key = l.subject_id)
      when 'challenge' then exists (select from learn.challenges c where c.id::text = l.subject_id)
      when 'skill' then exists (select from learn.skills c where c.id::text = l.subject_id)
    end
  group by l.user_id, l.activity_type, l.subject_type, l.subject_id
) f
full join (select * from learn_internal.dated_rows d where d.at is not null) r
  on f.user_id = r.user_id and f.activity_type = r.activity_type and f.subject_type = r.subject_type
    and f.subject_id = r.subject_id
where f.at is distinct from r.at
  and (r.at is not null or f.activity_type <> 'skill_mastered' or not exists (  -- full_skills_are_mastered
    select from learn.user_skills u where u.user_id = f.user_id and u.skill_id::text = f.subject_id))
  and (f.at is not null or r.activity_type <> 'difficulty_completed')    -- it may have been renamed
  and not exists (
  select from learn_internal.recorded_subjects m
  where m.user_id = coalesce(f.user_id, r.user_id)
    and m.activity_type = coalesce(f.activity_type, r.activity_type)
    and m.subject_type = coalesce(f.subject_type, r.subject_type)
    and m.subject_id = coalesce(f.subject_id, r.subject_id))
union all
select 'achievements_are_dated_by_facts', u.user_id, format('achievement %s: %s', u.achievement_id, r.earned_at),
  u.earned_at::text
from learn.user_achievements u
join learn_internal.achievement_recounts r on r.user_id = u.user_id and r.achievement_id = u.achievement_id
where u.earned_at <> r.earned_at
union all
select 'solutions_are_dated_by_facts', p.author_id, format('reply %s: %s', p.id, f.occurred_at),
  p.first_accepted_at::text
from learn.replies p
join learn.activity_log f on f.user_id = p.author_id and f.activity_type = 'solution_accepted'
  and f.subject_type = 'reply' and f.subject_id = p.id::text
where p.first_accepted_at is distinct from f.occurred_at;
comment on view learn_internal.date_damage is
  'Where learners'' progress is dated otherwise than by its facts; no row when all is well.';
