"""Takes a response, gives it what every response of ours carries: security headers, caching, the form asked for."""

from flask import Response, g, request

from web.negotiation import etag_of, send

PAGE_CACHE = "public, max-age=60, stale-while-revalidate=120, stale-if-error=86400"

SECURITY = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self' https: http: data:; "
    "script-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), interest-cohort=(), microphone=(), payment=(), usb=()",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def finish(response: Response) -> Response:
    """Add the headers of every response; pages also get a validator, and are sent as the client likes them."""
    for name, text in SECURITY.items():
        response.headers.setdefault(name, text)
    if response.mimetype == "text/html":
        _finish_page(response)
    if response.status_code >= 400:
        response.headers["Cache-Control"] = "no-store"
    return response


def _finish_page(response: Response) -> None:
    response.vary.add("Accept-Language")
    response.headers["Content-Language"] = g.get("language", "")
    if response.status_code == 200 and not response.is_streamed:
        response.headers.setdefault("Cache-Control", PAGE_CACHE)
        body = response.get_data()
        send(request, response, body, etag_of(body))
