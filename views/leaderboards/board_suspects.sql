-- Learners whose boards may not be what the facts say, for a look at everybody: board_damage then says what is wrong. To
-- compare place by place takes a group for each, and of these there are as many as facts. So each value is multiplied by
-- two numbers of its place, and so is what the facts add to it: by learner, both add up to the same, modulo two primes.
-- One wrong value is always told; several wrong ones of a learner cancel out once in 2^60 cases. Who has gained on a day
-- that is on no board is suspect, too, and so is whose maximum waits to be merged.
create or replace view learn_internal.board_suspects as
with days as materialized (  -- what an amount of a day is multiplied by: the numbers of all places to which it is added
  select p.metric, p.day, sum(h.place_hash & 2147483647) % 2147483629 as one, sum(h.place_hash >> 33 & 2147483647) % 2147483647 as two
  from (
    select b.metric, d::date as day
    from learn_internal.board_stretches b
    cross join lateral generate_series(b.starts_on::timestamp,
      b.starts_on + case b.period when 'week' then interval '6 days' else interval '1 month - 1 day' end, '1 day') d
    where b.period in ('week', 'month')
    union
    select g.metric, g.local_date from learn_internal.board_gains g where g.local_date > '-infinity'
  ) p
  cross join learn_internal.board_state s
  cross join lateral (
    values
      ('day', p.day, s.kept_from),
      ('week', date_trunc('week', p.day::timestamp)::date, date_trunc('week', s.kept_from::timestamp)::date),
      ('month', date_trunc('month', p.day::timestamp)::date, date_trunc('month', s.kept_from::timestamp)::date)
  ) z(period, starts_on, kept_from)
  cross join lateral hash_record_extended((p.metric, z.period, z.starts_on), 0) h(place_hash)
  where z.starts_on >= z.kept_from
  group by p.metric, p.day
)
select t.user_id
from (
  select f.user_id, f.one, f.two, f.is_counted
  from (
    select d.user_id, sum(d.amount % 2147483629 * w.one) as one, sum(d.amount % 2147483647 * w.two) as two,
      bool_and(w.day is not null or d.amount = 0) as is_counted
    from learn_internal.board_facts d
    left join days w on w.metric = d.metric and w.day = d.local_date
    where not d.is_maximum and d.amount is not null
      and d.local_date >= (
        select least(date_trunc('week', s.kept_from::timestamp), date_trunc('month', s.kept_from::timestamp))::date
        from learn_internal.board_state s)
      and d.recorded_at >= (
        select date_trunc('month', s.kept_from::timestamp) - interval '8 days' from learn_internal.board_state s)
    group by d.user_id
  ) f
  join learn.users u on u.id = f.user_id and u.is_active and u.show_on_leaderboard
  union all
  select v.user_id, - sum(v.amount % 2147483629 * (v.place_hash & 2147483647) + v.lapse),
    - sum(v.amount % 2147483647 * (v.place_hash >> 33 & 2147483647) + v.lapse), true
  from (
    select b.user_id, b.value as amount, hash_record_extended((b.metric, b.period, b.starts_on), 0) as place_hash,
      case when b.lapses_at = 'infinity' then 0 else hashtextextended(b.lapses_at::text, 0) >> 32 end as lapse
    from learn_internal.board_values b
    union all
    select e.user_id, - e.amount, hash_record_extended((e.metric, 'all_time'::text, '-infinity'::date), 0),
      case when e.lapses_at = 'infinity' then 0 else - (hashtextextended(e.lapses_at::text, 0) >> 32) end
    from learn_internal.board_ever e
    where not e.is_maximum and (e.metric <> 'current_streak' or not exists (
      select from learn_internal.board_gains k where k.user_id = e.user_id and k.metric = 'current_streak'))
    union all
    select a.user_id, - max(a.amount), hash_record_extended((a.metric, a.period, a.starts_on), 0), 0
    from learn_internal.board_addends a
    where a.is_maximum
    group by a.user_id, a.metric, a.period, a.starts_on
  ) v
  group by v.user_id
) t
where not exists (select from learn_internal.board_gains k where k.user_id = t.user_id and k.metric = '')
group by t.user_id
having sum(t.one) % 2147483629 <> 0 or sum(t.two) % 2147483647 <> 0 or not bool_and(t.is_counted)
union
select s.user_id
from learn_internal.board_scores s
join (select u.id, lower(u.username) as name from learn.users u offset 0) u on u.id = s.user_id
where s.name <> u.name;
comment on view learn_internal.board_suspects is
  'Learners whose boards may not be what the facts say, found by sums; board_damage says whether and how.';
