"""Takes secrets out of texts that are about to be logged or raised."""

from __future__ import annotations

import re

_SECRETS = re.compile(
    r"""(?ix) (?<![a-z0-9_]) (corpsecret | access_token | key | response_code | sign | q-signature)
        (?: (=|%3D) [^&\s"'<>)\]}]+ | (["']\s*:\s*) "[^"]*" | (["']\s*:\s*) '[^']*' )"""
)


def scrub(text: str) -> str:
    """The text without the values of ``corpsecret``, ``access_token``, ``key``, ``response_code`` and of a file's ``sign``.

    In queries and in JSON alike.
    """
    return _SECRETS.sub(lambda found: f"{found[1]}{found[2] or found[3] or found[4]}***", text)
