"""erase_user(): nothing of the learner is left anywhere; posts stay without a name, or go."""

from __future__ import annotations

import subprocess
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.calls import make_scene
from tests.client import Learn
from tests.concurrency.sessions import client, session
from tests.conftest import FreshDatabase
from toolkit.servers.binaries import find_clients

MARKER = "erasemarker"
TEXTS = """
    select a.attrelid::regclass::text, a.attname::text,
      format_type(coalesce(nullif(y.typbasetype, 0), y.oid), null), k.attname::text
    from pg_attribute a
    join pg_type y on y.oid = a.atttypid
    join pg_class c on c.oid = a.attrelid and c.relkind in ('r', 'p') and not c.relispartition
    join pg_attribute k on k.attrelid = c.oid
      and (k.attname in ('user_id', 'author_id') or c.oid = 'learn.users'::regclass and k.attname = 'id')
    where c.relnamespace in ('learn'::regnamespace, 'learn_internal'::regnamespace)
      and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
      and coalesce(nullif(y.typbasetype, 0), y.oid) in ('text'::regtype, 'jsonb'::regtype)
      and a.attname not in (
        'activity_type', 'assessment_type', 'category', 'difficulty', 'exam_type', 'kind', 'locale', 'metric',
        'period', 'role', 'scope', 'session_type', 'skill_level', 'source_type', 'status', 'subject_type',
        'timezone', 'tx_type', 'type', 'vote_type')
"""


def plant(connection: psycopg.Connection, user: UUID) -> int:
    """A marker in every text and JSON that a learner may have written; in how many columns it is."""
    planted = 0
    connection.execute("set session_replication_role = replica")
    for table, column, kind, key in connection.execute(TEXTS.encode()).fetchall():
        forms = (
            [f'\'{{"note": "{MARKER}"}}\'', f"'[\"{MARKER}\"]'"]
            if kind == "jsonb"
            else [f"'{MARKER}'", f"'{MARKER}@example.org'"]
        )
        for form in forms:
            try:
                with connection.transaction():
                    done = connection.execute(
                        f"update {table} set {column} = {form} where {key} = %s".encode(), [user]
                    )
                planted += done.rowcount > 0
                break
            except psycopg.errors.IntegrityError:
                continue  # not a text that people write
    connection.execute("reset session_replication_role")
    return planted


def traces(connection: psycopg.Connection) -> list[str]:
    """Where the marker is: tables, and what ANALYZE has sampled."""
    tables = connection.execute(
        "select oid::regclass::text from pg_class where relkind in ('r', 'p', 'm') and relnamespace in"
        " ('learn'::regnamespace, 'learn_internal'::regnamespace, 'dbtool'::regnamespace)"
    ).fetchall()
    sampled = (
        "(select tablename || '.' || attname as place,"
        " concat(most_common_vals, histogram_bounds, most_common_elems) as text from pg_stats) s"
    )
    found = [
        table
        for (table,) in tables
        if connection.execute(
            f"select 1 from {table} t where t::text ~ '{MARKER}' limit 1".encode()
        ).fetchone()
    ]
    found += [
        place
        for (place,) in connection.execute(
            f"select place from {sampled} where text ~ '{MARKER}'".encode()
        ).fetchall()
    ]
    return found


@pytest.mark.no_integrity
def test_nothing_that_a_learner_wrote_is_left_anywhere(fresh: FreshDatabase) -> None:
    with fresh.connect(autocommit=True) as connection:
        learn = Learn(connection)
        with connection.transaction():
            user = make_scene(learn)["user"]
        planted = plant(connection, user)
        assert planted > 30
        about = "from learn.outbox where payload ->> 'user_id' = %s::text order by id limit 1"
        message = learn.value(f"select id {about}", [user])
        connection.execute("update learn.outbox set error = %s where id = %s", [MARKER, message])
        connection.execute(
            "insert into learn_internal.integrity_findings (check_name, about_user, expected, actual)"
            " values ('by hand', %s, %s, %s)",
            [user, MARKER, MARKER],
        )
        connection.execute("analyze")
        assert len(traces(connection)) > 10
        connection.execute("select learn.erase_user(%s, 'delete')", [user])
        assert traces(connection) == []
        assert learn.value("select count(*) from learn.outbox where payload::text ~ %s", [MARKER]) == 0
        # nor what a worker has to say of it later, and it is in no dump
        connection.execute(
            "update learn.outbox set attempts = 1, completed_at = null, failed_at = null where id = %s",
            [message],
        )
        assert learn.value("select learn.fail_outbox(array[%s::bigint], %s)", [message, MARKER]) == 1
        assert traces(connection) == []
    dumps = [
        subprocess.run([path, "-d", fresh.url], capture_output=True, text=True, check=False).stdout
        for path in find_clients("pg_dump")
    ]
    dumped = next(dump for dump in dumps if "COPY learn.outbox" in dump)  # by one that is new enough
    assert MARKER not in dumped


@pytest.mark.no_integrity
def test_nothing_that_was_said_in_calls_is_left_anywhere(fresh: FreshDatabase) -> None:
    """Said before others answered, boards were merged and everything was sampled, in whatever parameter."""
    with fresh.connect(autocommit=True) as connection:
        learn = Learn(connection)
        with connection.transaction():
            scene = make_scene(learn)
        user, author = scene["user"], scene["author"]
        said, document = f"{MARKER} said", Jsonb({MARKER: MARKER})
        profile = dict.fromkeys(("username", "display_name", "bio"), said)
        learn.update_profile(
            user, {**profile, "email": f"{MARKER}@example.org", "preferences": {MARKER: MARKER}}
        )
        rule = (
            "insert into learn.notification_rules (activity_type, type, title, message)"
            " values (%s, 'all', %s, %s)"
        )
        for activity in ("discussion_posted", "reply_posted", "solution_accepted"):
            connection.execute(
                rule.encode(), [activity, "{name} {title} {slug} {author}", "{content} {username}"]
            )
        for _ in range(2):
            mine = learn.make_discussion(user, title=said, content=said, category=MARKER, tags=[MARKER])
            learn.make_reply(user, scene["discussion"], content=said)
            answer = learn.make_reply(author, mine)
            learn.vote(author, discussion=mine)
            learn.accept_solution(user, answer)
        calls = [
            ("award_xp", "p_amount => 5, p_description => %(said)s, p_idempotency_key => %(said)s"),
            ("revoke_achievement", "p_slug => %(earned)s, p_reason => %(said)s"),
            ("submit_query", "p_exercise_id => %(exercise)s, p_query_text => %(said)s,"
             " p_is_correct => false, p_error_message => %(said)s"),
            ("submit_level_attempt", "p_challenge_id => %(challenge)s, p_level_number => 1, p_score => 1,"
             " p_passed => false, p_design_snapshot => %(document)s, p_test_results => %(documents)s"),
            ("rate_course", "p_course_id => %(course)s, p_rating => 4, p_review => %(said)s"),
            ("link_wallet", "p_address => '0x52908400098527886E0F7030069857D2E4169EE7',"
             " p_nonce => %(marker)s"),
            ("advance_faucet_request", "p_request_id => %(faucet_request)s, p_status => 'failed',"
             " p_error => %(said)s"),
        ]  # fmt: skip
        for _ in range(2):
            calls += [
                ("start_session", "p_session_type => 'quiz', p_resource_id => %(said)s"),
                ("record_activity", "p_activity_type => %(activity)s, p_subject_type => %(said)s,"
                 " p_subject_id => %(said)s, p_properties => %(document)s"),
            ]  # fmt: skip
        words = {"said": said, "marker": MARKER, "document": document, "documents": Jsonb([{MARKER: MARKER}])}
        for name, arguments in calls:
            connection.execute(
                f"select * from learn.{name}(p_user_id => %(user)s, {arguments})".encode(), {**scene, **words}
            )
        connection.execute("select learn.refresh_leaderboard(), learn.refresh_analytics()")
        connection.execute("insert into learn_internal.learner_roles values (%s, 'its_login')", [user])
        connection.execute("analyze")
        assert len(traces(connection)) > 10
        connection.execute("select learn.erase_user(%s, 'delete')", [user])
        assert traces(connection) == []


def test_no_text_of_learners_is_sampled(learn: Learn) -> None:
    """Statistics outlive an erased user: a new table, and each partition, is given to hide_texts()."""
    sampled = learn.tuples(
        "select distinct a.attname::text from pg_attribute a join pg_class c on c.oid = a.attrelid"
        " join pg_type y on y.oid = a.atttypid"
        " where c.relnamespace in ('learn'::regnamespace, 'learn_internal'::regnamespace)"
        " and c.relkind in ('r', 'p') and a.attnum > 0 and not a.attisdropped"
        " and a.attstattarget is distinct from 0"
        " and coalesce(nullif(y.typbasetype, 0), y.oid) in"
        "  ('text'::regtype, 'text[]'::regtype, 'name'::regtype, 'jsonb'::regtype, 'tsvector'::regtype)"
        " and (c.relname in ('users', 'outbox') or exists (select from pg_attribute u"
        "  where u.attrelid = c.oid and u.attname in ('user_id', 'author_id') and not u.attisdropped))"
    )
    vocabularies = (
        "activity_type assessment_type difficulty exam_type kind locale metric period role session_type"
        " skill_level source_type status timezone topic tx_type type vote_type"
    )
    assert {name for (name,) in sampled} == {*vocabularies.split()}


@pytest.mark.no_integrity
def test_a_message_that_a_worker_is_claiming_is_forgotten_too(fresh: FreshDatabase) -> None:
    with session(fresh) as worker, session(fresh) as erasing, client(fresh) as learn:
        user = learn.make_user()
        payload = Jsonb({"user_id": str(user)})
        learn.run(
            "insert into learn.outbox (topic, payload, error) values ('mail', %s, 'to ada@example.org')",
            [payload],
        )
        claimed = worker.step(lambda learn: learn.value("select id from learn.claim_outbox(1)")).result(30)
        assert claimed.sqlstate is None
        erased = erasing.step(lambda learn: learn.value("select learn.erase_user(%s)", [user]))
        assert not erased.done()
        assert worker.commit() is None
        assert (erased.result(30).sqlstate, erasing.commit()) == (None, None)
        assert learn.value("select error from learn.outbox where topic = 'mail'") is None


@pytest.fixture
def asker(learn: Learn) -> UUID:
    return learn.make_user("asker")


@pytest.fixture
def helper(learn: Learn) -> UUID:
    return learn.make_user("helper")


def test_posts_stay_without_a_name(learn: Learn, asker: UUID, helper: UUID) -> None:
    mine, theirs = learn.make_discussion(asker), learn.make_discussion(helper, content="quokka")
    solution = learn.make_reply(helper, mine)
    learn.accept_solution(asker, solution)
    answer = learn.make_reply(asker, theirs)
    learn.vote(asker, reply=solution)
    learn.vote(helper, discussion=mine)
    with learn.role("learn_app"):
        learn.value("select learn.erase_user(%s)", [helper])
    assert learn.tuples(
        "select author_id, is_solution, upvote_count from learn.replies where id = %s", [solution]
    ) == [(None, True, 1)]
    assert learn.value("select upvote_count from learn.discussions where id = %s", [mine]) == 0
    assert learn.tuples("select discussion_id, author from learn.search_discussions('quokka')") == [
        (theirs, None)
    ]
    # a thread of nobody goes on
    moderator = learn.make_user()
    learn.run("update learn.users set role = 'moderator' where id = %s", [moderator])
    with learn.refuses("LX010"):
        learn.accept_solution(asker, answer)
    learn.accept_solution(moderator, answer)
    assert learn.metric(asker, "solutions_accepted") == 1
    learn.vote(asker, discussion=theirs)
    learn.make_reply(asker, theirs, answer)
    with learn.refuses("LX010"):
        learn.edit_reply(asker, solution, "mine now")
    learn.edit_reply(moderator, solution, "mended")
    learn.rebuild_user(asker)
    with learn.refuses("LX010"):
        learn.run("update learn.replies set author_id = %s where id = %s", [asker, solution])


def test_posts_go_with_all_replies_where_asked(learn: Learn, asker: UUID, helper: UUID) -> None:
    mine, theirs = learn.make_discussion(asker), learn.make_discussion(helper)
    learn.make_reply(asker, theirs)
    learn.make_reply(helper, mine)
    kept = learn.make_reply(asker, mine)
    learn.value("select learn.erase_user(%s, 'delete')", [helper])
    assert learn.tuples("select id from learn.discussions") == [(mine,)]
    assert learn.tuples("select id from learn.replies") == [(kept,)]
    assert learn.value("select reply_count from learn.discussions") == 1


def test_who_asks_for_something_else_is_refused(learn: Learn, asker: UUID) -> None:
    for user, posts, error in ((asker, "burn", "LX001"), (asker, None, "LX001"), (uuid4(), "keep", "LX002"),
                               (None, "keep", "LX002")):  # fmt: skip
        with learn.refuses(error):
            learn.value("select learn.erase_user(%s, %s)", [user, posts])


def test_an_erased_learner_is_gone_for_good(learn: Learn, asker: UUID) -> None:
    learn.value("select learn.erase_user(%s)", [asker])
    with learn.refuses("LX002"):
        learn.value("select learn.erase_user(%s)", [asker])
    assert learn.tuples("select action, object_key from learn.audit_trail(%s)", [asker]) == [
        ("erase_user", {"posts": "keep"})
    ]
    assert learn.make_user("asker") != asker
