-- Where boards are not what the facts say: the part of check_integrity() about leaderboards.
create or replace view learn_internal.board_damage as
select 'boards_follow_from_facts' as check_name, w.user_id,
  format('%s %s %s: %s until %s', w.metric, w.period, w.starts_on, sum(w.due), max(w.lapses_at) filter (where w.is_due))
    as expected,
  format('%s until %s', sum(w.value), max(w.lapses_at) filter (where not w.is_due)) as actual
from (
  select c.user_id, c.metric, c.period, c.starts_on, c.value as due, 0 as value, c.lapses_at, true as is_due
  from learn_internal.board_recounts c
  join learn.users u on u.id = c.user_id and u.is_active and u.show_on_leaderboard
  where not exists (
    select from learn_internal.board_gains k
    where k.user_id = c.user_id
      and (k.metric = '' or k.metric = 'current_streak' and c.metric = 'current_streak'))
  union all
  select v.user_id, v.metric, v.period, v.starts_on, 0, v.value, v.lapses_at, false
  from learn_internal.board_values v
  where v.period = 'all_time' or (v.starts_on + case v.period
      when 'day' then interval '1 day' when 'week' then interval '7 days'
      else interval '1 month' end)::date
    > (select s.kept_from from learn_internal.board_state s)
) w
group by w.user_id, w.metric, w.period, w.starts_on
having sum(w.due) <> sum(w.value) or min(w.lapses_at) <> max(w.lapses_at)
union all
select 'names_on_boards_are_usernames', s.user_id, lower(u.username), s.name
from learn_internal.board_scores s
join learn.users u on u.id = s.user_id
where s.name <> lower(u.username) and not exists (
  select from learn_internal.board_gains k where k.user_id = s.user_id and k.metric = '');
comment on view learn_internal.board_damage is
  'Where boards are not what the facts say; no row when all is well.';
