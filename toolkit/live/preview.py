"""What rules of a file would change for learners: it is run, backfilled, compared, and rolled back."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import psycopg

from ..errors import DbtoolError
from ..project.layout import read_sql
from ..sql.execute import Connection, failure, run_whole, value
from ..sql.script import refuse_unfit

SAMPLE = 5
_BEFORE = """
create temp table before_achievements on commit drop as select * from learn.achievements;
create temp table before_holders on commit drop as
select h.user_id, h.achievement_id, a.slug
  from learn.user_achievements h join before_achievements a on a.id = h.achievement_id;
create temp table before_stats on commit drop as select * from learn.user_stats;
create temp table before_rules on commit drop as select * from learn.xp_rules;
"""
# Only these: the others are granted by facts that come from then on, and have been before.
_BACKFILL = """
select learn.backfill_achievement(a.slug)
  from learn.achievements a
  left join before_achievements b on b.id = a.id
 where a.is_active and (b.id is null or (a.criteria, a.is_active) is distinct from (b.criteria, b.is_active))
"""
_CHANGES = """
with after_holders as (
  select h.user_id, h.achievement_id, a.slug
  from learn.user_achievements h join learn.achievements a on a.id = h.achievement_id
),
found(what, subject, user_id, amount) as (
  select 'gains the achievement', n.slug, n.user_id, 0::bigint from after_holders n
   where not exists (
     select from before_holders o where (o.user_id, o.achievement_id) = (n.user_id, n.achievement_id))
  union all
  select 'loses the achievement', o.slug, o.user_id, 0 from before_holders o
   where not exists (
     select from after_holders n where (o.user_id, o.achievement_id) = (n.user_id, n.achievement_id))
  union all
  select 'keeps it, and would not earn it now', a.slug, n.user_id, 0
    from learn.achievements a
    join before_achievements b on b.id = a.id and b.criteria <> a.criteria
    join after_holders n on n.achievement_id = a.id
    join before_holders o on (o.user_id, o.achievement_id) = (n.user_id, n.achievement_id)
   where not learn_internal.satisfies_criteria(n.user_id, a.criteria)
  union all
  select case when s.total_xp > b.total_xp then 'gains XP' else 'loses XP' end, '',
         s.user_id, s.total_xp - b.total_xp
    from learn.user_stats s
    join before_stats b on b.user_id = s.user_id and b.total_xp <> s.total_xp
  union all
  select case when s.current_level > b.current_level then 'rises to level' else 'falls to level' end,
         s.current_level::text, s.user_id, 0
    from learn.user_stats s
    join before_stats b on b.user_id = s.user_id and b.current_level <> s.current_level
  union all
  select 'would have got other XP in the last 30 days, caps aside', r.activity_type, l.user_id,
         coalesce(r.amount, 0)::bigint - coalesce(b.amount, 0)
    from learn.xp_rules r
    full join before_rules b using (activity_type)
    join learn.activity_log l using (activity_type)
   where r.amount is distinct from b.amount and l.occurred_at > learn.clock() - interval '30 days'
)
select f.what, coalesce(f.subject, ''), count(distinct f.user_id)::integer, sum(f.amount)::bigint,
       (array_agg(distinct u.username::text order by u.username::text))[:%s]
  from found f join learn.users u on u.id = f.user_id
 group by 1, 2 order by 1, 2
"""


class Change(NamedTuple):
    """What happens to some learners."""

    what: str
    subject: str
    """An achievement's slug, a level, an activity type; empty for XP."""
    users: int
    xp: int
    sample: list[str]


def preview(connection: Connection, path: Path) -> list[Change]:
    """What the file would change. Nothing stays, but learners wait while it runs.

    Raises ScriptFailed for a file that does not run, DbtoolError for one that ends the transaction.
    """
    text = read_sql(path)
    try:
        refuse_unfit(text, str(path), transactional=True)
        connection.execute("set local learn.quiet = on")
        connection.execute(_BEFORE.encode())
        started = value(connection, "select pg_current_xact_id()")
        run_whole(connection, text, str(path))
        connection.execute("reset role")
        if value(connection, "select pg_current_xact_id()") != started:
            raise DbtoolError(f"{path} ends the transaction: something of it may have been kept")
        connection.execute("set constraints all immediate")
        connection.execute(_BACKFILL.encode())
        return [Change(*row) for row in connection.execute(_CHANGES.encode(), [SAMPLE]).fetchall()]
    except psycopg.Error as error:
        raise failure(error, str(path), text, None, is_lost=connection.closed) from error
    except DbtoolError as error:
        if "transactional: false" in (error.hint or ""):
            error.hint = "A preview is rolled back: leave out what ends a transaction, or cannot run in one."
        raise
    finally:
        with suppress(psycopg.Error):
            connection.rollback()
