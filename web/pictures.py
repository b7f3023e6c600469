"""Pictures of sources at addresses of our own, where the operator asks for it, so that readers are not seen there.

Takes an address of a source's picture and the item that shows it, gives one of ours that carries a signature; answers
for signed addresses alone, so nobody can have us fetch what stands on no page of ours, and only as long as the item is
not hidden. Never fetches itself: `web.gallery` does.
"""

import hmac
import logging
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from tempfile import NamedTemporaryFile

from flask import Blueprint, Flask, Response, abort, current_app, g, make_response, request, url_for
from msgspec import Struct

from aggregator.clean.html import with_pictures
from aggregator.errors import ConfigError
from aggregator.model.secrets import repr_without
from web.gallery import Gallery, Missing, Picture
from web.layout import absolute
from web.negotiation import etag_of, is_held
from web.site import Site, current_site
from web.texts import fitted
from web.words import web_link

SECRET_BYTES = 32
SIGNATURE_BYTES = 18  # 24 characters
TRIES_LIMIT = 18  # of a browser, while too many wait; it follows 20 redirects at most
# As long as a closed page of a feed: what is withdrawn reaches everybody within a day.
PICTURE_CACHE = "public, max-age=86400, immutable"
MISSING_CACHE = {Missing.NONE: "public, max-age=3600", Missing.FAILED: "public, max-age=60", Missing.BUSY: "no-store"}
MISSING_WORDS = {
    Missing.NONE: "There is no such picture.",
    Missing.FAILED: "The picture cannot be had just now.",
    Missing.BUSY: "Too many pictures are being fetched just now.",
}
SECURITY = {
    "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "cross-origin",  # fragments stand in pages of others
    "X-Robots-Tag": "noindex",  # they are not ours to be found
}

pictures = Blueprint("pictures", __name__)
log = logging.getLogger(__name__)


class Proxy(Struct, frozen=True):
    """What makes addresses of ours and answers there."""

    secret: bytes
    gallery: Gallery

    __repr__ = repr_without("secret")

    def place(self, url: str, item_id: int) -> tuple[str, str]:
        """What our address for a picture of an item consists of beside the item: the signature, and the address of the
        picture.
        """
        address = urlsafe_b64encode(url.encode("utf-8", "surrogatepass")).decode().rstrip("=")
        return self._signature(item_id, address), address

    def url(self, signature: str, item_id: int, address: str) -> str | None:
        """The address that was signed for this item, None where it was not by us."""
        signed = self._signature(item_id, address)
        if not hmac.compare_digest(signed.encode(), signature.encode("utf-8", "surrogatepass")):
            return None
        return urlsafe_b64decode(f"{address}{'=' * (-len(address) % 4)}").decode("utf-8", "surrogatepass")

    def _signature(self, item_id: int, address: str) -> str:
        digest = hmac.new(self.secret, f"{item_id}/{address}".encode("utf-8", "surrogatepass"), sha256).digest()
        return urlsafe_b64encode(digest[:SIGNATURE_BYTES]).decode()


def prepare(app: Flask, site: Site) -> None:
    """Give templates the filters for pictures, and the site what they need. ConfigError where the secret can neither be
    read nor made.
    """
    database = site.settings.database
    proxy = None
    if site.settings.pictures == "proxy":
        gallery = Gallery(Path(f"{database}-pictures"), site.settings, site.clock)
        proxy = Proxy(read_secret(Path(f"{database}-pictures.key")), gallery)
    app.extensions["tributary.pictures"] = proxy
    app.jinja_env.filters.update({"picture_url": picture_url, "whole_text": whole_text})
    app.register_blueprint(pictures)


def read_secret(path: Path) -> bytes:
    """The secret in a file that only we may read; it is made where there is none, once for all processes."""
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            with NamedTemporaryFile(dir=path.parent, prefix=f"{path.name}-") as made:  # of mode 600
                made.write(secrets.token_bytes(SECRET_BYTES))
                made.flush()
                with suppress(FileExistsError):
                    path.hardlink_to(made.name)
        secret = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"while reading the secret of pictures: {str(path)!r}: {error.strerror}") from error
    if len(secret) < SECRET_BYTES:
        raise ConfigError(f"while reading the secret of pictures: {str(path)!r} is too short; remove it")
    return secret


def picture_url(url: str, item_id: int, whole: bool = False) -> str:
    """Where a page shows a picture of an item from: our address for it where pictures are proxied, else its own.
    `whole` makes ours one for pages of others.
    """
    proxy = _proxy()
    if proxy is None:
        return web_link(url)
    signature, address = proxy.place(url, item_id)
    build = absolute if whole else url_for
    return build("pictures.picture", signature=signature, item_id=item_id, address=address)


def whole_text(html: str, item_id: int) -> str:
    """The whole text of an item as it stands in a page, with all its pictures; safe as it was."""
    return with_pictures(fitted(html), lambda url: picture_url(url, item_id))


@pictures.get("/picture/<signature>/<int(max=999999999999):item_id>/<address>")
def picture(signature: str, item_id: int, address: str) -> Response:
    """A picture of an item; 410 once that is hidden, 404 for whatever no page of ours has shown, and where pictures are
    not proxied.
    """
    proxy = _proxy()
    url = proxy.url(signature, item_id, address) if proxy else None
    if proxy is None or url is None or not web_link(url):
        abort(404)
    if current_site().store.is_hidden(item_id):
        abort(410)
    try:
        found = proxy.gallery.take(url)
    except OSError as error:
        log.error("pictures_failed error=%s", type(error).__name__)
        found = Missing.BUSY
    return _shown(found) if isinstance(found, Picture) else _missing(found)


def _shown(found: Picture) -> Response:
    etag = etag_of(found.body)
    held = is_held(request.headers.get("If-None-Match"), None, etag)
    response = make_response(b"" if held else found.body, 304 if held else 200)
    response.headers.update({**SECURITY, "Content-Type": found.type, "Cache-Control": PICTURE_CACHE, "ETag": etag})
    return response


def _missing(found: Missing) -> Response:
    tries = request.args.get("try", 0, type=int)
    response = make_response(f"{MISSING_WORDS[found]}\n", int(found))
    response.headers["Content-Type"] = "text/plain; charset=utf-8"
    response.headers.update({**SECURITY, "Cache-Control": MISSING_CACHE[found]})
    if found is Missing.BUSY and 0 <= tries < TRIES_LIMIT:
        # The way to the browser and back is a pause that holds no thread of ours.
        response.status_code = 302
        response.headers["Location"] = f"{request.path}?try={tries + 1}"
    g.failure_kept = True
    return response


def _proxy() -> Proxy | None:
    proxy: Proxy | None = current_app.extensions["tributary.pictures"]
    return proxy
