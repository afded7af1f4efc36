"""PostGraphile from npm, in front of a database: queries, mutations, others' rows, forged tokens."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import re
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.clients.test_calling import needs, run
from tests.conftest import ROOT
from tests.waiting import PATIENCE, free_port

PACKAGE = "postgraphile@4.14.1"
SECRET = "the secret of this test"
STATS = "{ currentLearner allUserStats { nodes { userId totalXp } } }"


def token(claims: dict[str, Any], secret: str = SECRET, algorithm: str = "HS256") -> str:
    """A JSON web token, as an identity provider signs it."""

    def part(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    signed = ".".join(part(json.dumps(each).encode()) for each in ({"alg": algorithm, "typ": "JWT"}, claims))
    mac = hmac.new(secret.encode(), signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{part(mac) if algorithm != 'none' else ''}"


class Api:
    """A GraphQL server, asked with a token."""

    def __init__(self, port: int, learners: list[str]) -> None:
        self.port = port
        self.me, self.other = learners

    def ask(self, query: str, sent: str | None = None) -> dict[str, Any]:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/graphql",
            data=json.dumps({"query": query}).encode(),
            headers={
                "content-type": "application/json",
                **({"authorization": f"Bearer {sent}"} if sent else {}),
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return dict(json.load(answer))
        except urllib.error.HTTPError as error:
            return dict(json.load(error))

    def as_learner(self, query: str, **claims: Any) -> dict[str, Any]:
        known = {"role": "learn_user", "sub": self.me, "aud": "postgraphile", "exp": int(time.time()) + 600}
        return self.ask(query, token({**known, **claims}))


@pytest.fixture(scope="module")
def api(url: str) -> Iterator[Api]:
    needs("node", "npm")
    cache = Path(os.environ.get("DBTOOL_NPM_CACHE", Path.home() / ".cache")) / "laurel-postgraphile"
    if not (cache / "node_modules/postgraphile").is_dir():
        if not os.environ.get("DBTOOL_REQUIRE_CLIENTS"):
            pytest.skip("PostGraphile is not installed yet: DBTOOL_REQUIRE_CLIENTS=1 does it")
        cache.mkdir(parents=True, exist_ok=True)
        run(["npm", "install", "--silent", "--no-fund", "--no-audit", "--prefix", str(cache), PACKAGE], url)
    with psycopg.connect(url, autocommit=True) as backend:
        found = [
            str(backend.execute("select learn.register_user(%s)", [name]).fetchone()[0])  # type: ignore[index]
            for name in ("graph-ada", "graph-bob")
        ]
        backend.execute("select learn.award_xp(%s, 7)", [found[1]])
    port = free_port()
    words = [
        "node",
        "node_modules/.bin/postgraphile",
        "-c",
        url.replace("backend:", "gateway:"),
        "-s",
        "learn",
    ]
    words += [
        "-n",
        "127.0.0.1",
        "-p",
        str(port),
        "--jwt-secret",
        SECRET,
        "--no-ignore-rbac",
        "--disable-graphiql",
    ]
    with subprocess.Popen(
        [*words, "--disable-query-log"],
        cwd=cache,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as server:
        try:
            for line in server.stdout or ():
                if "listening on port" in line:
                    break
            else:
                pytest.fail("PostGraphile has not started")
            yield Api(port, found)
        finally:
            server.terminate()


def test_the_queries_of_the_page(api: Api, url: str) -> None:
    with psycopg.connect(url) as backend:
        row = backend.execute(
            "select id from learn.lessons l where not exists (select from learn.exercises e"
            " where e.lesson_id = l.id) and l.is_available order by id limit 1"
        ).fetchone()
    page = (ROOT / "docs/supabase.md").read_text(encoding="utf-8")
    queries = re.findall(r"^```graphql\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert len(queries) == 2
    if row is None:
        pytest.fail("the demo has no lesson without exercises")
    answers = [
        api.as_learner(query.replace("{me}", api.me).replace("{lesson}", str(row[0]))) for query in queries
    ]
    assert answers[0]["data"]["completeLesson"]["awardSummary"]["xpAwarded"] > 0
    (mine,) = answers[1]["data"]["allUserStats"]["nodes"]
    assert answers[1]["data"]["currentLearner"] == api.me == mine["userId"]


def test_others_rows_are_not_there(api: Api) -> None:
    for query in (
        STATS,
        "{ allXpTransactions { nodes { userId } } allNotifications { nodes { userId } } }",
        f'{{ userStatByUserId(userId: "{api.other}") {{ userId }} }}',
        f'{{ userById(id: "{api.other}") {{ id }} }}',
    ):
        assert api.other not in json.dumps(api.as_learner(query)), query


@pytest.mark.parametrize(
    "call",
    [
        'completeLesson(input: {pUserId: "%s", pLessonId: "1"}) { clientMutationId }',
        'updateProfile(input: {pUserId: "%s", pProfile: "{}"}) { clientMutationId }',
    ],
)
def test_a_call_for_somebody_else_is_refused(api: Api, call: str) -> None:
    answer = api.as_learner("mutation { " + call % api.other + " }")
    assert "acts for nobody else" in answer["errors"][0]["message"]


def test_what_a_learner_could_give_themselves_is_not_in_the_schema(api: Api) -> None:
    found = api.as_learner('{ __type(name: "Mutation") { fields { name } } }')
    names = {field["name"] for field in found["data"]["__type"]["fields"]}
    assert "completeLesson" in names
    assert (
        names & {"awardXp", "grantAchievement", "submitQuery", "eraseUser", "mergeUsers", "saveContent"}
        == set()
    )
    assert not any(name.startswith(("createUser", "updateUser", "deleteUser")) for name in names)


def test_forged_and_wrong_tokens(api: Api) -> None:
    claims = {"role": "learn_user", "sub": api.other, "aud": "postgraphile", "exp": int(time.time()) + 600}
    for sent in (
        token(claims, "another secret"),
        token(claims, algorithm="none"),
        token({**claims, "exp": 1}),
        token({**claims, "aud": "another"}),
        "nonsense",
        None,
    ):
        answer = api.ask(STATS, sent)
        assert answer["errors"], sent
        assert api.other not in json.dumps(answer)
    for role in ("learn_owner", "learn_app", "postgres", "backend"):
        assert api.as_learner(STATS, role=role)["errors"], role
    for sub in ("ada", "' or true --", [api.other], {"a": 1}, 5):
        assert api.as_learner(STATS, sub=sub)["errors"], sub
    assert api.as_learner(STATS, sub="")["data"]["allUserStats"]["nodes"] == []
