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
        order by r.earned_at desc, r.id desc), '[]')
    from (
      select e.id, e.earned_at, a.slug, a.icon, a.rarity,
        learn.localized(a.translations, u.locale, 'name', a.name) as name
      from learn.user_achievements e
      join learn.achievements a on a.id = e.achievement_id
      where e.user_id = u.id
      order by e.earned_at desc, e.id desc
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
    select coalesce(jsonb_object_agg(t.slug, coalesce(p.progress_percentage, 0)), '{}')
    from learn.tracks t
    left join learn.user_track_progress p on p.user_id = u.id and p.track_id = t.id
    where t.is_published
  ) as track_progress,
  (select count(*) from learn.notifications n
    where n.user_id = u.id and not n.is_read) as unread_notifications,
  learn.user_rank(u.id) as xp_rank, learn.rank_percentile(u.id) as rank_percentile,
  (select count(*) from learn.user_challenge_progress p
    where p.user_id = u.id and p.started_at is not null) as challenges_started,
  (select coalesce(sum(cardinality(p.levels_completed)), 0) from learn.user_challenge_progress p
    where p.user_id = u.id) as challenge_levels_passed,
  (
    select coalesce(sum(x.seconds), 0)::bigint
    from (
      select sum(p.time_spent_seconds) as seconds from learn.user_lesson_progress p where p.user_id = u.id
      union all
      select sum(p.time_spent_seconds) from learn.user_challenge_progress p where p.user_id = u.id
      union all
      select sum(q.time_taken_seconds) from learn.quiz_attempts q where q.user_id = u.id
    ) x
  ) as time_spent_seconds,
  u.last_login_at, u.last_active_at
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
  'Per slug of published tracks, the percentage that is completed: {"fundamentals": 40.00, "concepts": 0, …}.';
comment on column learn.user_dashboard.rank_percentile is
  'Of all on the board of total XP, the percentage that has at most as much as the user; null: not on it.';
comment on column learn.user_dashboard.challenges_started is 'Challenges that the user has attempted.';
comment on column learn.user_dashboard.time_spent_seconds is
  'Time that was told for lessons, challenges and quizzes, in seconds.';
grant select on learn.user_dashboard to learn_app, learn_readonly;
