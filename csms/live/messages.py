"""Messages of a stream in the form of server-sent events (HTML Living Standard §9.2.6), and who wants which."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from csms.domain.logged import FOLLOWED, LoggedEvent
from csms.domain.times import format_utc

KEEP_ALIVE = b": still here\n\n"
SERVER_STOPS = b": the server stops; it is followed again when it is back\n\n"
RESUME = b": follow again from here\n\n"

_encode = msgspec.json.Encoder().encode


class Wanted(Struct, frozen=True, kw_only=True):
    """What somebody follows; nothing in `stations` and `sites`: all of them."""

    kinds: frozenset[str] = frozenset(FOLLOWED)
    stations: frozenset[str] = frozenset()
    """Ids in lower case."""
    sites: frozenset[str] = frozenset()

    def __contains__(self, message: Message) -> bool:
        """Tell whether a message is among it."""
        return (
            message.kind in self.kinds
            and (not self.stations or (message.station_id or "").lower() in self.stations)
            and (not self.sites or message.site_id in self.sites)
        )


class Message(Struct, frozen=True, kw_only=True):
    """One event as it is sent to everybody who wants it."""

    kind: str
    station_id: str | None
    site_id: str | None
    text: bytes
    number: int = 0
    """0: it is not durable, and has no id."""


def durable(event: LoggedEvent) -> Message:
    """Return a committed line as it is sent."""
    text = b"id: %d\nevent: %b\ndata: %b\n\n" % (event.number, event.kind.encode(), event.data)
    return Message(
        kind=event.kind,
        station_id=event.station_id,
        site_id=event.site_id,
        text=text,
        number=event.number,
    )


def passing(kind: str, data: object, *, station_id: str | None, site_id: str | None) -> Message:
    """Return what is true now and is not stored as an event."""
    text = b"event: %b\ndata: %b\n\n" % (kind.encode(), _encode(data))
    return Message(kind=kind, station_id=station_id, site_id=site_id, text=text)


def position(number: int) -> bytes:
    """Return what lets a client resume after line `number` and tells it nothing."""
    return b"id: %d\n\n" % number


def beginning(number: int, retry_ms: int) -> bytes:
    """Return what a stream that goes on after line `number` begins with."""
    return b"retry: %d\n%b" % (retry_ms, position(number))


def missed(after: int, following: int, at_us: int) -> bytes:
    """Return the alarm that the lines above `after` and below `following` can't be had any more."""
    data = {
        "kind": "events-missed",
        "message": "Events were deleted, or belong to another store: get the present state anew.",
        "at": format_utc(at_us),
        "after": after,
        "next": following,
    }
    return b"event: alarm\ndata: %b\n\n" % _encode(data)
