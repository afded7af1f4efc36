-- What belongs to nobody: content, rules, and what is counted of everybody.
create or replace view learn_internal.common_damage (check_name, user_id, expected, actual) as
select * from learn_internal.catalog_damage
union all select * from learn_internal.rule_damage
union all select * from learn_internal.board_stretch_damage
union all select * from learn_internal.tally_damage;
comment on view learn_internal.common_damage is
  'Where projections that are nobody''s are not what follows from facts; no row when all is well.';
