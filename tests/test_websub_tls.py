"""The hub and subscribers behind https: whom it believes, and what comes of those whom it does not."""

import logging
import ssl
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.subscriber import Subscriber
from tests.test_httpclient import server_side
from tests.test_websub_hub import Scene


@pytest.fixture
def scene(tmp_path: Path, certificate: Path) -> Iterator[Scene]:
    """A subscriber with a certificate that is trusted by nobody but who is told to."""
    with Subscriber(server_side(certificate)) as subscriber:
        made = Scene(tmp_path, subscriber)
        assert subscriber.callback().startswith("https://")
        yield made
        made.store.close()


@pytest.fixture
def trust(certificate: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate))


def test_a_subscriber_with_a_certificate_that_is_trusted_is_asked_and_served(
    scene: Scene, trust: ssl.SSLContext
) -> None:
    scene.ask()
    scene.turn(tls=trust)
    scene.tell()
    scene.turn(tls=trust)
    (got,) = scene.subscriber.got()
    assert (got.body, got.headers["content-type"]) == scene.served("/feeds/economie.atom")
    assert scene.only.delivered_at == scene.now and not scene.only.tries


def test_one_whose_certificate_nobody_vouches_for_is_sent_nothing_and_it_counts_as_a_failed_try(
    scene: Scene, trust: ssl.SSLContext, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "tributary")
    scene.ask()
    scene.turn(tls=trust)
    scene.tell()
    scene.turn()
    assert scene.subscriber.got() == []
    assert (scene.only.tries, scene.only.error) == (1, "tls")
    assert "undelivered topic=economie.atom host=127.0.0.1 error=tls tries=1" in caplog.text
    scene.now += timedelta(minutes=1)
    scene.turn(tls=trust)  # it has another certificate now
    assert len(scene.subscriber.got()) == 1 and not scene.only.tries


def test_one_that_cannot_be_asked_is_not_subscribed(scene: Scene) -> None:
    scene.subscribe()
    assert scene.subscriber.origin.requests == [] and scene.store.subscriptions() == ()
