-- What ails the database, each with the statement that mends it: no row when all is well. Read by `dbtool doctor`, and by
-- psql. Reads only; all topics but integrity are answered from catalogs and statistics in milliseconds, and where
-- topic <> 'integrity' leaves that one out. Who is no member of pg_monitor sees no sessions of others.
create or replace view learn.health as
select a.severity, a.topic, a.subject, a.finding, a.mend
from learn_internal.find_ailments() a
union all
select 'error', 'integrity', d.check_name,
  format('%s rows are not what the facts say, such as %s instead of %s', d.rows, coalesce(d.actual, 'null'),
    coalesce(d.expected, 'null')),
  'select learn.rebuild_all();  -- or learn.rebuild_user(), for those in learn.check_integrity()'
from learn_internal.count_damage() d;
comment on view learn.health is
  'What ails the database, by topic, with the statement that mends it: no row when all is well. severity: error, warning, note. '
  'Where topic <> ''integrity'' it answers in milliseconds.';
