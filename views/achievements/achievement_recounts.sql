-- Achievements recounted from the log: earned, and not revoked since.
-- What user_achievements must say.
create or replace view learn_internal.achievement_recounts as
select f.user_id, f.achievement_id::bigint as achievement_id,
  case when f.times = 1 then f.earned_at else (  -- in the order of the log, whatever the dates
    select l.occurred_at from learn_internal.all_facts l where l.user_id = f.user_id and l.id = f.earned) end as earned_at
from (
  select l.user_id, l.properties ->> 'achievement_id' as achievement_id,
    count(*) filter (where l.activity_type = 'achievement_earned') as times,
    max(l.occurred_at) filter (where l.activity_type = 'achievement_earned') as earned_at,
    max(l.id) filter (where l.activity_type = 'achievement_earned') as earned,
    max(l.id) filter (where l.activity_type = 'achievement_revoked') as revoked
  from learn_internal.all_facts l
  where l.activity_type in ('achievement_earned', 'achievement_revoked')
  group by l.user_id, l.properties ->> 'achievement_id'
) f
join learn.achievements a on a.id = f.achievement_id::bigint
where f.earned > coalesce(f.revoked, 0);
comment on view learn_internal.achievement_recounts is
  'Achievements earned and not revoked since, recounted from the log.';
