"""What a hub says and understands (W3C WebSub): takes what was asked and answered, gives what to send and what that
means. Never sends anything, never touches the store. `following` is the other side: we as a subscriber.

Beyond the Recommendation: a topic is one of our own feeds; a callback has no user, password or fragment.
"""

from aggregator.websub.deliveries import delivery_headers, judge, next_try, signature
from aggregator.websub.requests import (
    FORM_BYTES,
    LIMITS,
    Refusal,
    denial_url,
    is_confirmed,
    is_trusted,
    limit_words,
    place_of,
    read_request,
    read_topic,
    topic_url,
    verification_url,
)

__all__ = [
    "FORM_BYTES", "LIMITS", "Refusal", "delivery_headers", "denial_url", "is_confirmed", "is_trusted", "judge",
    "limit_words", "next_try", "place_of", "read_request", "read_topic", "signature", "topic_url",
    "verification_url",
]  # fmt: skip
