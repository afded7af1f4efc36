"""A small project with a function, a trigger and two views, and the steps that tests take on it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from textwrap import dedent
from typing import Any

import psycopg

from toolkit.authoring import checks, generate
from toolkit.catalog import read as catalog
from toolkit.errors import Finding
from toolkit.history import migrations
from toolkit.project.layout import Project

Connection = psycopg.Connection[tuple[Any, ...]]

FILES = {
    "schema.sql": """
        create schema shop;
        create table shop.items (id integer primary key, price integer, name text);
        comment on table shop.items is 'What is sold.';
    """,
    "schema.rollback.sql": "drop schema shop cascade;",
    "functions/prices/with_tax.sql": """
        -- Rounds down.
        create or replace function shop.with_tax(p_price integer) returns integer
        language sql immutable set search_path = pg_catalog, pg_temp
        as $$ select p_price * 119 / 100 $$;
        comment on function shop.with_tax(integer) is 'Adds the tax.';
        revoke all on function shop.with_tax(integer) from public;
    """,
    "functions/prices/add_shipping.sql": """
        create or replace function shop.add_shipping(p_price integer) returns integer
        language sql immutable set search_path = pg_catalog, pg_temp
        as $$ select shop.with_tax(p_price) + 5 $$;
        comment on function shop.add_shipping(integer) is 'Adds tax and shipping.';
        revoke all on function shop.add_shipping(integer) from public;
        grant execute on function shop.add_shipping(integer) to pg_monitor;
    """,
    "triggers/items/check_price.sql": """
        create or replace function shop.check_price() returns trigger
        language plpgsql set search_path = pg_catalog, pg_temp
        as $$ begin new.price := abs(new.price); return new; end $$;
        comment on function shop.check_price() is 'Prices are positive.';
        revoke all on function shop.check_price() from public;
        create or replace trigger check_price before insert on shop.items
        for each row execute function shop.check_price();
        comment on trigger check_price on shop.items is 'On every new item.';
    """,
    "views/items/priced.sql": """
        create or replace view shop.priced as select id, shop.with_tax(price) as price from shop.items;
        comment on view shop.priced is 'Items with tax.';
        comment on column shop.priced.price is 'With tax.';
        grant select on shop.priced to pg_monitor;
    """,
    "views/items/cheap.sql": """
        create or replace view shop.cheap as select id from shop.priced where price < 10;
        comment on view shop.cheap is 'Below ten.';
    """,
}


class Shop:
    """The project in a folder and the databases made from it on a server."""

    def __init__(self, root: Path, url: str) -> None:
        self.root = root
        self.url = url
        (root / "migrations").mkdir(parents=True)
        self.write(FILES)

    @property
    def project(self) -> Project:
        return Project.open(self.root)

    def write(self, files: Mapping[str, str | None]) -> None:
        """Writes files, their common indentation removed; None deletes one."""
        for name, text in files.items():
            path = self.root / name
            if text is None:
                path.unlink()
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dedent(text).strip() + "\n", encoding="utf-8")

    def edit(self, name: str, old: str, new: str) -> None:
        """Replaces text in a file that has it exactly once or more."""
        text = self.read(name)
        assert old in text
        (self.root / name).write_text(text.replace(old, new), encoding="utf-8")

    def read(self, name: str) -> str:
        return (self.root / name).read_text(encoding="utf-8")

    def connect(self) -> Connection:
        return psycopg.connect(self.url)

    def migrate(self, to: int | str | None = None) -> None:
        migrations.migrate(self.connect, self.project, to=to)

    def new(self, description: str = "a change", *, empty: bool = False) -> generate.NewMigration:
        """`dbtool new` on the database, which holds the migrations afterwards, the new one included."""
        self.migrate()
        with self.connect() as conn:
            made = generate.new_migration(conn, self.project, description, date(2026, 1, 31), empty=empty)
        self.migrate()
        return made

    def check(self) -> list[Finding]:
        """`dbtool check` on the database, which must be empty."""
        return checks.check(self.connect, self.project)

    def empty(self) -> None:
        """Takes everything out of the database again."""
        migrations.rollback(self.connect, self.project, to=0)

    def catalog(self) -> catalog.Catalog:
        with self.connect() as conn:
            return catalog.read(conn)

    def value(self, query: str) -> Any:
        """The one value that a query returns."""
        with self.connect() as conn:
            row = conn.execute(query.encode()).fetchone()
        assert row is not None
        return row[0]
