-- Where tallies are not what the rows say: the part of check_integrity() about analytics.
create or replace view learn_internal.tally_damage (check_name, user_id, expected, actual) as
select 'tallies_follow_from_rows', null::uuid,
  format('%s %s %s: %s', d.measure, d.day, d.item, d.expected),
  format('%s %s %s: %s', d.measure, d.day, d.item, d.actual)
from learn_internal.tally_differences d;
comment on view learn_internal.tally_damage is
  'Where tallies are not what the rows say; no row when all is well.';
