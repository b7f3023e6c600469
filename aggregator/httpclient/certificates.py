"""Takes a connection, says when the certificate that was shown on it is valid; never asks for anything."""

import asyncio
import ssl
from datetime import UTC, datetime

from aggregator.model import Certificate


def certificate_of(transport: asyncio.BaseTransport | None) -> Certificate | None:
    """The certificate of the other side; None without TLS, or where none was looked at."""
    shown = transport.get_extra_info("peercert") if transport else None
    if not shown:
        return None
    try:
        return Certificate(_time(shown["notBefore"]), _time(shown["notAfter"]))
    except (KeyError, ValueError, OverflowError, OSError):  # no time that can be told
        return None


def _time(text: str) -> datetime:
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(text), UTC)
