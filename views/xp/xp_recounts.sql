-- XP recounted from the ledger, and the level that it means: what user_stats must say.
create or replace view learn_internal.xp_recounts as
select s.user_id, coalesce(x.total_xp, 0) as total_xp, coalesce(h.highest_level, 1) as highest_level
from learn.user_stats s
left join (
  select t.user_id, sum(t.amount)::bigint as total_xp
  from learn.xp_transactions t group by t.user_id
) x on x.user_id = s.user_id
left join (
  select f.user_id, max(f.subject_id::integer) as highest_level
  from learn.activity_log f
  where f.activity_type = 'level_reached'
  group by f.user_id
) h on h.user_id = s.user_id;
comment on view learn_internal.xp_recounts is
  'Total XP recounted from the ledger, and the highest level announced, per user.';
