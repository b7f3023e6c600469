"""Our own static files: takes a name, gives the file as the client likes it. Each coded form is made once a process."""

import mimetypes
import os
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from flask import Response, abort, current_app, request
from werkzeug.security import safe_join

from aggregator.publish.encodings import encode
from web.negotiation import CODINGS, etag_of, send

AGE_SECONDS = 365 * 86_400  # the address of a static file carries its fingerprint
FORMS_KEPT = 64  # there are about twenty files with two forms each
TEXTS = ("text/", "application/javascript", "application/json", "application/manifest+json", "image/svg+xml")

_encode = lru_cache(FORMS_KEPT)(encode)


def static_file(filename: str) -> Response:
    """A file of the static folder. Its validator is made of its bytes, so that every process gives the same one."""
    found = safe_join(str(current_app.static_folder), filename)
    if found is None or not os.path.isfile(found):  # noqa: PTH113 - that of Path raises for a name that is too long
        abort(404)
    path = Path(found)
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    response = Response(mimetype=kind)
    response.cache_control.public, response.cache_control.max_age = True, AGE_SECONDS
    body, modified = path.read_bytes(), datetime.fromtimestamp(path.stat().st_mtime, UTC)
    offered = CODINGS if kind.startswith(TEXTS) else ()
    return send(request, response, body, etag_of(body), modified=modified, offered=offered, encode=_encode)
