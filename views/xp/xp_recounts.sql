-- XP recounted from the ledger, and the level that it means: what user_stats must say.
-- One grouping over all sources: so a condition on user_id reaches each of them.
create or replace view learn_internal.xp_recounts as
select x.user_id, coalesce(sum(x.amount), 0)::bigint as total_xp,
  max(x.highest_level) as highest_level,
  coalesce(sum(x.amount) filter (where not x.is_on_boards), 0)::bigint as reward_xp
from (
  select s.user_id, null::integer as amount, 1 as highest_level, null::boolean as is_on_boards
  from learn.user_stats s
  union all
  select t.user_id, t.amount, null,
    t.activity_type not in (select a.key from learn.activity_types a where not a.is_on_boards)
  from learn_internal.all_payments t
  union all
  select f.user_id, null, f.subject_id::integer, null
  from learn_internal.all_facts f
  where f.activity_type = 'level_reached'
) x
group by x.user_id;
comment on view learn_internal.xp_recounts is
  'Total XP, and that of rewards, recounted from the ledger, and the highest level announced, per user.';
