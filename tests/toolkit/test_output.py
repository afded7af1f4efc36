"""What dbtool shows: nothing that steers a terminal, hides in a text, or is secret."""

from __future__ import annotations

import ast
import json
import sys
import time
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.conftest import ROOT, RunDbtool
from tests.toolkit.terminal import on_terminal
from toolkit.output import harmless, say

# Clears the screen, sets the title, moves the cursor, in C0 and in C1; turns the direction; has no width.
EVIL = "\x1b[2J\x1b]0;pwned\x07\r\x08\x7f\x9b2J\u202efdp.\u2066\u200b\u2028\ufeff\U000e0041"
SECRET = "password 'hunter2' postgresql://joe:hunter2@db/x pgpassword=hunter2"
RAW = [each for each in EVIL if not each.isprintable()]


def test_every_character_that_steers_or_hides_is_an_escape() -> None:
    shown = ("Cc", "Cf", "Zl", "Zp", "Cs")
    for code in range(sys.maxunicode + 1):
        character = chr(code)
        if unicodedata.category(character) in shown and character not in "\n\t":
            assert harmless(character) != character, hex(code)
    assert harmless("Zoë 😀 日本語 a\tb\n") == "Zoë 😀 日本語 a\tb\n"
    assert harmless("\x1b[2J\u202e") == r"\x1b[2J\u202e"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("alter role a password 'hunter2' login", "alter role a password *** login"),
        ("alter role a encrypted password E'x\\'y' login", "alter role a encrypted password *** login"),
        ("alter role a password 'cut he", "alter role a password ***"),
        ("select 1 /* password=hunter2 */", "select 1 /* password=*** */"),
        ("""{"api_key": "abc", "b": 1}""", """{"api_key": ***, "b": 1}"""),
        ("f(secret => $$abc$$)", "f(secret => ***)"),
        ("SCRAM-SHA-256$4096:c2FsdA==$YWJj=:ZGVm=", "SCRAM-SHA-256$***"),
        ("md5" + "0f" * 16, "md5***"),
        ("set jwt.claims = eyJhbGciOiJI.eyJzdWIiOiIx.abc_d-e", "set jwt.claims = ***"),
        ("PGPASSWORD=abc psql", "PGPASSWORD=*** psql"),
        ('password authentication failed for user "joe"', 'password authentication failed for user "joe"'),
        ("v_token text := p_token", "v_token text := p_token"),
    ],
)
def test_secrets_of_statements_and_connections_are_masked(text: str, masked: str) -> None:
    assert harmless(text) == masked


def test_further_lines_of_a_text_are_no_lines_of_dbtool(capsys: pytest.CaptureFixture[str]) -> None:
    say("role x\nall is well")
    assert capsys.readouterr().out == "role x\n  all is well\n"


def test_long_text_is_masked_in_no_time() -> None:
    started = time.process_time()
    for text in ("a" * 200_000, "password " * 20_000, "'" * 100_001, "x://:" * 9_000, "token = '" * 10_000):
        harmless(text)
    assert time.process_time() - started < 5


def test_nothing_but_the_output_layer_writes_to_the_terminal() -> None:
    """By the syntax tree: no print, no click.echo and the like, no write to sys.stdout, no rich console."""
    layer = ROOT / "toolkit" / "output.py"
    forbidden = {
        "print",
        "echo",
        "secho",
        "confirm",
        "prompt",
        "progressbar",
        "Console",
        "writelines",
        "pager",
    }
    found = []
    for path in sorted((ROOT / "toolkit").rglob("*.py")):
        if path == layer:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                name = ast.unparse(node.func)
                owner, _, last = name.rpartition(".")
                if name in ("print", "Console") or (owner in ("click", "rich") and last in forbidden):
                    found.append(f"{path}:{node.lineno}: {name}")
                if owner in ("sys.stdout", "sys.stderr", "sys.__stdout__", "sys.__stderr__") and (
                    last in ("write", "writelines", "buffer")
                ):
                    found.append(f"{path}:{node.lineno}: {name}")
                if name in ("os.write", "logging.basicConfig", "warnings.warn"):
                    found.append(f"{path}:{node.lineno}: {name}")
    assert found == []


def plain(text: str) -> None:
    """Fails when a text holds what should have been escaped or masked."""
    assert [hex(ord(each)) for each in RAW if each in text] == []
    assert "hunter2" not in text


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


@pytest.fixture
def hostile(tmp_path: Path, empty_database: str) -> tuple[Path, str]:
    """A project, and its database in which names, comments, definitions and the history are hostile."""
    root = tmp_path / "project"
    (root / "migrations").mkdir(parents=True)
    names = {each: quoted(f"{each} {EVIL}"[:30]) for each in ("table", "view", "function", "column", "role")}
    files = {
        "schema.sql": "create schema app; create table app.t (id int);",
        "schema.rollback.sql": "drop schema app cascade;",
        "migrations/migration1.sql": f"create table app.{names['table']} ({names['column']} int);"
        f" comment on table app.{names['table']} is '{EVIL}';"
        f" create view app.{names['view']} as select '{EVIL}'::text as a;",
        "migrations/migration1.rollback.sql": f"drop view app.{names['view']}; drop table"
        f" app.{names['table']};",
        "migrations/migration2.sql": f"do $$ begin raise warning '{EVIL}'; raise exception '{EVIL}'"
        " using detail = 'detail " + EVIL + " ' || 'password ''hunter2''', hint = '" + EVIL + "'; end $$;",
        "migrations/migration2.rollback.sql": "select 1;",
    }
    for name, text in files.items():
        (root / name).write_text(text, encoding="utf-8")
    return root, empty_database


@contextmanager
def blocking(url: str, lock: str) -> Iterator[None]:
    """Another session that holds a lock, with a hostile name and query."""
    with psycopg.connect(url, application_name=f"psql {EVIL}") as other:
        other.execute(lock.encode())
        other.execute(f"select 1 /* {EVIL} {SECRET} */".encode())
        yield
        other.rollback()


def test_no_command_shows_what_a_database_holds_as_it_is(
    hostile: tuple[Path, str], run_dbtool: RunDbtool, server_option: str
) -> None:
    root, url = hostile
    options = ("--project", root, "--database-url", url)
    seen = []

    def run(*words: str) -> str:
        for json_option in ([], ["--json"]) if words[0] not in ("psql",) else ([],):
            done = run_dbtool(words[0], *options, *words[1:], *json_option)
            assert "Traceback" not in done.stderr, words
            plain(done.stdout + done.stderr)
            if json_option and done.stdout:
                json.loads(done.stdout)
            seen.append(done.stdout + done.stderr)
        return seen[-2]

    assert run_dbtool("migrate", *options, "--to", "1").exit_code == 0
    assert r"\x1b[2J" in run("migrate")
    assert r"\x1b[2J" in run("plan", "--server", server_option)
    with psycopg.connect(url) as conn:
        conn.execute(f"alter table app.t add column {quoted(EVIL[:20])} int".encode())
        conn.execute(
            f"create function app.{quoted(EVIL[:20])}() returns text language sql as $$ select"
            f" '{EVIL} {SECRET.replace(chr(39), '')}'::text $$".encode()
        )
        conn.execute(
            "insert into dbtool.event (operation, script, by_user, dbtool_version, detail)"
            " values ('stopped', %(evil)s, %(evil)s, %(evil)s, %(evil)s || %(secret)s)",
            {"evil": EVIL, "secret": SECRET},
        )
    assert r"\x1b[2J" in run("verify", "--server", server_option)
    assert r"\x1b[2J" in run("history")
    with psycopg.connect(url) as conn:
        conn.execute(
            "update dbtool.applied_script set text = text || %s, checksum = 'x'", [f"\n-- {EVIL} {SECRET}\n"]
        )
    assert r"\x1b[2J" in run("status")
    assert r"\x1b[2J" in run("repair", "--dry-run", "--restore", "migration1")
    run("verify", "--server", server_option)
    run("baseline", "1", "--server", server_option)
    run("rollback", "--yes")


@pytest.mark.parametrize("on_a_terminal", [False, True])
def test_blocker_cannot_write_to_the_terminal_of_who_waits(
    hostile: tuple[Path, str], run_dbtool: RunDbtool, on_a_terminal: bool
) -> None:
    root, url = hostile
    options = ["--project", str(root), "--database-url", url]
    assert run_dbtool("migrate", *options, "--to", "1").exit_code == 0
    words = ["rollback", *options, "--yes", "--lock-timeout", "1", "--lock-retries", "0"]
    with blocking(url, f"lock table app.{quoted(f'table {EVIL}'[:30])}"):
        if on_a_terminal:
            code, shown = on_terminal(words)
        else:
            done = run_dbtool(*words)
            code, shown = done.exit_code, done.stdout + done.stderr
    assert code == 5
    assert "blocked by" in shown
    assert "***" in shown
    plain(shown.replace("\r", "") if on_a_terminal else shown.replace("\r", "?"))
