"""The errors of the trade, split by whose fault they are.

    HeadroomError
    ├── CallerError          whoever asked must ask differently
    │   ├── NotFound
    │   ├── Invalid
    │   ├── Conflict
    │   │   └── Outdated
    │   └── NotConnected
    └── OwnError             our side failed; asking again later may help
        ├── Busy
        ├── StorageError
        │   └── RecordRefused
        └── ConfigurationError

Each is translated once: to a CALLERROR in the gateway, to problem+json where HTTP is served.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class FieldProblem(NamedTuple):
    """One thing that is wrong with what was sent: where (`nodes[2].rating_a.L1`), and what to do about it."""

    path: str
    message: str


class HeadroomError(Exception):
    """Base of all."""


class CallerError(HeadroomError):
    """The request can't be met as it stands."""


class NotFound(CallerError):
    """No such thing."""


class Invalid(CallerError):
    """It breaks a rule; the message names the place and the remedy."""

    def __init__(self, message: str, problems: Iterable[FieldProblem] = ()) -> None:
        """Say it in one text, and where it concerns fields also one by one."""
        super().__init__(message)
        self.problems = tuple(problems)


class Conflict(CallerError):
    """It contradicts what is there; look again, then decide."""


class Outdated(Conflict):
    """What it was to change has been changed since."""


class NotConnected(CallerError):
    """The station has no connection now."""


class OwnError(HeadroomError):
    """Our side failed."""


class Busy(OwnError):
    """There is no room for it now."""


class StorageError(OwnError):
    """It could not be made durable; nothing of it may be acknowledged."""


class RecordRefused(StorageError):
    """One unit broke the store's rules (a constraint, a number out of range); the others were stored."""


class ConfigurationError(OwnError):
    """The server can't start as it is configured; the message says what to change."""
