"""What following keeps: whom, the inbox and its bounds, and what a push leaves in one transaction."""

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from aggregator.errors import StoreError
from aggregator.model import (
    Confirmed,
    Denied,
    Following,
    FollowingState,
    Left,
    Naming,
    Pushes,
    Source,
    SourceState,
    Update,
)
from aggregator.store import Store, open_store
from aggregator.store import following as following_module
from tests.values import NOW, SOURCE, sources

OTHER = "https://second.example/feed"
NAMING = Naming("https://hub.example/", SOURCE, is_own=True)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def named(store: Store, naming: Naming = NAMING, url: str = SOURCE) -> None:
    """A poll finds that a document names a hub."""
    store.keep([replace(store.state(url), pushes=Pushes(naming, naming))])


def follow(
    store: Store, url: str = SOURCE, token: str = "token", naming: Naming = NAMING, at: timedelta = HOUR * 0
) -> Following:
    following = Following(
        0, url, naming.hub, naming.topic, token, "secret", FollowingState.ASKED, None, NOW, 0, None, ""
    )
    store.follow([following], NOW + at)
    found = store.following_of(token)
    assert found
    return found


@pytest.fixture
def followed(store: Store) -> Following:
    named(store)
    return follow(store)


def confirm(store: Store, following: Following, lease: timedelta = DAY) -> None:
    store.note_verdict(following.id, Confirmed(NOW + lease, NOW + lease / 2))


# ── whom


def test_who_names_a_hub_and_is_polled_is_to_be_followed_until_it_is(store: Store) -> None:
    store.sync_sources(sources(SOURCE, OTHER, "https://third.example/feed"), NOW)
    named(store)
    named(store, url=OTHER)
    assert store.unfollowed(9) == ((SOURCE, NAMING), (OTHER, NAMING))
    assert len(store.unfollowed(1)) == 1
    follow(store)
    assert [url for url, _ in store.unfollowed(9)] == [OTHER]
    store.sync_sources([Source(SOURCE), Source(OTHER, paused=True)], NOW)
    assert store.unfollowed(9) == ()
    named(store, replace(NAMING, topic="https://outlet.example/new"))
    assert len(store.unfollowed(9)) == 1


def test_who_was_polled_before_hubs_were_known_names_none(tmp_path: Path, store: Store) -> None:
    with closing(sqlite3.connect(tmp_path / "tributary.db")) as db:
        db.execute("UPDATE sources SET state = json_remove(state, '$.pushes')")
        db.commit()
    assert store.unfollowed(9) == () and store.state(SOURCE).pushes == Pushes()
    store.tend_followings(NOW)
    assert store.distrust(NOW, lambda _, state: state) == 0


def test_what_is_due_is_asked_in_order_and_not_again_too_soon(store: Store, followed: Following) -> None:
    assert store.followings_due(NOW - HOUR, 9) == ()
    assert store.followings_due(NOW, 9) == (followed,)
    store.note_asked(followed.id, NOW + HOUR)
    store.note_unheard(followed.id, "timeout")
    assert store.followings_due(NOW, 9) == ()
    (due,) = store.followings_due(NOW + HOUR, 9)
    assert (due.tries, due.error, due.state) == (1, "timeout", FollowingState.ASKED)


def test_a_confirmation_begins_a_lease_and_forgets_what_went_wrong(store: Store, followed: Following) -> None:
    store.note_asked(followed.id, NOW + HOUR)
    store.note_unheard(followed.id, "timeout")
    confirm(store, followed)
    (found,) = store.followings()
    assert (found.state, found.lease_until, found.due_at) == (FollowingState.CONFIRMED, NOW + DAY, NOW + DAY / 2)
    assert (found.tries, found.error) == (0, "")
    assert store.leases(NOW) == {SOURCE: NOW + DAY} and store.leases(NOW + DAY) == {}
    store.tend_followings(NOW + DAY)
    assert store.followings()[0].state is FollowingState.ASKED


def test_a_denial_ends_a_lease(store: Store, followed: Following) -> None:
    confirm(store, followed)
    store.note_verdict(followed.id, Denied(NOW + HOUR, "no"))
    (found,) = store.followings()
    assert (found.state, found.due_at, found.error) == (FollowingState.DENIED, NOW + HOUR, "no")
    assert store.leases(NOW) == {}


def test_trust_ends_with_the_lease_and_not_before(store: Store, followed: Following) -> None:
    confirm(store, followed)
    store.keep([replace(store.state(SOURCE), pushes=Pushes(NAMING, NAMING, trusted_until=NOW + DAY))])

    def change(_: Source, state: SourceState) -> SourceState:
        return replace(state, pushes=replace(state.pushes, trusted_until=None), next_check_at=NOW)

    assert store.distrust(NOW, change) == 0
    assert store.distrust(NOW + DAY, change) == 1
    assert store.state(SOURCE).next_check_at == NOW and store.distrust(NOW + DAY, change) == 0


def test_one_that_was_never_asked_is_left_without_a_word(store: Store, followed: Following) -> None:
    store.sync_sources([], NOW)
    store.tend_followings(NOW)
    assert store.followings() == ()


def test_one_that_is_left_is_told_once_and_then_forgotten(store: Store, followed: Following) -> None:
    confirm(store, followed)
    store.sync_sources([Source(SOURCE, paused=True)], NOW)
    store.tend_followings(NOW)
    (left,) = store.followings_due(NOW, 9)
    assert (left.state, left.lease_until, left.tries) == (FollowingState.LEAVING, None, 0)
    confirm(store, followed)
    store.note_verdict(followed.id, Denied(NOW, "no"))
    assert store.followings() == (left,)
    store.note_asked(left.id, NOW + HOUR)
    assert store.followings_due(NOW + DAY, 9) == ()
    store.tend_followings(NOW + 2 * HOUR)
    assert len(store.followings()) == 1  # so that another one does not come too soon
    store.tend_followings(NOW + DAY)
    assert store.followings() == ()


def test_a_hub_that_asks_whether_it_is_left_is_told_no_more(store: Store, followed: Following) -> None:
    store.note_verdict(followed.id, Left())
    assert store.followings() == (followed,)  # it is not left
    confirm(store, followed)
    store.sync_sources([], NOW)
    store.tend_followings(NOW)
    store.note_verdict(followed.id, Left())
    assert store.followings_due(NOW, 9) == ()
    store.tend_followings(NOW + DAY)
    assert store.followings() == ()


def test_a_source_gets_another_hub_once_a_day(store: Store, followed: Following) -> None:
    store.note_asked(followed.id, NOW + HOUR)
    second = follow(store, token="second", naming=replace(NAMING, hub="https://b.example/"), at=HOUR)
    assert second.due_at == NOW + DAY
    third = follow(store, token="third", at=2 * HOUR)
    assert third.due_at == NOW + DAY  # the second was not asked yet
    assert [each.token for each in store.followings()] == ["token", "third"]
    store.note_asked(third.id, NOW + 2 * DAY)
    assert follow(store, token="fourth", at=5 * DAY).due_at == NOW + 5 * DAY


def test_a_source_that_is_unknown_is_passed_over(store: Store) -> None:
    following = Following(0, "https://x.example/", "h", "t", "token", "s", FollowingState.ASKED, None, NOW, 0, None, "")
    store.follow([following], NOW)
    assert store.followings() == () and store.following_of("token") is None


# ── the inbox


def test_what_is_pushed_is_taken_out_oldest_first_a_source_at_a_time(store: Store) -> None:
    store.sync_sources(sources(SOURCE, OTHER), NOW)
    first, second = follow(store), follow(store, OTHER, "other")
    for following, body in ((second, b"1"), (first, b"2"), (second, b"3")):
        assert store.put_notice(following.id, "text/xml", body, NOW)
    assert [url for _, url in store.waiting_notices(9)] == [OTHER, SOURCE] and len(store.waiting_notices(1)) == 1
    found = store.notice(store.waiting_notices(1)[0][0])
    assert found
    source, notice = found
    assert (source.url, notice.source, notice.url) == (OTHER, OTHER, SOURCE)
    assert (notice.body, notice.content_type, notice.received_at) == (b"1", "text/xml", NOW)
    assert "b'1'" not in repr(notice)
    assert store.followings()[0].pushed_at == NOW


def test_what_is_stored_and_taken_out_is_so_in_one_transaction(store: Store, followed: Following) -> None:
    store.put_notice(followed.id, "", b"x", NOW)
    ((number, _),) = store.waiting_notices(9)

    def fail(_: object) -> Update:
        raise StoreError("no")

    with pytest.raises(StoreError):
        store.settle(SOURCE, [], [], fail, number)
    assert store.waiting_notices(9)
    changed = replace(store.state(SOURCE), etag="new")
    store.settle(SOURCE, [], [], lambda _: Update(changed, (), NOW), number)
    assert store.waiting_notices(9) == () and store.state(SOURCE).etag == "new" and store.notice(number) is None


def test_the_newest_few_of_a_source_are_kept_and_say_that_others_had_to_go(store: Store, followed: Following) -> None:
    for number in range(5):
        assert store.put_notice(followed.id, "", bytes([number]), NOW)
    kept = []
    while waiting := store.waiting_notices(9):
        found = store.notice(waiting[0][0])
        assert found
        kept.append((found[1].body[0], found[1].is_after_loss))
        store.settle(SOURCE, [], [], lambda _: Update(store.state(SOURCE), (), NOW), waiting[0][0])
    assert kept == [(2, False), (3, True), (4, True)]


def test_an_inbox_that_is_full_takes_nothing_and_what_takes_the_place_of_another_takes_no_room(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following_module, "INBOX_BYTES", 10)
    store.sync_sources(sources(SOURCE, OTHER), NOW)
    first, second = follow(store), follow(store, OTHER, "other")
    for _ in range(3):
        assert store.put_notice(first.id, "", b"xxx", NOW)
    assert not store.put_notice(second.id, "", b"xx", NOW)
    assert store.put_notice(second.id, "", b"x", NOW)
    assert store.put_notice(first.id, "", b"yyy", NOW) and not store.put_notice(first.id, "", b"yyyy", NOW)


def test_what_is_left_or_no_longer_polled_has_nothing_in_the_inbox(store: Store, followed: Following) -> None:
    confirm(store, followed)
    store.put_notice(followed.id, "", b"x", NOW)
    ((number, _),) = store.waiting_notices(9)
    store.sync_sources([Source(SOURCE, paused=True)], NOW)
    assert store.waiting_notices(9) == () and store.notice(number) is None
    store.tend_followings(NOW)
    assert store.put_notice(followed.id, "", b"x", NOW)  # nobody wants it any more
    store.sync_sources([Source(SOURCE)], NOW)
    assert store.waiting_notices(9) == ()


@settings(max_examples=20)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 30), st.booleans()), max_size=25))
def test_whatever_comes_the_inbox_is_bounded_and_in_order(moves: list[tuple[int, int, bool]]) -> None:
    urls = [f"https://{number}.example/" for number in range(3)]
    with pytest.MonkeyPatch.context() as bent, closing(open_store(":memory:")) as store:
        bent.setattr(following_module, "INBOX_BYTES", 60)
        store.sync_sources(sources(*urls), NOW)
        followings = [follow(store, url, url) for url in urls]
        for which, size, takes in moves:
            waiting = store.waiting_notices(9)
            if takes and waiting:
                number, url = waiting[0]
                store.settle(url, [], [], lambda _, url=url: Update(store.state(url), (), NOW), number)
            else:
                store.put_notice(followings[which].id, "", b"x" * size, NOW)
            rows = store._db.execute("SELECT following_id, size, length(body) FROM notices").fetchall()  # type: ignore[attr-defined]
            assert sum(size for _, size, _ in rows) <= 60 and all(size == length for _, size, length in rows)
            assert all(sum(each == own.id for each, *_ in rows) <= 3 for own in followings)
            numbers = [number for number, _ in store.waiting_notices(9)]
            assert numbers == sorted(numbers)


def test_every_question_that_is_asked_again_and_again_is_served_by_an_index(tmp_path: Path, store: Store) -> None:
    with closing(sqlite3.connect(tmp_path / "tributary.db")) as db:
        for sql, values in (
            (following_module.NAMED, (9,)),
            (following_module.DUE, (0, 9)),
            (following_module.DISTRUSTED, (0,)),
            (f"{following_module.FROM} WHERE token = ?", ("x",)),
        ):
            plan = [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
            assert not any(step.startswith("SCAN sources") and "USING INDEX" not in step for step in plan), plan
            assert not any(step == "SCAN followings" for step in plan), plan
