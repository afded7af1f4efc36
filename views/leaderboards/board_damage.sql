-- Where boards are not what the facts say: the part of check_integrity() about leaderboards.
create or replace view learn_internal.board_damage as
select 'boards_follow_from_facts' as check_name, coalesce(r.user_id, b.user_id) as user_id,
  format('%s %s %s: %s until %s', coalesce(r.metric, b.metric), coalesce(r.period, b.period),
    coalesce(r.starts_on, b.starts_on), coalesce(r.value, 0), r.lapses_at) as expected,
  format('%s until %s', coalesce(b.value, 0), b.lapses_at) as actual
from (
  select c.*
  from learn_internal.board_recounts c
  join learn.users u on u.id = c.user_id and u.is_active and u.show_on_leaderboard
  where not exists (
    select from learn_internal.board_gains k
    where k.user_id = c.user_id
      and (k.metric = '' or k.metric = 'current_streak' and c.metric = 'current_streak'))
) r
full join (
  select v.*
  from learn_internal.board_values v
  where v.period = 'all_time' or (v.starts_on + case v.period
      when 'day' then interval '1 day' when 'week' then interval '7 days'
      else interval '1 month' end)::date
    > (select s.kept_from from learn_internal.board_state s)
) b on r.user_id = b.user_id and b.metric = r.metric and b.period = r.period
  and b.starts_on = r.starts_on
where coalesce(r.value, 0) <> coalesce(b.value, 0) or r.lapses_at <> b.lapses_at
union all
select 'stretches_of_boards_are_counted', null::uuid,
  format('%s %s %s from %s: %s', f.metric, f.period, f.starts_on, f.floor, c.users), f.users::text
from (
  select w.*, lead(w.floor, 1, 9223372036854775807)
    over (partition by w.metric, w.period, w.starts_on order by w.floor) as until
  from learn_internal.board_fences w
) f
cross join lateral (
  select count(*) as users
  from learn_internal.board_scores s
  where s.metric = f.metric and s.period = f.period and s.starts_on = f.starts_on
    and s.value > 0 and s.value >= f.floor and s.value < f.until
) c
where f.users <> c.users;
comment on view learn_internal.board_damage is
  'Where boards are not what the facts say; no row when all is well.';
