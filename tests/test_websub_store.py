"""What the hub keeps: the limits on what it takes on, and what is owed to whom."""

import sqlite3
import threading
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from aggregator.errors import StoreError
from aggregator.model import Ended, Intent, Limit, Limits, Mode, Ping, Pushed, PushFailed, Subscription, Unchanged
from aggregator.store import Store, open_store
from tests.values import NOW, make_item, settle, sources

LIMITS = Limits(subscriptions=6, pending=5, per_minute=8, host_subscriptions=3, host_pending=2, host_per_minute=3)
LEASE = NOW + timedelta(days=10)


def intent(number: int = 1, host: str = "a.example", mode: Mode = Mode.SUBSCRIBE) -> Intent:
    callback = f"https://{host}/{number}"
    return Intent(mode, "economie", "economie.atom", "https://x.example/feeds/economie.atom", callback, host, "", 3600)


def ask(store: Store, *intents: Intent, minute: int = 0, trusted: bool = False) -> list[Limit | None]:
    return [store.ask(each, NOW + timedelta(minutes=minute), LIMITS, trusted=trusted) for each in intents]


def confirm(store: Store) -> None:
    for each in store.intents(99):
        store.confirm(each, LEASE)


def refuse(store: Store) -> None:
    for each in store.intents(99):
        store.refuse(each)


def subscribed(store: Store, number: int = 1) -> Subscription:
    store.confirm(intent(number), LEASE)
    return next(each for each in store.subscriptions() if each.callback.endswith(f"/{number}"))


@pytest.fixture
def open_log(store: Store) -> Store:
    store.open_log(NOW)
    return store


# ── floods


def test_so_many_requests_of_a_host_wait_and_no_more(store: Store) -> None:
    assert ask(store, intent(1), intent(2), intent(3)) == [None, None, Limit.PENDING]
    assert ask(store, intent(1, "b.example")) == [None]
    assert len(store.intents(99)) == 3 and len(store.intents(2)) == 2


def test_a_second_request_for_the_same_takes_the_place_of_the_first(store: Store) -> None:
    changed = replace(intent(1), mode=Mode.UNSUBSCRIBE)
    assert ask(store, intent(1), intent(2), changed) == [None] * 3
    assert [(each.callback[-1], each.mode) for each in store.intents(99)] == [("2", "subscribe"), ("1", "unsubscribe")]


def test_who_does_not_confirm_is_asked_so_many_times_a_minute_and_no_more(store: Store) -> None:
    for number in range(3):
        assert ask(store, intent(number)) == [None]
        refuse(store)
    assert ask(store, intent(4), intent(4, mode=Mode.UNSUBSCRIBE)) == [Limit.RATE] * 2
    assert ask(store, intent(4, "b.example")) == [None]
    assert ask(store, intent(4), minute=1) == [None]


def test_who_confirms_may_ask_as_often_as_it_likes(store: Store) -> None:
    for number in range(20):
        mode = Mode.SUBSCRIBE if number % 2 else Mode.UNSUBSCRIBE
        assert ask(store, intent(1, mode=mode)) == [None]
        confirm(store)


def test_a_host_has_so_many_subscriptions_and_may_renew_and_end_them(store: Store) -> None:
    for number in range(3):
        assert ask(store, intent(number)) == [None]
        confirm(store)
    assert ask(store, intent(9)) == [Limit.SUBSCRIPTIONS]
    assert ask(store, intent(1), intent(2, mode=Mode.UNSUBSCRIBE)) == [None, None]
    confirm(store)
    assert ask(store, intent(9)) == [None]


def test_what_waits_is_counted_as_a_subscription_that_may_come_of_it(store: Store) -> None:
    for number in range(2):
        ask(store, intent(number))
        confirm(store)
    assert ask(store, intent(3), intent(4)) == [None, Limit.SUBSCRIPTIONS]


def test_there_are_limits_in_all_for_trusted_hosts_too(store: Store) -> None:
    hosts = [f"{letter}.example" for letter in "abcdefghij"]
    asked = [intent(1, host) for host in hosts]
    assert ask(store, *asked[:6], trusted=True) == [None] * 5 + [Limit.PENDING]
    confirm(store)
    assert ask(store, asked[5], asked[6], trusted=True) == [None, Limit.SUBSCRIPTIONS]
    confirm(store)
    assert ask(store, asked[7], trusted=True) == [Limit.SUBSCRIPTIONS]
    for number in range(8):
        asked_off = intent(number, mode=Mode.UNSUBSCRIBE)
        assert ask(store, asked_off, trusted=True) == [None]
        refuse(store)
    assert ask(store, intent(8, mode=Mode.UNSUBSCRIBE), trusted=True) == [Limit.RATE]


def test_the_limits_of_a_host_do_not_hold_for_one_that_the_operator_trusts(store: Store) -> None:
    assert ask(store, *(intent(number) for number in range(5)), trusted=True) == [None] * 5


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 4), st.sampled_from("ab"), st.sampled_from(["ask", "confirm", "refuse"]))))
def test_no_order_of_requests_exceeds_a_limit(steps: list[tuple[int, str, str]]) -> None:
    store = open_store(":memory:")
    sent = {"a.example": 0, "b.example": 0}
    for number, letter, step in steps:
        host = f"{letter}.example"
        if step == "ask":
            ask(store, intent(number, host))
        for waiting in store.intents(1 if step != "ask" else 0):
            sent[waiting.host] += step == "refuse"
            (store.confirm if step == "confirm" else lambda each, _: store.refuse(each))(waiting, LEASE)
        held = [each.host for each in store.subscriptions()]
        waits = [each.host for each in store.intents(99)]
        for each in sent:
            assert held.count(each) <= LIMITS.host_subscriptions
            assert waits.count(each) <= LIMITS.host_pending
            assert sent[each] <= LIMITS.host_per_minute
    store.close()


def test_a_store_that_another_process_holds_says_so_and_a_flood_does_not_wait_for_it(tmp_path: Path) -> None:
    holder = open_store(str(tmp_path / "t.db"))
    other = open_store(str(tmp_path / "t.db"), writer=False, patience_seconds=0)
    ask(other, intent(1), intent(2))

    def meanwhile(_: object) -> object:
        with pytest.raises(StoreError, match="while taking a request: OperationalError: database is locked"):
            ask(other, intent(1))
        assert ask(other, intent(3)) == [Limit.PENDING]
        raise StopIteration

    holder.sync_sources(sources(), NOW)
    with pytest.raises(StopIteration):
        holder.settle(sources()[0].url, [], [], meanwhile)  # type: ignore[arg-type]
    holder.close()
    other.close()


def test_of_two_requests_at_once_only_one_takes_the_last_place(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "t.db"))
    ask(store, intent(1))
    said: list[Limit | None] = []

    def other() -> None:
        said.extend(ask(store, intent(3)))
        store.close()

    thread = threading.Thread(target=other)
    with closing(sqlite3.connect(tmp_path / "t.db", isolation_level=None)) as first:
        first.execute("BEGIN IMMEDIATE")
        first.execute(
            "INSERT INTO intents (mode, feed, topic, topic_url, callback, host, secret, lease_seconds, minute, version)"
            " SELECT mode, feed, topic, topic_url, 'https://a.example/2', host, '', 0, minute, 0 FROM intents"
        )
        thread.start()
        thread.join(0.2)
        assert thread.is_alive()  # it saw a free place, and waits for its turn to write
        first.execute("COMMIT")
    thread.join()
    store.close()
    assert said == [Limit.PENDING]


# ── what is owed


def test_a_delivery_is_owed_by_the_transaction_that_changes_the_feed(open_log: Store) -> None:
    store = open_log
    subscription = subscribed(store)
    assert not store.owed(NOW)
    settle(store, [make_item(1)])
    (owed,) = store.owed(NOW)
    assert (owed.id, owed.version, owed.owed) == (subscription.id, 0, 1)
    settle(store, [make_item(2)])
    assert [each.owed for each in store.owed(NOW)] == [2]


def test_what_was_delivered_is_owed_no_more_until_the_next_change(open_log: Store) -> None:
    store = open_log
    subscription = subscribed(store)
    settle(store, [make_item(1)])
    settle(store, [make_item(2)])
    store.take_pushes([Pushed(subscription.id, 1, '"1"', NOW)])
    assert store.owed(NOW)  # the feed went on meanwhile
    store.take_pushes([Unchanged(subscription.id, 2)])
    assert not store.owed(NOW)
    (kept,) = store.subscriptions()
    assert (kept.version, kept.etag, kept.delivered_at) == (2, '"1"', NOW)


def test_an_older_answer_that_comes_late_takes_nothing_back(open_log: Store) -> None:
    subscription = subscribed(open_log)
    open_log.take_pushes([Pushed(subscription.id, 3, '"3"', NOW), Pushed(subscription.id, 2, '"2"', NOW)])
    assert open_log.subscriptions()[0].version == 3


def test_what_failed_is_owed_again_at_its_time(open_log: Store) -> None:
    store = open_log
    subscription = subscribed(store)
    settle(store, [make_item(1)])
    store.take_pushes([PushFailed(subscription.id, NOW + timedelta(seconds=10), "timeout")])
    assert not store.owed(NOW + timedelta(seconds=9))
    (owed,) = store.owed(NOW + timedelta(seconds=10))
    assert (owed.tries, owed.error, owed.slow) == (1, "timeout", True)


def test_the_slow_come_last(open_log: Store) -> None:
    store = open_log
    first, second = subscribed(store, 1), subscribed(store, 2)
    store.take_pushes([Pushed(first.id, 0, "", NOW, slow=True)])
    settle(store, [make_item(1)])
    assert [each.id for each in store.owed(NOW)] == [second.id, first.id]


def test_nothing_is_owed_after_the_lease(open_log: Store) -> None:
    subscribed(open_log)
    settle(open_log, [make_item(1)])
    assert open_log.owed(LEASE - timedelta(seconds=1)) and not open_log.owed(LEASE)
    assert open_log.end_leases(LEASE - timedelta(seconds=1)) == 0
    assert open_log.end_leases(LEASE) == 1
    assert not open_log.subscriptions()


def test_the_number_of_a_subscription_that_is_over_is_not_given_again(open_log: Store) -> None:
    first = subscribed(open_log)
    open_log.take_pushes([Ended(first.id, "gone")])
    second = subscribed(open_log)
    open_log.take_pushes([Pushed(first.id, 9, "", NOW)])
    assert second.id != first.id and open_log.subscriptions()[0].version == 0


# ── pings


def test_every_feed_that_changed_is_owed_to_an_outside_hub_until_it_was_told(open_log: Store) -> None:
    store = open_log
    settle(store, [make_item(1)])
    owed = store.owed_pings(NOW)
    assert {ping.feed for ping in owed} == {"all", "economie", "source/source-0"}
    store.take_pings([replace(ping, due_at=NOW + timedelta(seconds=10), tries=1) for ping in owed[1:]])
    store.take_pings([owed[0]])
    assert not store.owed_pings(NOW)
    again = store.owed_pings(NOW + timedelta(seconds=10))
    assert again == tuple(Ping(ping.feed, ping.version, 1) for ping in owed[1:])
    store.take_pings(again)
    settle(store, [make_item(2)])
    assert [ping.tries for ping in store.owed_pings(NOW)] == [0, 0, 0]
