"""One good call for each public function, and the scene in which it succeeds.

For tests that hold for every call: what it costs, whom it obeys, what a session's settings do to it. A
function of the schema learn that is not here fails tests/conventions.

    scene = make_scene(Learn(connection))           # as the owner; roll back or commit, as you like
    for name in callable_by(connection, "learn_app"):
        with connection.transaction(force_rollback=True):
            connection.execute(statement(name), scene)
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from tests.client import Learn

Scene = Mapping[str, Any]

_TAIL = "p_occurred_at => %(now)s, p_idempotency_key => 'one good call'"
_USER = "p_user_id => %(user)s"

# By function: its arguments. Names in %()s are those of the scene.
CALLS = {
    "accept_solution": f"p_user_id => %(author)s, p_reply_id => %(reply)s, {_TAIL}",
    "achievement_credential": f"{_USER}, p_slug => %(earned)s",
    "achievement_minted": f"{_USER}, p_slug => %(earned)s, p_token_id => '0.0.78', p_serial_number => 1",
    "achievement_progress": _USER,
    "advance_faucet_request": f"{_USER}, p_request_id => %(faucet_request)s, p_status => 'submitted'",
    "advance_transaction": "p_tx_id => %(transaction)s, p_status => 'confirmed',"
    " p_consensus_timestamp => %(now)s",
    "allocate_skill_points": f"{_USER}, p_skill_id => %(skill)s, p_points => 120, {_TAIL}",
    "archive_before": "p_month => %(month)s",
    "attach_archive": "p_from => '2034-01-01'",
    "audit_trail": _USER,
    "avatar_collection": _USER,
    "award_xp": f"{_USER}, p_amount => 250, p_source_type => 'manual', p_source_id => 'prize', {_TAIL}",
    "backfill_achievement": "p_slug => %(deserved)s",
    "calculate_level_from_xp": "p_xp => 4711",
    "calculate_user_streak": _USER,
    "certificate_credential": "p_code => %(code)s",
    "certificate_minted": "p_certificate_number => %(certificate)s, p_token_id => '0.0.77',"
    " p_serial_number => 1",
    "certificates": _USER,
    "challenge_status": _USER,
    "check_achievements": _USER,
    "check_and_unlock_challenges": _USER,
    "check_integrity": _USER,
    "check_slice": "p_share => 0.5",
    "choose_difficulty": f"{_USER}, p_course_id => %(course)s, p_difficulty => %(tier)s, {_TAIL}",
    "claim_outbox": "p_limit => 10, p_worker => 'me'",
    "clock": "",
    "close_abandoned_sessions": "",
    "close_period": "p_period => 'day'",
    "complete_lesson": f"{_USER}, p_lesson_id => %(lesson)s, p_score => 87.5, p_time_spent_seconds => 30,"
    f" {_TAIL}",
    "complete_outbox": "p_ids => %(messages)s",
    "current_learner": "",
    "delete_discussion": "p_user_id => %(author)s, p_discussion_id => %(discussion)s",
    "delete_reply": f"{_USER}, p_reply_id => %(reply)s",
    "edit_discussion": "p_user_id => %(author)s, p_discussion_id => %(discussion)s,"
    " p_title => 'How do I deploy it?', p_tags => '{hedera,gas}'",
    "edit_reply": f"{_USER}, p_reply_id => %(reply)s, p_content => 'Try once more.'",
    "end_session": f"{_USER}, p_session_id => %(session)s",
    "enroll_in_course": f"{_USER}, p_course_id => %(new_course)s, {_TAIL}",
    "ensure_partitions": "p_until => %(until)s",
    "exercise_hints": f"{_USER}, p_exercise_id => %(practised)s",
    "exercise_solution": f"{_USER}, p_exercise_id => %(practised)s",
    "erase_user": f"{_USER}, p_posts => 'delete'",
    "export_user": _USER,
    "explain_xp": f"{_USER}, p_from => '2000-01-01', p_to => '2100-01-01'",
    "fail_outbox": "p_ids => %(messages)s, p_error => 'no network'",
    "get_password_hash": _USER,
    "grant_achievement": f"{_USER}, p_slug => %(secret)s, {_TAIL}",
    "grant_streak_freezes": f"{_USER}, p_count => 1, {_TAIL}",
    "import_old_progress": "",
    "import_questions": "p_questions => %(questions)s",
    "leaderboard": "p_period => 'week', p_among => array[%(user)s, %(author)s]",
    "leaderboard_around": f"{_USER}, p_period => 'month', p_metric => 'xp', p_span => 2",
    "link_wallet": f"{_USER}, p_address => '0x52908400098527886E0F7030069857D2E4169EE7',"
    f" p_nonce => 'n1', {_TAIL}",
    "localized": """p_translations => '{"fil": {"title": "Aralin"}}', p_locale => 'fil-PH',"""
    " p_field => 'title', p_base => 'Lesson'",
    "lock_users": "p_user_ids => array[%(user)s, %(author)s]",
    "mark_read": _USER,
    "merge_users": "p_from => %(author)s, p_into => %(user)s",
    "pin_discussion": "p_user_id => %(moderator)s, p_discussion_id => %(discussion)s",
    "post_discussion": f"{_USER}, p_title => 'Gas?', p_content => 'What does it cost?',"
    f" p_tags => '{{gas}}', {_TAIL}",
    "post_reply": f"{_USER}, p_discussion_id => %(discussion)s, p_content => 'Use a faucet.',"
    f" p_parent_reply_id => %(reply)s, {_TAIL}",
    "publish_content": "p_table => 'courses', p_content => %(draft)s",
    "purge_notifications": "p_before => %(later)s",
    "purge_outbox": "p_before => %(later)s",
    "rank_percentile": _USER,
    "rate_course": f"{_USER}, p_course_id => %(course)s, p_rating => 4, p_review => 'Good.', {_TAIL}",
    "rebuild_all": "",
    "rebuild_user": _USER,
    "recommend_challenges": _USER,
    "record_activities": "p_batch => %(batch)s",
    "record_activity": f"{_USER}, p_activity_type => %(activity)s, p_subject_type => 'page',"
    f""" p_subject_id => '12', p_properties => '{{"minutes": 2.5}}', {_TAIL}""",
    "record_login": f"{_USER}, {_TAIL}",
    "record_transaction": f"{_USER}, p_tx_id => '0.0.5@1700000000.000000002', p_tx_type => 'reward',"
    " p_amount_hbar => 1.5",
    "refresh_analytics": "",
    "refresh_leaderboard": "",
    "regrade_question": "p_question_id => %(question)s",
    "register_user": "p_username => 'grace', p_email => 'grace@example.org', p_timezone => 'Asia/Manila'",
    "request_achievement_nft": f"{_USER}, p_slug => %(earned)s, {_TAIL}",
    "request_faucet": "p_user_id => %(author)s, p_account => '0.0.4242', p_amount => 5,"
    f" p_ip => '192.0.2.7', {_TAIL}",
    "reset_progress": f"{_USER}, p_kind => 'course', p_id => %(course)s, {_TAIL}",
    "retry_outbox": "p_ids => %(dead_messages)s",
    "reverse_xp": f"{_USER}, p_transaction_id => %(payment)s, p_reason => 'paid by mistake', {_TAIL}",
    "review_content": "p_table => 'courses', p_content => %(draft)s, p_step => 'submit', p_note => 'Done.'",
    "revoke_achievement": f"{_USER}, p_slug => %(earned)s, p_reason => 'cheated', {_TAIL}",
    "revoke_certificate": "p_certificate_number => %(certificate)s, p_reason => 'cheated'",
    "save_content": "p_table => 'courses', p_content => %(content)s",
    "schedule_daily_challenges": "p_days => 3",
    "search_discussions": "p_query => 'contract -nothing', p_tags => '{hedera}'",
    "select_avatar": f"{_USER}, p_avatar_id => %(avatar)s, {_TAIL}",
    "set_password_hash": f"{_USER}, p_password_hash => '$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA'",
    "skill_tree": _USER,
    "start_lesson": f"{_USER}, p_lesson_id => %(lesson)s, {_TAIL}",
    "start_quiz": f"{_USER}, p_exam_type => %(exam)s, p_questions => 5",
    "start_session": f"{_USER}, p_session_type => 'quiz', p_resource_id => '7'",
    "streak_lengths": "",
    "submit_assessment": f"{_USER}, p_assessment_type => 'initial', p_questions => %(asked)s,"
    f" p_responses => %(said)s, {_TAIL}",
    "submit_daily_challenge": f"{_USER}, p_score => 91.25, p_passed => true, {_TAIL}",
    "submit_level_attempt": f"{_USER}, p_challenge_id => %(challenge)s, p_level_number => 1, p_score => 80.5,"
    f" p_passed => true, p_time_spent_seconds => 600, {_TAIL}",
    "submit_query": f"{_USER}, p_exercise_id => %(exercise)s, p_query_text => %(query)s,"
    f" p_is_correct => true, p_duration_ms => 12, {_TAIL}",
    "submit_quiz": f"{_USER}, p_exam_type => %(exam)s, p_answers => %(answers)s,"
    f" p_time_taken_seconds => 300, {_TAIL}",
    "unaccept_solution": f"p_user_id => %(author)s, p_reply_id => %(solution)s, {_TAIL}",
    "unenroll": f"{_USER}, p_course_id => %(course)s, {_TAIL}",
    "unlink_content": "p_table => 'track_lessons', p_content => %(link)s",
    "unread_count": _USER,
    "unpublish_content": "p_table => 'courses', p_content => %(draft)s",
    "update_profile": f"{_USER}, p_profile => %(profile)s, {_TAIL}",
    "use_hint": f"{_USER}, p_challenge_id => %(challenge)s, p_level_number => 1, p_hint_number => 1, {_TAIL}",
    "user_rank": _USER,
    "verify_certificate": "p_code => %(code)s",
    "verify_email": f"{_USER}, p_email => 'ada@example.org', {_TAIL}",
    "view_discussion": "p_discussion_id => %(discussion)s",
    "vote": f"p_user_id => %(moderator)s, p_vote_type => 'upvote', p_reply_id => %(reply)s, {_TAIL}",
    "wait_for_lsn": "p_lsn => '0/1', p_timeout => '1 second'",
    "why": f"{_USER}, p_slug => %(earned)s",
    "xp_for_level": "p_level => 7",
}

_SETTINGS = {
    "issuer_name": "Laurel",
    "issuer_url": "https://learn.example.org",
    "credential_url": "https://learn.example.org/credentials/",
    "notification_webhooks": True,
    "notify_events": True,
    "nft_minting_enabled": True,
}


def statement(name: str) -> bytes:
    """The call, to be executed with the scene as its arguments."""
    return f"select * from learn.{name}({CALLS[name]})".encode()


def learners_statement(name: str) -> bytes:
    """The call as a learner's own session makes it: without what only backends say."""
    said = re.sub(r", p_(occurred_at => %\(now\)s|score => [\d.]+)", "", CALLS[name])
    return f"select * from learn.{name}({said})".replace("%(activity)s", "%(free_activity)s").encode()


def actor(name: str, scene: Scene) -> UUID | None:
    """The user for whom the call is made; None: it takes none."""
    found = re.match(r"p_user_id => %\((\w+)\)s", CALLS[name])
    return scene[found[1]] if found else None


def callable_by(connection: psycopg.Connection[Any], role: str) -> list[str]:
    """The functions of the schema learn that a role may call, in order."""
    found = connection.execute(
        "select p.proname from pg_proc p where p.pronamespace = 'learn'::regnamespace and p.prokind <> 'p'"
        " and has_function_privilege(%s, p.oid, 'execute') order by 1",
        [role],
    )
    return [name for (name,) in found]


def readable_by(connection: psycopg.Connection[Any], role: str, kinds: str = "v") -> list[str]:
    """The relations of the schema learn (views: v; tables: rp) that a role may read as a whole, in order."""
    found = connection.execute(
        "select c.oid::regclass::text from pg_class c where c.relnamespace = 'learn'::regnamespace"
        " and c.relkind = any (%s) and has_table_privilege(%s, c.oid, 'select') order by 1",
        [list(kinds), role],
    )
    return [name for (name,) in found]


def make_scene(learn: Learn) -> Scene:
    """A learner with a past, others around, and content of every kind; everything has a name of its own."""
    now = learn.clock()
    yesterday = now - timedelta(days=1)
    user, author, moderator = (learn.make_user(f"{name}-of-the-scene") for name in ("ada", "bob", "mod"))
    learn.update_profile(user, {"email": "ada@example.org"})
    learn.run("update learn.users set role = 'moderator' where id = %s", [moderator])
    for setting, value in _SETTINGS.items():
        learn.set_setting(setting, value)
    learn.set_password_hash(user, "$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA")

    activity = learn.make_activity_type(qualifying=True, xp=3)
    metric = learn.make_metric(activity)
    earned = learn.make_achievement({"metric": metric, "at_least": 1}, xp_reward=5)
    for each in (user, author):
        learn.record_activity(each, activity, at=yesterday)
    deserved = learn.make_achievement({"metric": metric, "at_least": 1}, xp_reward=7)
    learn.award_xp(user, 5000)

    course = learn.make_course()
    for tier in ("easy", "hard"):
        learn.make_lesson(0, course=course, difficulty=tier)
    learn.enroll_in_course(user, course)
    for lesson in learn.lessons_of(course):
        learn.complete_lesson(user, lesson, 100, 60)
    ((certificate, code),) = learn.tuples(
        "select certificate_number, verify_code from learn.certificates(%s)", [user]
    )
    exercises = learn.make_lesson(2)
    track = learn.make_track(exercises, difficulty="beginner")
    learn.make_path(track)
    learn.submit_query(user, exercises.exercises[0], False, "syntax error")
    practised = learn.make_lesson(1).exercises[0]
    learn.run(
        "update learn.exercises set solution = 'select 1', hints = %s where id = %s",
        [Jsonb(["One."]), practised],
    )
    learn.submit_query(user, practised)

    exam = learn.make_exam(questions=6)
    challenge = learn.make_challenge((10, 20, 30), hints=[5])
    learn.need_challenge(learn.make_challenge((10,)), challenge)
    for _ in range(3):
        learn.make_challenge((10,))
    learn.make_daily(challenge, now.astimezone(timezone.utc).date())
    learn.run(
        "insert into learn.old_progress_table (user_id, problem_id, completed_levels, total_xp)"
        " select %s, slug, '{1}', 20 from learn.challenges where id = %s",
        [author, challenge.id],
    )

    discussion = learn.make_discussion(author, content="My contract is too dear.", tags=["hedera"])
    reply = learn.make_reply(user, discussion)
    solved = learn.make_discussion(author)
    solution = learn.make_reply(user, solved)
    learn.accept_solution(author, solution)
    learn.vote(author, reply=reply)

    learn.run("select set_config('learn.user_id', %s, true)", [str(user)])
    learn.start_session(author, "lesson", at=yesterday)
    learn.record_transaction(user, "0.0.5@1700000000.000000001", "reward")
    learn.advance_transaction("0.0.5@1700000000.000000001", "submitted")
    learn.request_faucet(user, "0.0.1234", 10, "192.0.2.1")
    learn.finish()
    done, dead, *messages = [message.id for message in learn.claim_outbox(4)]
    learn.complete_outbox([done])
    learn.run(
        "update learn.outbox set claimed_at = null, claimed_by = null, failed_at = %s where id = %s",
        [now, dead],
    )
    return {
        "now": now,
        "later": now + timedelta(seconds=1),
        "month": (now - timedelta(days=4)).date(),
        "until": (now + timedelta(days=70)).date(),
        "user": user,
        "author": author,
        "moderator": moderator,
        "activity": activity,
        "free_activity": learn.make_activity_type(qualifying=True),
        "earned": earned,
        "deserved": deserved,
        "secret": learn.make_achievement({"metric": metric, "at_least": 1000}, hidden=True),
        "payment": learn.transactions(user)[-1],
        "course": course.id,
        "tier": "hard",
        "draft": Jsonb({"id": course.id}),
        "content": Jsonb({"slug": "a-draft", "title": "A draft"}),
        "link": Jsonb({"track_id": track.id, "lesson_id": exercises.id}),
        "practised": practised,
        "profile": Jsonb({"bio": "I like joins.", "timezone": "Asia/Manila", "onboarding_completed": True}),
        "new_course": learn.make_course(1).id,
        "lesson": learn.make_lesson(0).id,
        "exercise": exercises.exercises[1],
        "query": r"select 'a\b'",
        "certificate": certificate,
        "code": code,
        "exam": exam,
        "answers": Jsonb(learn.answers(exam, 5)),
        "question": _corrected(learn, user),
        "questions": Jsonb([_question(exam, number) for number in (1, 2)]),
        "challenge": challenge.id,
        "skill": learn.make_skill(),
        "avatar": learn.make_avatar(default=True),
        "discussion": discussion,
        "reply": reply,
        "solution": solution,
        "session": learn.start_session(user, "lesson", at=now - timedelta(minutes=5)).id,
        "transaction": "0.0.5@1700000000.000000001",
        "faucet_request": learn.value("select id from learn.faucet_requests where user_id = %s", [user]),
        "messages": messages,
        "dead_messages": [dead],
        "batch": Jsonb([_fact(each, activity, now) for each in (user, author)]),
        "asked": Jsonb([{"id": "q1", "category": "caching", "correct_answer": "B"}]),
        "said": Jsonb([{"id": "q1", "answer": "B"}]),
    }


def _corrected(learn: Learn, user: UUID) -> int:
    """A question that was answered by a key that is another now."""
    exam = learn.make_exam(questions=5)
    learn.submit_quiz(user, exam, learn.answers(exam, 4))
    question: int = learn.questions(exam)[0]
    learn.run("update learn.questions set correct_answer = 'B' where id = %s", [question])
    return question


def _question(exam: str, number: int) -> dict[str, Any]:
    return {
        "exam_type": exam,
        "external_id": f"q-{number}",
        "domain": "1.1",
        "question_text": "Which one?",
        "correct_answer": "A",
        "options": {letter: {"text": f"option {letter}"} for letter in "ABCD"},
    }


def _fact(user: UUID, activity: str, at: datetime) -> dict[str, Any]:
    return {
        "user_id": str(user),
        "activity_type": activity,
        "subject_type": "page",
        "subject_id": "13",
        "properties": {"minutes": 1.5},
        "occurred_at": at.isoformat(),
        "idempotency_key": "a fact",
    }
