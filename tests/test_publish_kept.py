"""Entries are written once and kept, within bounds, and bytes are compressed alike everywhere."""

import gzip
import threading

import brotli
import pytest
from msgspec.structs import replace

from aggregator import publish
from aggregator.model import Format
from aggregator.publish import atom, render
from aggregator.publish.encodings import encode
from aggregator.publish.kept import Kept, key_of
from aggregator.publish.shown import shown
from tests.test_publish import EVERYTHING, FEED, FORMATS, with_item


@pytest.fixture(autouse=True)
def empty(monkeypatch):
    monkeypatch.setattr(publish, "_kept", Kept())


def test_what_is_held_is_not_made_again():
    kept, made = Kept(), []
    for _ in range(3):
        assert kept.take(b"k", lambda: made.append(1) or b"bytes") == b"bytes"
    assert len(made) == 1


def test_what_was_not_asked_for_longest_is_given_up_first():
    kept, made = Kept(limit_bytes=20), []

    def ask(name):
        kept.take(name, lambda: made.append(name) or bytes(8))

    for name in (b"a", b"b", b"a", b"c", b"a", b"b"):
        ask(name)
    assert made == [b"a", b"b", b"c", b"b"]


def test_what_is_larger_than_the_bound_is_given_out_and_not_kept():
    kept = Kept(limit_bytes=5)
    assert kept.take(b"k", lambda: bytes(9)) == bytes(9)
    assert kept.take(b"k", lambda: b"anew") == b"anew"


def test_threads_share_what_is_kept():
    kept, given, barrier = Kept(limit_bytes=1000), [], threading.Barrier(4)

    def ask():
        barrier.wait()
        given.extend(
            kept.take(bytes([number % 9]), lambda number=number: bytes([number % 9]) * 90) for number in range(500)
        )

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(given) == 2000 and all(len(each) == 90 for each in given)
    assert [each[0] for each in given[:9]] == sorted(each[0] for each in given[:9])


@FORMATS
def test_an_entry_that_did_not_change_is_written_once_for_all_feeds_that_show_it_alike(format, monkeypatch):
    written, writer = [], publish._WRITERS[format]
    counted = replace(writer, write_entry=lambda seen: written.append(seen.entry.id) or writer.write_entry(seen))
    monkeypatch.setitem(publish._WRITERS, format, counted)
    first = render(EVERYTHING, format)
    elsewhere = replace(EVERYTHING, slug="all", base="https://agg.example/feeds/all", title="Tributary")
    assert render(elsewhere, format).entries == first.entries
    assert render(EVERYTHING, format) == first
    assert len(written) == len(EVERYTHING.entries)
    render(replace(FEED, entries=(with_item(title="Autre"), *EVERYTHING.entries)), format)
    assert len(written) == len(EVERYTHING.entries) + 1


@FORMATS
def test_what_is_kept_is_what_would_be_written_anew(format, monkeypatch):
    first = render(EVERYTHING, format)
    monkeypatch.setattr(publish, "_kept", Kept(limit_bytes=0))
    assert render(EVERYTHING, format) == first


def test_text_that_no_document_can_hold_has_a_key_too():
    bad = shown(FEED, with_item(title="Le Club\ud800"))
    assert key_of(bad, Format.ATOM) == key_of(shown(FEED, with_item(title="Le Club")), Format.ATOM)
    assert key_of(bad, Format.ATOM) != key_of(bad, Format.RSS)


def test_an_entry_stands_in_its_document_byte_for_byte():
    seen = shown(FEED, FEED.entries[0])
    alone = atom.write_entry(seen)
    assert alone.startswith(b"<entry>") and alone.endswith(b"</entry>") and b"xmlns" not in alone
    assert render(FEED, Format.ATOM).body.endswith(alone + b"</feed>")


def test_bytes_are_compressed_as_every_client_can_read_them():
    body = render(EVERYTHING, Format.ATOM).body * 20
    assert gzip.decompress(encode(body, "gzip")) == brotli.decompress(encode(body, "br")) == body
    assert encode(body, "gzip")[4:8] == bytes(4), "no time of compression"
    assert len(encode(body, "br")) < len(encode(body, "gzip")) < len(body) / 10
