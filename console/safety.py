"""What every answer of the console carries, so that a browser does nothing for strangers."""

from __future__ import annotations

from werkzeug.wrappers import Response

_SOURCES = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",  # the style sheet's own small drawings
    "connect-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}
POLICY = "; ".join(f"{what} {where}" for what, where in _SOURCES.items())
STATIC_S = 86_400


def secure(answer: Response, *, is_static: bool, is_https: bool) -> Response:
    """The answer with its headers: no scripts but ours, no frames, no guesses at types, and no copies kept of pages."""
    headers = answer.headers
    headers["Content-Security-Policy"] = POLICY
    headers["X-Frame-Options"] = "DENY"
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "same-origin"  # with "no-referrer" browsers would hide from us as well whose page posts a form
    headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=()"
    headers["Cross-Origin-Opener-Policy"] = "same-origin"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
    headers["Cache-Control"] = f"public, max-age={STATIC_S}" if is_static and answer.status_code == 200 else "no-store"
    if is_https:
        headers["Strict-Transport-Security"] = "max-age=31536000"
    return answer
