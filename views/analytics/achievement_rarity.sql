-- How many learners hold each achievement, those that nobody holds included. The column rarity is what
-- its author calls it; the share says what it is.
create or replace view learn.achievement_rarity with (security_barrier) as
select a.id as achievement_id, a.slug, a.name, a.system, a.rarity, a.is_active, a.is_hidden,
  coalesce(h.holders, 0) as holders, l.learners,
  round(coalesce(h.holders, 0)::numeric / nullif(l.learners, 0), 4) as share
from learn.achievements a
left join (
  select u.achievement_id, count(*) as holders
  from learn.user_achievements u
  group by u.achievement_id
) h on h.achievement_id = a.id
cross join (
  select coalesce(sum(t.value), 0)::bigint as learners
  from learn_internal.tally_totals t
  where t.measure = 'registrations'
) l;
comment on view learn.achievement_rarity is
  'Per achievement, also those that nobody has earned: holders, all learners, and the share (0 to 1) '
  'of learners who hold it; null where there are no learners.';
grant select on learn.achievement_rarity to learn_app, learn_user, learn_readonly;
