"""export_user(): everything about one user, nothing about others."""

from __future__ import annotations

from uuid import UUID

from tests.calls import Scene
from tests.client import Learn

OWNED = """
    select n.nspname::text, c.relname::text, a.attname::text from pg_attribute a
    join pg_class c on c.oid = a.attrelid and c.relkind in ('r', 'p') and not c.relispartition
    join pg_namespace n on n.oid = c.relnamespace
    where n.nspname in ('learn', 'learn_internal')
      and (a.attname in ('user_id', 'author_id', 'about_user') or c.relname = 'users' and a.attname = 'id')
      and c.relname not in ('user_credentials', 'archived_facts', 'archived_payments')  -- see test_archive.py
"""


def test_an_export_has_the_rows_of_every_table_and_they_can_be_read_back(learn: Learn, scene: Scene) -> None:
    export = learn.value("select learn.export_user(%s)", [scene["user"]])
    owned = learn.tuples(OWNED)
    assert len(owned) > 40
    filled = 0
    for schema, table, key in owned:
        generated = learn.value(
            "select coalesce(array_agg(attname::text), '{}') from pg_attribute"
            " where attrelid = %s::regclass and attgenerated <> ''",
            [f"{schema}.{table}"],
        )
        read_back = (
            "select to_jsonb(r) - %(generated)s::text[]"
            f" from jsonb_populate_recordset(null::{schema}.{table},"
            " learn.export_user(%(user)s) #> %(path)s) r"
        )
        rows = f"select to_jsonb(t) - %(generated)s::text[] from {schema}.{table} t where {key} = %(user)s"
        arguments = {"generated": generated, "user": scene["user"], "path": [schema, table]}
        for difference in (f"{read_back} except all {rows}", f"{rows} except all {read_back}"):
            assert learn.tuples(difference, arguments) == [], table
        filled += export[schema][table] != []
    assert filled > 15
    assert export["format"] == "laurel-user"


def test_an_export_has_nothing_of_others_and_no_password_hash(learn: Learn, scene: Scene) -> None:
    text = learn.value("select learn.export_user(%s)::text", [scene["user"]])
    assert "argon2id" not in text
    assert "bob-of-the-scene" not in text
    assert (
        learn.value("select learn.export_user(%s) -> 'learn' ->> 'user_credentials'", [scene["user"]]) is None
    )


def test_who_is_not_there_is_not_exported(learn: Learn) -> None:
    for nobody in (None, UUID(int=1)):
        with learn.refuses("LX002"):
            learn.value("select learn.export_user(%s)", [nobody])
