-- Achievements recounted from the log: earned, and not revoked since.
-- What user_achievements must say.
create or replace view learn_internal.achievement_recounts as
select f.user_id, f.achievement_id, f.earned_at
from (
  select distinct on (l.user_id, l.properties -> 'achievement_id')
    l.user_id, (l.properties ->> 'achievement_id')::bigint as achievement_id,
    l.activity_type, l.occurred_at as earned_at
  from learn_internal.all_facts l
  where l.activity_type in ('achievement_earned', 'achievement_revoked')
  order by l.user_id, l.properties -> 'achievement_id', l.id desc
) f
join learn.achievements a on a.id = f.achievement_id
where f.activity_type = 'achievement_earned';
comment on view learn_internal.achievement_recounts is
  'Achievements earned and not revoked since, recounted from the log.';
