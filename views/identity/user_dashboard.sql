-- What a user's home page shows, one row per user. The streak is as of the user's today.
create or replace view learn.user_dashboard as
select u.id as user_id, u.username, u.display_name, u.avatar_url, u.avatar_emoji,
  v.slug as selected_avatar,
  s.total_xp, s.current_level, s.total_xp - l.min_xp as xp_in_level,
  n.min_xp - s.total_xp as xp_to_next_level,
  learn.calculate_user_streak(u.id) as current_streak, s.longest_streak,
  s.active_days, s.last_activity_date, s.streak_freezes,
  (select count(*) from learn.user_lesson_progress p
    where p.user_id = u.id and p.completed_at is not null) as lessons_completed,
  (select count(*) from learn.user_track_progress p
    where p.user_id = u.id and p.completed_at is not null) as tracks_completed,
  (select count(*) from learn.user_achievements a where a.user_id = u.id) as achievements_earned,
  (
    select coalesce(jsonb_agg(jsonb_build_object(
      'slug', r.slug, 'name', r.name, 'icon', r.icon, 'rarity', r.rarity, 'earned_at', r.earned_at)
        order by r.id desc), '[]')
    from (
      select e.id, e.earned_at, a.slug, a.name, a.icon, a.rarity
      from learn.user_achievements e
      join learn.achievements a on a.id = e.achievement_id
      where e.user_id = u.id
      order by e.id desc
      limit 5
    ) r
  ) as recent_achievements,
  (select count(*) from learn.user_course_progress p where p.user_id = u.id) as courses_enrolled,
  (select count(*) from learn.user_course_progress p
    where p.user_id = u.id and p.completed_at is not null) as courses_completed,
  (
    select coalesce(jsonb_agg(jsonb_build_object(
        'slug', r.slug, 'title', r.title, 'completion_percentage', r.completion_percentage,
        'last_activity_at', r.last_activity_at)
      order by r.last_activity_at desc nulls last, r.course_id), '[]')
    from (
      select p.course_id, c.slug, learn.localized(c.translations, u.locale, 'title', c.title) as title,
        p.completion_percentage, p.last_activity_at
      from learn.user_course_progress p
      join learn.courses c on c.id = p.course_id and c.is_published
      where p.user_id = u.id and p.completed_at is null
      order by p.last_activity_at desc nulls last, p.course_id
      limit 5
    ) r
  ) as current_courses,
  (select count(*) from learn.user_challenge_progress p
    where p.user_id = u.id and p.completed_at is not null) as challenges_completed,
  (
    select coalesce(jsonb_object_agg(d.difficulty, d.percentage), '{}')
    from (
      select t.difficulty, coalesce(max(p.progress_percentage), 0) as percentage
      from learn.tracks t
      left join learn.user_track_progress p on p.user_id = u.id and p.track_id = t.id
      where t.is_published
      group by t.difficulty
    ) d
  ) as track_progress,
  (select count(*) from learn.notifications n
    where n.user_id = u.id and not n.is_read) as unread_notifications,
  learn.user_rank(u.id) as xp_rank
from learn.users u
join learn.user_stats s on s.user_id = u.id
left join learn.avatars v on v.id = u.selected_avatar_id
left join learn.level_thresholds l on l.level = s.current_level
left join learn.level_thresholds n on n.level = s.current_level + 1;
comment on view learn.user_dashboard is
  'One row per user for a home page: XP, level, streak as of the user''s today, counts, '
  'the five newest achievements.';
comment on column learn.user_dashboard.xp_to_next_level is 'Null on the highest level.';
comment on column learn.user_dashboard.xp_rank is
  'Rank by total XP among all who want to be seen; null: not on that board.';
comment on column learn.user_dashboard.current_courses is
  'The five courses under way with the latest activity: [{"slug": "…", "title": "…", '
  '"completion_percentage": 40.00, "last_activity_at": "…"}, …], in the user''s language.';
comment on column learn.user_dashboard.track_progress is
  'Per difficulty of published tracks, the percentage of the track that is furthest: '
  '{"fundamentals": 40.00, "concepts": 0, …}.';
grant select on learn.user_dashboard to learn_app, learn_readonly;
