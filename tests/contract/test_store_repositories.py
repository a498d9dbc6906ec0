"""Where the App is installed: what was heard is written over, what was handled is kept."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hubsamples import INSTALLATION, NOW, REPOSITORY, SHA, pull, repository

from scheduler.store import InstallationRow, Store

OTHER = SHA[::-1]
MINUTE = timedelta(minutes=1)


def test_an_installation_keeps_its_limit_when_it_is_heard_of_again(store: Store) -> None:
    row = InstallationRow(INSTALLATION, "acme")
    store.put_installation(row)
    store.limit_installation(INSTALLATION, NOW)
    store.put_installation(replace(row, state="suspended"))
    kept = InstallationRow(INSTALLATION, "acme", "suspended", NOW)
    assert store.installation(INSTALLATION) == kept
    assert store.installations() == [kept]
    store.limit_installation(INSTALLATION, None)
    assert store.installation(INSTALLATION) == replace(kept, limited_until=None)
    assert store.installation(8) is None


def test_an_installation_that_is_not_known_can_be_limited(store: Store) -> None:
    store.limit_installation(8, NOW)
    assert store.installation(8) == InstallationRow(8, "", "active", NOW)


def test_a_repository_keeps_what_was_handled_when_it_is_heard_of_again(store: Store) -> None:
    store.put_repository(repository())
    store.handled_branch(REPOSITORY, SHA, NOW)
    renamed = repository(full_name="acme/numbers", installation=8, default_branch="trunk", state="archived")
    store.put_repository(renamed)
    assert store.repository(REPOSITORY) == replace(renamed, handled_sha=SHA, handled_at=NOW)
    assert store.set_repository(REPOSITORY, state="removed", handled_sha=None)
    assert store.repository(REPOSITORY) == replace(renamed, state="removed", handled_at=NOW)
    assert not store.set_repository(1, state="removed")
    assert store.repository(1) is None


@pytest.mark.parametrize("number", [2**31, 2**53])
def test_numbers_may_be_large(store: Store, number: int) -> None:
    store.put_repository(repository(number))
    assert [row.id for row in store.repositories()] == [number]


def test_a_repository_is_found_by_its_name_in_any_case_and_a_removed_one_last(store: Store) -> None:
    store.put_repository(repository(1))
    store.put_repository(repository(2, state="removed"))
    found = store.repository_named("Acme/Analytics")
    assert found is not None
    assert found.id == 1
    store.set_repository(1, state="removed")
    store.put_repository(repository(3, installation=8))
    found = store.repository_named("acme/analytics")
    assert found is not None
    assert found.id == 3
    assert store.repository_named("acme/other") is None
    assert [row.id for row in store.repositories(INSTALLATION)] == [1, 2]
    assert [row.id for row in store.repositories()] == [1, 2, 3]


def test_a_pull_request_keeps_what_was_handled_when_it_is_heard_of_again(store: Store) -> None:
    store.put_pull(pull(5))
    store.put_pull(pull(4, state="closed"))
    store.handled_pull(REPOSITORY, 5, SHA, NOW)
    store.put_pull(pull(5, head=OTHER))
    kept = pull(5, head=OTHER, handled_head=SHA, handled_at=NOW)
    assert store.pull(REPOSITORY, 5) == kept
    assert store.pull(REPOSITORY, 6) is None
    assert store.pulls(REPOSITORY) == [pull(4, state="closed"), kept]
    assert store.pulls(REPOSITORY, "open") == [kept]
    assert store.pulls(1) == []


def test_trust_is_bound_to_the_commit(store: Store) -> None:
    store.trust(REPOSITORY, 5, SHA, "ada", NOW)
    store.trust(REPOSITORY, 5, SHA, "bob", NOW + MINUTE)
    assert store.trusted(REPOSITORY, 5, SHA)
    assert not store.trusted(REPOSITORY, 5, OTHER)
    assert not store.trusted(REPOSITORY, 6, SHA)
    assert not store.trusted(1, 5, SHA)


def test_what_a_commit_does_is_known_until_it_was_told(store: Store) -> None:
    store.plan_sync(REPOSITORY, SHA, "adds hourly", NOW)
    store.plan_sync(REPOSITORY, SHA, "changes nothing", NOW)
    assert store.sync_planned(REPOSITORY, SHA) == "changes nothing", "it was never merged"
    assert store.untold_syncs(REPOSITORY) == []
    store.sync_merged(REPOSITORY, SHA, "adds daily", NOW)
    store.plan_sync(REPOSITORY, SHA, "changes nothing", NOW)
    assert store.sync_planned(REPOSITORY, SHA) == "adds daily"
    store.plan_sync(REPOSITORY, "a plan", "that was given up", NOW + MINUTE)
    store.plan_sync(REPOSITORY, OTHER, "adds weekly", NOW + MINUTE)
    assert store.sync_planned(REPOSITORY, "a plan") is None
    store.sync_merged(REPOSITORY, OTHER, "adds weekly", NOW)
    assert store.untold_syncs(REPOSITORY) == [(SHA, "adds daily"), (OTHER, "adds weekly")]
    assert store.untold_syncs(1) == []
    store.sync_told(REPOSITORY, SHA)
    assert store.untold_syncs(REPOSITORY) == [(OTHER, "adds weekly")]
    assert store.sync_planned(REPOSITORY, SHA) is None
