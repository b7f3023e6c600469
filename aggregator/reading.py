"""Has a body read by the process that is asked to: whoever asks need load neither parser nor sanitiser."""

from collections.abc import Callable, Mapping
from importlib import import_module

from aggregator.model import Digest, Source


def read(
    source: Source, body: bytes, url: str, headers: Mapping[str, str], categories: str, seen: bytes = b""
) -> Digest:
    """See `digest.digest`."""
    digest: Callable[..., Digest] = import_module("aggregator.digest").digest
    return digest(source, body, url, headers, categories, seen)
