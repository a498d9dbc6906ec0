"""What GitHub sends becomes an event, or None, or `Malformed`: nothing else, however it was made."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hooksamples import INSTALLATION, body, kind_of, names, payload
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot import deliveries, events
from bot.events import (
    Actor,
    CheckAsked,
    Comment,
    FailureDue,
    InstallationChanged,
    Malformed,
    Place,
    PullChanged,
    Push,
    Remake,
    ReplyDue,
    Repo,
    RepoChanged,
)

NOW = datetime(2026, 1, 5, 6, 0, tzinfo=UTC)
SHA = "1a2b3c4d5e" * 4
ZEROS = "0" * 40
REPO = Repo(42, "acme/analytics", "main")
EXPECTED = {
    "check_run created": None,
    "check_run completed": None,
    "check_run requested_action": CheckAsked,
    "check_run rerequested": CheckAsked,
    "check_suite rerequested": CheckAsked,
    "installation deleted": InstallationChanged,
    "installation created": InstallationChanged,
    "installation new_permissions_accepted": InstallationChanged,
    "installation suspend": InstallationChanged,
    "installation unsuspend": InstallationChanged,
    "installation_repositories added": InstallationChanged,
    "installation_repositories removed": InstallationChanged,
    "issue_comment created": Comment,
    "issue_comment deleted": None,
    "issue_comment edited": Comment,
    "ping": None,
    "pull_request opened": PullChanged,
    "pull_request closed": PullChanged,
    "pull_request converted_to_draft": PullChanged,
    "pull_request ready_for_review": PullChanged,
    "pull_request reopened": PullChanged,
    "pull_request synchronize": PullChanged,
    "pull_request_review dismissed": None,
    "pull_request_review_comment created": Comment,
    "pull_request_review_comment deleted": None,
    "pull_request_review_comment edited": Comment,
    "repository edited": RepoChanged,
    "repository renamed": RepoChanged,
    "repository transferred": RepoChanged,
}


def read(name: str, **changes: Any) -> Any:  # noqa: ANN401 - an event of the kind that is asked for
    return events.parse(kind_of(name), body(name, **changes))


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_each_published_example_is_read(name: str) -> None:
    changes = {"changes": {"default_branch": {"from": "old"}}} if name == "repository edited" else {}
    event = read(name, **changes)
    expected = EXPECTED[name]
    if expected is None:
        assert event is None
    else:
        assert isinstance(event, expected)
        assert event.installation == payload(name)["installation"]["id"]


def test_the_examples_cover_every_kind_that_is_read() -> None:
    assert {kind_of(name) for name in names()} == events.KNOWN


def test_a_push_to_a_branch() -> None:
    event = read("push", ref="refs/heads/feature/a", before=ZEROS, after=SHA)
    assert (event.branch, event.before, event.after) == ("feature/a", None, SHA)
    assert read("push", ref="refs/heads/main", before=SHA, after=ZEROS).after is None


@pytest.mark.parametrize("ref", ["refs/tags/v1", "refs/notes/x", "refs/heads/", "refs/pull/5/head", "main"])
def test_a_push_to_anything_else_is_nothing_to_us(ref: str) -> None:
    assert read("push", ref=ref) is None


def test_a_deleted_account_is_a_ghost_and_a_deleted_fork_has_no_id() -> None:
    event = read("pull_request synchronize", pull_request__user=None, pull_request__head__repo=None)
    assert (event.author, event.head_repo) == (Actor("ghost"), None)
    assert read("issue_comment created", comment__user=None).author == Actor("ghost")
    assert read("check_run rerequested", sender=None).author == Actor("ghost")


@pytest.mark.parametrize(
    ("user", "bot"),
    [
        ({"login": "ada", "type": "User"}, False),
        ({"login": "dependabot[bot]", "type": "Bot"}, True),
        ({"login": "other[bot]", "type": "User"}, True),
        ({"login": "acme", "type": "Organization"}, True),
        ({"login": "ada"}, False),
    ],
)
def test_who_is_a_bot(user: dict[str, str], bot: bool) -> None:  # noqa: FBT001 - a column of the table
    assert read("issue_comment created", comment__user=user).author == Actor(user["login"], bot)


def test_labels_and_the_like_are_nothing_to_us() -> None:
    for action in ("labeled", "assigned", "review_requested", "locked", "auto_merge_enabled", "a new one"):
        assert read("pull_request opened", action=action) is None
    assert read("repository renamed", action="publicized") is None
    assert read("repository edited", changes={"description": {"from": "x"}}) is None


def test_a_comment_on_an_issue_is_told_from_one_on_a_pull_request() -> None:
    on_issue = payload("issue_comment created")
    on_issue["issue"].pop("pull_request", None)
    event = events.parse("issue_comment", json.dumps(on_issue).encode())
    assert isinstance(event, Comment)
    assert (event.kind, event.on_pull, event.state) == ("issue", False, "open")
    assert read("issue_comment created", issue__pull_request={"url": "x"}, issue__state="closed").state == "closed"
    assert read("issue_comment created", issue__pull_request={"url": "x"}).on_pull


def test_a_review_counts_when_something_is_written_in_it() -> None:
    event = read("pull_request_review submitted", review__body="/meshbot accept")
    assert (event.kind, event.action, event.on_pull, event.place) == ("review", "created", True, None)
    for empty in (None, "", " \n"):
        assert read("pull_request_review submitted", review__body=empty) is None


def test_where_a_review_comment_stands() -> None:
    at = {"path": "meshbot.yaml", "commit_id": SHA, "original_commit_id": "b" * 40}
    fresh = at | {"line": 9, "start_line": 7, "original_line": 4, "original_start_line": None, "side": "RIGHT"}

    def place(**changes: object) -> Place | None:
        made = payload("pull_request_review_comment created")
        made["comment"] |= fresh | changes
        event = events.parse("pull_request_review_comment", json.dumps(made).encode())
        assert isinstance(event, Comment)
        return event.place

    assert place() == Place("meshbot.yaml", 9, 7, SHA, "b" * 40)  # GitHub has moved it on
    assert place(line=None, start_line=None) == Place("meshbot.yaml", 4, None, "b" * 40, "b" * 40)  # outdated
    assert place(side="LEFT") == Place("meshbot.yaml", None, None, SHA, "b" * 40)
    assert place(subject_type="file", original_commit_id=None) == Place("meshbot.yaml", None, None, SHA)


def test_a_reply_names_its_thread() -> None:
    assert read("pull_request_review_comment created", comment__in_reply_to_id=12).thread == 12
    assert read("issue_comment created").thread is None


def test_a_button_and_a_wish_to_run_again() -> None:
    event = read("check_run requested_action", requested_action={"identifier": "accept"})
    assert event.button == "accept"
    assert read("check_run rerequested").button == events.RERUN
    again = read("check_suite rerequested", check_suite__pull_requests=[{"number": 5}, {"number": 6}])
    assert (again.check_id, again.button, again.pulls) == (0, events.RERUN, (5, 6))


def test_an_old_name_is_known() -> None:
    event = read(
        "repository renamed", repository__full_name="acme/new", changes={"repository": {"name": {"from": "old"}}}
    )
    assert event.old_full_name == "acme/old"
    moved = {"owner": {"from": {"organization": {"login": "before"}}}}
    assert read("repository transferred", repository__full_name="acme/new", changes=moved).old_full_name == "before/new"


def test_an_enterprise_has_a_slug() -> None:
    account = {"slug": "acme-enterprise", "id": 1}
    assert read("installation created", installation={"id": 9, "account": account}).account == "acme-enterprise"
    assert read("installation created", installation={"id": 9, "account": None}).account == "ghost"


def test_what_does_not_come_from_an_app_says_so() -> None:
    with pytest.raises(Malformed, match="let the GitHub App send it"):
        read("push", ref="refs/heads/main", installation=None)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"repository__id": True}, "repository.id is no positive number"),
        ({"repository__id": 2**63}, "repository.id is no positive number"),
        ({"repository__id": -1}, "repository.id is no positive number"),
        ({"repository__full_name": "acme/../x"}, "repository.full_name is no OWNER/NAME"),
        ({"repository__full_name": "acme/.."}, "repository.full_name is no OWNER/NAME"),
        ({"repository__full_name": "evil.example/x?y"}, "repository.full_name is no OWNER/NAME"),
        ({"repository": []}, "repository is no object"),
        ({"after": "HEAD"}, "after is no commit"),
        ({"after": None}, "after is missing"),
        ({"ref": "refs/heads/a\nb"}, "ref is no name"),
        ({"ref": "refs/heads/\ud800"}, "ref is no name"),
        ({"ref": "refs/heads/\0"}, "ref is no name"),
        ({"ref": "refs/heads/" + "x" * 1020}, "ref is longer than 1024 bytes"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(Malformed) as raised:
        read("push", **{"ref": "refs/heads/main", **changes})
    assert str(raised.value) == f"reading a push delivery: {said}"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null",
        b"[]",
        b'{"a": NaN}',
        b'{"action": "created"} trailing',
        b'{"a": "\xff"}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"a": ' + b"9" * 5_000 + b"}",
        '{"action": "created"}'.encode("utf-16"),
        b"payload=%7B%7D",
    ],
    ids=range(11),
)
@pytest.mark.parametrize("kind", [*sorted(events.KNOWN - {"ping"}), events.OURS])
def test_bytes_that_are_no_payload_are_malformed(kind: str, content: bytes) -> None:
    with pytest.raises(Malformed):
        events.parse(kind, content)


def test_a_kind_that_nobody_knows_is_nothing_to_us() -> None:
    assert events.parse("star", b"anything") is None


@given(st.sampled_from([*sorted(events.KNOWN), events.OURS]), st.binary(max_size=200))
def test_any_bytes_at_all(kind: str, content: bytes) -> None:
    _judged(kind, content)


_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([0, 2**63, -1, 10**400, 1e308]),
    st.text(max_size=20),
    st.sampled_from(["\0", "\ud800", "\u202e", "-x", "--upload-pack=x", "../../x", "x" * 5000, "refs/heads/-", ZEROS]),
    st.sampled_from(["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-01-01", "2026-01-01T00:00:00"]),
)
_VALUES = st.one_of(
    _SCALARS, st.lists(_SCALARS, max_size=3), st.dictionaries(st.text(max_size=5), _SCALARS, max_size=3)
)


def _places(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in below:
        yield (*path, key)
        if len(path) < 3:
            yield from _places(part, (*path, key))


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.data())
def test_an_example_with_anything_changed_or_left_out(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(names()))
    made = copy.deepcopy(payload(name))
    for _ in range(data.draw(st.integers(1, 3))):
        *path, last = data.draw(st.sampled_from(sorted(_places(made), key=str)))
        part: Any = made
        for key in path:
            part = part[key]
        if data.draw(st.booleans()):
            part[last] = data.draw(_VALUES)
        else:
            del part[last]
    _judged(kind_of(name), json.dumps(made).encode())


def _judged(kind: str, content: bytes) -> None:
    """Whatever it is, it is read or refused; what is read can be kept by every database, and read again."""
    try:
        event = events.parse(kind, content)
    except Malformed as error:
        assert "\n" not in str(error)  # noqa: PT017 - there is nothing else to look at
        return
    if event is None:
        return
    for name in (
        events.inbox(event),
        events.subject(event) or "",
        event.repo.full_name if hasattr(event, "repo") else "",
    ):
        assert name.isprintable() or "\u202e" in name or not name.isascii()
        assert b"\0" not in name.encode()
        assert len(name.encode()) < 1200
    assert events.parse(events.OURS, events.stored(event).encode()) == event
    made = deliveries.received("x", kind, event, content.decode(), NOW)
    assert made.installation is not None
    assert 0 < made.installation < 2**63


WISHES = (
    Remake(7, REPO, 5, "accepted"),
    ReplyDue(7, REPO, 5, "f1", "running"),
    FailureDue(7, REPO, "analytics-hourly-20260105t0600"),
    Push(7, REPO, "main", None, SHA),
)


@pytest.mark.parametrize("event", WISHES, ids=lambda event: type(event).__name__)
def test_a_wish_is_stored_and_read_again(event: events.Event) -> None:
    made = deliveries.wished("wish:1", event, NOW)
    assert (made.kind, made.installation, made.repository) == ("meshbot", 7, 42)
    assert events.parse(made.kind, made.payload.encode()) == event


def test_the_id_of_a_wish_cannot_be_one_of_github() -> None:
    with pytest.raises(ValueError, match="has a colon"):
        deliveries.wished("72d3162e-cc78-11e3-81ab-4c9367dc0958", WISHES[0], NOW)


def test_what_must_not_overtake_shares_an_inbox() -> None:
    comment = read("issue_comment created", issue__number=5, repository__id=42)
    button = CheckAsked(7, REPO, 1, SHA, "accept", Actor("ada"), (5,))
    pull = read("pull_request synchronize", pull_request__number=5, repository__id=42)
    assert events.inbox(comment) == events.inbox(button) == events.inbox(WISHES[1]) == "repo:42:talk:5"
    assert events.inbox(pull) == events.inbox(WISHES[0]) == "repo:42:pull:5"
    assert events.inbox(WISHES[3]) == "repo:42:branch:main"
    assert events.inbox(CheckAsked(7, REPO, 0, SHA, "rerun", Actor("ada"))) == f"repo:42:talk:{SHA}"
    assert events.inbox(read("installation suspend", installation={"id": 9})) == "installation:9"
    assert (
        events.inbox(read("repository renamed"))
        == f"installation:{payload('repository renamed')['installation']['id']}"
    )


def test_the_same_comment_has_one_subject_and_each_edit_another() -> None:
    first = read("issue_comment created", comment__id=3)
    assert (
        events.subject(first)
        == events.subject(read("issue_comment created", comment__id=3))
        == "comment:issue:3:created"
    )
    edits = {
        events.subject(read("issue_comment edited", comment__id=3, comment__updated_at=f"2026-01-05T06:00:0{n}Z"))
        for n in (1, 2)
    }
    assert len(edits) == 2
    assert events.subject(first) not in edits
    assert events.subject(WISHES[0]) is None


def test_installations_name_their_repositories() -> None:
    event = read("installation_repositories removed")
    assert event.repos == ()
    assert [repo.default_branch for repo in event.removed] == [""]
    assert read("installation created").installation == payload("installation created")["installation"]["id"]
    assert INSTALLATION > 0
