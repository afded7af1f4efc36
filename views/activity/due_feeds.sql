-- How facts feed metrics, by the definitions of today: what metric_feeds must say.
create or replace view learn_internal.due_feeds as
select m.activity_type, m.key as metric, s.is_scoped, m.aggregate, m.property, m.filter,
  case when s.is_scoped then m.scope_property end as scope_property,
  m.is_board and not s.is_scoped as is_board
from learn.metrics m
cross join (values (false), (true)) s(is_scoped)
where m.activity_type is not null and m.aggregate <> 'distinct_days'
  and (m.scope_property is not null or not s.is_scoped);
comment on view learn_internal.due_feeds is 'How facts feed metrics, by the definitions of today.';
