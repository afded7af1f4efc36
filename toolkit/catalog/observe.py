"""Reading the catalog of one database again and again, each time only what has changed."""
# ruff: noqa: S608  the parts put into the SQL are constants of this package

from __future__ import annotations

from typing import Any

from ..sql.execute import Connection
from .queries import COMMON, NAMED, OF_OTHERS, OF_RELATIONS, catalog
from .read import Catalog, Key, relation_of

# Of what is in relations, only that of those with these numbers.
_RELATIONS = (
    catalog(*OF_RELATIONS)
    .replace("%", "%%")
    .replace(
        "    join user_schema s on s.oid = c.relnamespace\n",
        "    join user_schema s on s.oid = c.relnamespace and c.oid = any(%(only)s::oid[])\n",
        1,
    )
)
_OTHERS = catalog(*OF_OTHERS)

# A row that is written has a younger xmin than all others: the number of rows and the sum of their xmin are
# the same twice only where nothing was written or removed.
_STAMP = "concat_ws(' ', count(*), sum(xmin::text::bigint))"


def _stamps(*catalogs: str, where: str = "oid >= 16384") -> list[str]:
    return [f"select '{name}', {_STAMP} from {name} where {where}" for name in catalogs]


# Catalogs that tell of other things than relations.
_STAMPS_OF_OTHERS = " union all ".join(
    [
        *_stamps("pg_namespace", "pg_extension", "pg_tablespace", "pg_auth_members", where="true"),
        *_stamps("pg_db_role_setting", "pg_shdescription", where="true"),
        *_stamps("pg_database", where="datname = current_database()"),
        *_stamps("pg_proc", "pg_enum", "pg_statistic_ext", "pg_event_trigger", "pg_publication"),
        *_stamps("pg_publication_rel", "pg_publication_namespace", "pg_default_acl", "pg_cast"),
        *_stamps("pg_operator", "pg_opclass", "pg_opfamily", "pg_amop", "pg_amproc", "pg_collation"),
        *_stamps("pg_conversion", "pg_ts_config", "pg_ts_dict", "pg_ts_parser", "pg_ts_template"),
        *_stamps("pg_language", "pg_am", "pg_transform", "pg_foreign_data_wrapper", "pg_foreign_server"),
        *_stamps("pg_ts_config_map", where="mapcfg >= 16384"),
        *_stamps("pg_aggregate", where="aggfnoid >= 16384"),
        *_stamps("pg_range", where="rngtypid >= 16384"),
        *_stamps("pg_constraint", where="conrelid = 0"),
        *_stamps("pg_depend", where="objid >= 16384 and deptype in ('e', 'x')"),
        *_stamps(
            "pg_description",
            where="""classoid <> all('{pg_class,pg_trigger,pg_policy,pg_rewrite}'::regclass[]::oid[])
              and (objoid >= 16384 or classoid in ('pg_namespace'::regclass, 'pg_extension'::regclass))""",
        ),
        *_stamps(
            "pg_type",
            where="""oid >= 16384 and not (typtype = 'b' and typelem <> 0)
              and (typrelid = 0 or typrelid in (select oid from pg_class where relkind = 'c'))""",
        ),
        f"select 'pg_shdepend', string_agg(refobjid::text, ' ' order by refobjid) from ({NAMED}) role",
        "select 'pg_roles', md5(string_agg(r::text, ' ' order by oid)) from pg_roles r",
        "select 'pg_user_mappings', md5(string_agg(u::text, ' ' order by umid)) from pg_user_mappings u",
        """select 'pg_subscription', md5(string_agg(concat_ws(' ', oid, subdbid, subname, subowner,
             subpublications), ',' order by oid)) from pg_subscription""",
    ]
)

# Each relation with its name and the stamp of all rows of catalogs that tell of it, its indexes, triggers …;
# and the other catalogs with theirs.
_STAMPS = f"""{COMMON},
part (id, xid) as (
  select oid, xmin from pg_class where oid >= 16384
  union all select attrelid, xmin from pg_attribute where attrelid >= 16384 and attnum > 0
  union all select adrelid, xmin from pg_attrdef
  union all select indexrelid, xmin from pg_index where indexrelid >= 16384
  union all select seqrelid, xmin from pg_sequence
  union all select ftrelid, xmin from pg_foreign_table
  union all select inhrelid, xmin from pg_inherits
  union all select conrelid, xmin from pg_constraint where conrelid >= 16384
  union all select tgrelid, xmin from pg_trigger where not tgisinternal
  union all select polrelid, xmin from pg_policy
  union all select ev_class, xmin from pg_rewrite where ev_class >= 16384
  union all select coalesce(k.conrelid, t.tgrelid, p.polrelid, r.ev_class, d.objoid), d.xmin
              from pg_description d
              left join pg_constraint k on k.oid = d.objoid and d.classoid = 'pg_constraint'::regclass
              left join pg_trigger t on t.oid = d.objoid and d.classoid = 'pg_trigger'::regclass
              left join pg_policy p on p.oid = d.objoid and d.classoid = 'pg_policy'::regclass
              left join pg_rewrite r on r.oid = d.objoid and d.classoid = 'pg_rewrite'::regclass
             where d.objoid >= 16384
  union all select coalesce(t.tgrelid, d.objid), d.xmin  -- OWNED BY, and DEPENDS ON EXTENSION
              from pg_depend d
              left join pg_trigger t on t.oid = d.objid and d.classid = 'pg_trigger'::regclass
             where d.classid in ('pg_class'::regclass, 'pg_trigger'::regclass) and d.objid >= 16384
               and d.objsubid = 0 and d.deptype in ('a', 'i', 'x')
),
sum (id, number, xids) as (select id, count(*), sum(xid::text::bigint) from part group by id),
home (id, owner) as (
  select oid, oid from relation where relkind not in ('i', 'I', 't')
  union all select indexrelid, indrelid from pg_index where indexrelid >= 16384
  union all select reltoastrelid, oid from relation where reltoastrelid <> 0
),
stamp (owner, stamp) as (
  select h.owner, concat_ws(' ', sum(s.number), sum(s.xids))
    from sum s join home h on h.id = s.id group by h.owner
)
select s.owner::bigint, c.oid::regclass::text, s.stamp from stamp s join relation c on c.oid = s.owner
union all
select null, other.* from ({_STAMPS_OF_OTHERS}) other"""

_COLUMNS = """
select concat(attrelid, ' ', attnum), attname from pg_attribute
 where attrelid = any(%(only)s::oid[]) and attnum > 0 and not attisdropped"""

# What definitions name besides relations and columns, by a key that stays when it is renamed.
_NAMES = " union all ".join(
    [
        "select 'role ' || oid, rolname::text from pg_roles where oid >= 16384",
        *(
            f"select '{name} ' || oid, concat({prefix}namespace, ' ', {prefix}name) from {name}"
            " where oid >= 16384"
            for name, prefix in (
                ("pg_proc", "pro"),
                ("pg_type", "typ"),
                ("pg_operator", "opr"),
                ("pg_opclass", "opc"),
                ("pg_collation", "coll"),
                ("pg_ts_config", "cfg"),
            )
        ),
        *(
            f"select '{name} ' || oid, {column}::text from {name}"
            for name, column in (
                ("pg_namespace", "nspname"),
                ("pg_enum", "enumlabel"),
                ("pg_foreign_server", "srvname"),
                ("pg_tablespace", "spcname"),
                ("pg_am", "amname"),
                ("pg_extension", "extname"),
            )
        ),
    ]
)


class Observer:
    """Reads the catalog of a database again and again, on a connection of its own.

    What belongs to a relation is read when that has changed, the rest when something there has: so a walk
    over many versions is linear. Where something that others name was renamed, all is read.
    """

    def __init__(self, conn: Connection) -> None:
        self.conn = conn
        conn.execute(
            "set search_path = ''; set jit = off; set plan_cache_mode = force_generic_plan;"
            "set enable_mergejoin = off"
        )
        self._relations: dict[int, tuple[str, str]] = {}
        self._others: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self._columns: dict[str, str] = {}
        self._objects: dict[Key, str] = {}
        self._homes: dict[Key, str | None] = {}

    def read(self) -> Catalog:
        """The catalog as `read` has it."""
        relations: dict[int, tuple[str, str]] = {}
        others: dict[str, str] = {}
        for oid, name, stamp in self.conn.execute(_STAMPS, prepare=True).fetchall():
            if oid is None:
                others[name] = stamp
            else:
                relations[oid] = (name, stamp)
        changed = [oid for oid, known in relations.items() if self._relations.get(oid) != known]
        is_other = others != self._others
        is_renamed = any(
            self._relations[oid][0] != relations[oid][0] for oid in changed if oid in self._relations
        )
        for known, query in (
            (self._columns, _COLUMNS if changed else ""),
            (self._names, _NAMES if is_other else ""),
        ):
            names = dict(self._execute(query, changed)) if query else {}
            is_renamed |= any(known.get(key, name) != name for key, name in names.items())
            known.update(names)
        if is_renamed:
            changed, is_other = list(relations), True
        if changed or is_other or len(relations) != len(self._relations):
            self._take(relations, changed, is_other=is_other)
        self._relations, self._others = relations, others
        return Catalog(dict(self._objects))

    def _take(self, relations: dict[int, tuple[str, str]], changed: list[int], *, is_other: bool) -> None:
        """Reads what has changed and forgets what is gone."""
        kept: set[str | None] = {name for name, _ in relations.values()}
        kept -= {relations[oid][0] for oid in changed}
        if not is_other:
            kept.add(None)
        self._objects = {key: facts for key, facts in self._objects.items() if self._homes[key] in kept}
        rows = self._execute(_RELATIONS, changed)
        if is_other:
            rows += self.conn.execute(_OTHERS, prepare=True).fetchall()
        names = {name for name, _ in relations.values()}
        for kind, identity, facts in rows:
            self._objects[kind, identity] = facts
            self._homes[kind, identity] = _home(kind, identity, facts, names)

    def _execute(self, query: str, only: list[int]) -> list[tuple[Any, ...]]:
        values = {"only": f"{{{','.join(map(str, only))}}}"} if "%(only)s" in query else None
        return self.conn.execute(query.encode(), values, prepare=True).fetchall()


def _home(kind: str, identity: str, facts: str, relations: set[str]) -> str | None:
    """The relation that an object is or belongs to."""
    is_one = kind in ("table", "foreign table", "view", "materialized view", "sequence")
    home = identity if is_one else relation_of(kind, identity, facts)
    return home if home in relations else None
