-- Where projections are not what follows from facts, in all domains: each has a view of its damage, which says
-- what is checked.

-- What belongs to learners. A condition on user_id reaches all of them.
create or replace view learn_internal.damage (check_name, user_id, expected, actual) as
select * from learn_internal.damage_but_boards
union all select * from learn_internal.board_damage;
comment on view learn_internal.damage is
  'Where projections of learners are not what follows from facts, in all domains; no row when all is well.';
