"""Conditional requests (RFC 9110 §13): a resource's `ETag` is its version in quotes; most have a revision alone."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Generator
from typing import TypeVar

from fastapi import Request

from csms.domain.errors import Conflict, Outdated
from csms.domain.site import SiteVersion
from csms.http.problems import Refused

Version = int | SiteVersion
_V = TypeVar("_V", int, SiteVersion)

_TAGS = re.compile(r'\s*(?:W/)?"[\x21\x23-\x7e]*"\s*(?:,\s*(?:W/)?"[\x21\x23-\x7e]*"\s*)*')
_TAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e]*"')


def etag(version: Version) -> str:
    """Return the `ETag` of a version."""
    return f'"{version}"'


def unchanged(request: Request, version: Version) -> bool:
    """Tell whether who asks has this version already (`If-None-Match` of a GET)."""
    asked = _listed(request, "if-none-match")
    # §13.1.2: compared weakly.
    return asked is not None and ("*" in asked or etag(version) in {tag.removeprefix("W/") for tag in asked})


def check_replacement(request: Request, version: Version | None) -> None:
    """Refuse to replace what the caller has not seen; `version` is the present one, None: there is nothing yet.

    Creating needs no condition; replacing needs `If-Match`, so that nobody undoes a change that they never saw.
    """
    check_match(request, version)
    if version is not None and "if-match" not in request.headers:
        raise Refused(
            "precondition-required",
            "It exists: send If-Match with the ETag that you got when you looked at it, so that you replace what you "
            "have seen (or If-Match: * to replace it, whatever it is).",
            headers={"ETag": etag(version)},
        )


def relied_on(request: Request, version: _V) -> _V | None:
    """Return the version that must still be there when the change is made; None: who asks takes any."""
    wanted = _listed(request, "if-match")
    takes_any = wanted is None or "*" in wanted
    return None if takes_any and "if-none-match" not in request.headers else version


@contextlib.contextmanager
def judged(request: Request) -> Generator[None]:
    """Let what somebody else changed in the same moment be a conflict, unless `If-Match` was sent: 412 is for that."""
    try:
        yield
    except Outdated as error:
        if "if-match" in request.headers:
            raise
        raise Conflict(str(error)) from error


def check_match(request: Request, version: Version | None) -> None:
    """Refuse with 412 where `If-Match` or `If-None-Match` is said and doesn't hold."""
    headers = {} if version is None else {"ETag": etag(version)}
    wanted = _listed(request, "if-match")
    # §13.1.1: compared strongly, so a weak one never matches.
    if wanted is not None and (version is None or not wanted & {"*", etag(version)}):
        detail = "There is none." if version is None else f"It is at {etag(version)} now."
        raise Refused("outdated", f"If-Match doesn't hold. {detail}", headers=headers)
    unwanted = _listed(request, "if-none-match")
    if unwanted is not None and version is not None and unwanted & {"*", etag(version)}:
        raise Refused("outdated", "If-None-Match doesn't hold: it exists.", headers=headers)


def _listed(request: Request, header: str) -> frozenset[str] | None:
    """Return the tags in a header; None where it isn't said."""
    values = request.headers.getlist(header)
    if not values:
        return None
    text = ", ".join(values)
    if text.strip() == "*":
        return frozenset({"*"})
    if not _TAGS.fullmatch(text):
        raise Refused(
            "bad-request", f'{header.title()} must be * or ETags in quotes, like "3".', place="header"
        )
    return frozenset(_TAG.findall(text))
