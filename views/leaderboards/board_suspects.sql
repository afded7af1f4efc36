-- Learners whose boards may not be what the facts say, for a look at everybody: board_damage then says what is wrong. To
-- compare place by place takes a group for each, and of these there are as many as facts. So each value is multiplied by
-- a number of its place, and so is what the facts add to it: by learner, and modulo a prime, both products add up to the
-- same. One wrong value is always told, of several wrong ones of a learner all but one case in a million.
create or replace view learn_internal.board_suspects as
select t.user_id
from (
  select a.user_id, a.metric, a.period, a.starts_on, a.amount, a.lapses_at
  from learn_internal.board_addends a
  where not a.is_maximum and not exists (
    select from learn_internal.board_gains k
    where k.user_id = a.user_id
      and (k.metric = '' or k.metric = 'current_streak' and a.metric = 'current_streak'))
  union all
  select v.user_id, v.metric, v.period, v.starts_on, - v.value, v.lapses_at
  from learn_internal.board_values v
  where not v.is_maximum
  union all
  select m.user_id, m.metric, m.period, m.starts_on, 1, 'infinity'  -- maxima, which do not add up
  from (
    select a.user_id, a.metric, a.period, a.starts_on, a.amount as due, 0 as value, a.lapses_at
    from learn_internal.board_addends a
    where a.is_maximum and not exists (
      select from learn_internal.board_gains k where k.user_id = a.user_id and k.metric = '')
    union all
    select v.user_id, v.metric, v.period, v.starts_on, 0, v.value, v.lapses_at
    from learn_internal.board_values v
    where v.is_maximum
  ) m
  group by m.user_id, m.metric, m.period, m.starts_on
  having max(m.due) <> max(m.value) or min(m.lapses_at) < 'infinity'
) t
group by t.user_id
having sum(t.amount % 2147483629
    * ((hashtext(t.metric) # hashtext(t.period) # hashint4(case when isfinite(t.starts_on) then t.starts_on - '2000-01-01'
      when t.starts_on < '2000-01-01' then -1000000000 else 1000000000 end)) & 1048575 | 1)
  + case when t.lapses_at = 'infinity' then 0
      else (hashtext(t.lapses_at::text) & 1048575) * case when t.amount < 0 then -1 else 1 end end) % 2147483629 <> 0
union
select s.user_id
from learn_internal.board_scores s
join (select u.id, lower(u.username) as name from learn.users u offset 0) u on u.id = s.user_id
where s.name <> u.name;
comment on view learn_internal.board_suspects is
  'Learners whose boards may not be what the facts say, found by sums; board_damage says whether and how.';
