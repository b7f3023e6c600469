"""Takes a response, gives it what every response of ours carries: security headers, caching, the form asked for."""

from flask import Response, g, request

from web.negotiation import etag_of, send
from web.site import current_site

ANY_PICTURES, OUR_PICTURES = "img-src 'self' https: http: data:", "img-src 'self' data:"
PAGE_CACHE = "public, max-age=60, stale-while-revalidate=120, stale-if-error=86400"


def policy(
    *, scripts: str = "'none'", styles: str = "'self'", framed_by: str = "'none'", more: tuple[str, ...] = ()
) -> str:
    """A Content-Security-Policy: that of every page, but for what is given. A page sets its own before `finish`."""
    return "; ".join(
        (
            "default-src 'none'",
            f"style-src {styles}",
            ANY_PICTURES,
            f"script-src {scripts}",
            *more,
            "form-action 'self'",
            f"frame-ancestors {framed_by}",
            "base-uri 'none'",
        )
    )


READING = ("connect-src 'self'", "manifest-src 'self'", "worker-src 'self'")  # what the scripts of our pages need

SECURITY = {
    "Content-Security-Policy": policy(scripts="'self'", more=READING),
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), interest-cohort=(), microphone=(), payment=(), usb=()",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def finish(response: Response) -> Response:
    """Add the headers of every response; pages also get a validator, and are sent as the client likes them."""
    if response.status_code != 304:  # what is held already came with them
        _guard(response)
    if response.mimetype == "text/html":
        _finish_page(response)
    if response.status_code >= 400 and not g.get("failure_kept"):
        response.headers["Cache-Control"] = "no-store"
    return response


def _guard(response: Response) -> None:
    for name, text in SECURITY.items():
        response.headers.setdefault(name, text)
    # Pages alone: a feed must look the same where it comes from before Flask.
    if response.mimetype == "text/html" and current_site().settings.pictures == "proxy":
        allowed = response.headers["Content-Security-Policy"].replace(ANY_PICTURES, OUR_PICTURES)
        response.headers["Content-Security-Policy"] = allowed
    if "frame-ancestors 'none'" not in response.headers["Content-Security-Policy"]:
        del response.headers["X-Frame-Options"]  # it knows no answer but no


def _finish_page(response: Response) -> None:
    if "Content-Language" not in response.headers:  # a page that names it has the same one for everybody
        response.vary.add("Accept-Language")
        response.headers["Content-Language"] = g.get("language", "")
    if response.status_code == 200 and not response.is_streamed:
        response.headers.setdefault("Cache-Control", PAGE_CACHE)
        body = response.get_data()
        send(request, response, body, etag_of(body))
