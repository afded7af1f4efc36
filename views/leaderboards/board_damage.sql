-- Where boards are not what the facts say: the part of check_integrity() about leaderboards.
create or replace view learn_internal.board_damage as
select 'boards_follow_from_facts' as check_name, w.user_id,
  format('%s %s %s: %s until %s', w.metric, w.period, w.starts_on, w.due, w.due_until) as expected,
  format('%s until %s', w.value, w.until) as actual
from (
  select b.user_id, b.metric, b.period, b.starts_on, max(b.due_until) as due_until, max(b.until) as until,
    coalesce(case when bool_or(b.is_maximum) then max(b.due) else sum(b.due) end, 0) as due,
    coalesce(case when bool_or(b.is_maximum) then max(b.value) else sum(b.value) end, 0) as value
  from (
    select a.user_id, a.metric, a.period, a.starts_on, a.is_maximum, a.amount as due, a.lapses_at as due_until,
      null::bigint as value, null::timestamptz as until
    from learn_internal.board_addends a
    where not exists (
      select from learn_internal.board_gains k
      where k.user_id = a.user_id
        and (k.metric = '' or k.metric = 'current_streak' and a.metric = 'current_streak'))
    union all
    select v.user_id, v.metric, v.period, v.starts_on, v.is_maximum, null, null, v.value, v.lapses_at
    from learn_internal.board_values v
  ) b
  group by b.user_id, b.metric, b.period, b.starts_on
) w
where w.due <> w.value or w.due_until <> w.until
union all
select 'names_on_boards_are_usernames', s.user_id, lower(u.username), s.name
from learn_internal.board_scores s
join learn.users u on u.id = s.user_id
where s.name <> lower(u.username) and not exists (
  select from learn_internal.board_gains k where k.user_id = s.user_id and k.metric = '');
comment on view learn_internal.board_damage is
  'Where boards are not what the facts say; no row when all is well.';
