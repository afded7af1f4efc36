-- Where stretches of boards do not count the users in them: the part of check_integrity() about boards that is nobody's.
create or replace view learn_internal.board_stretch_damage (check_name, user_id, expected, actual) as
select 'stretches_of_boards_are_counted', null::uuid,
  format('%s %s %s from %s: %s', f.metric, f.period, f.starts_on, f.floor, c.users), f.users::text
from (
  select w.*, lead(w.floor, 1, 9223372036854775807)
    over (partition by w.metric, w.period, w.starts_on order by w.floor) as until
  from learn_internal.board_stretches w
) f
cross join lateral (
  select count(*) as users
  from learn_internal.board_scores s
  where s.metric = f.metric and s.period = f.period and s.starts_on = f.starts_on
    and s.value > 0 and s.value >= f.floor and s.value < f.until
) c
where f.users <> c.users
union all
select 'stretches_of_boards_are_counted', null::uuid,
  format('%s %s %s from 1', b.metric, b.period, b.starts_on), 'no stretch'
from (select distinct s.metric, s.period, s.starts_on from learn_internal.board_scores s where s.value > 0) b
where not exists (
  select from learn_internal.board_stretches f
  where f.metric = b.metric and f.period = b.period and f.starts_on = b.starts_on and f.floor = 1);
comment on view learn_internal.board_stretch_damage is
  'Where stretches of boards do not count the users in them; no row when all is well.';
