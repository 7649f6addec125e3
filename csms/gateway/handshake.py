"""What a station's HTTP request says, judged without I/O: its id, its key, its OCPP version."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from urllib.parse import unquote_to_bytes

from websockets.datastructures import Headers, MultipleValuesError
from websockets.typing import Subprotocol

from csms.domain.station import is_station_id

_PREFIX = "/ocpp/"


def station_id_of(path: str) -> str | None:
    """Return the station id that `path` names after one percent-decoding, or None where it names none.

    One trailing slash and a query are tolerated: stations in the field append them.
    """
    path = path.partition("?")[0]
    if not path.startswith(_PREFIX):
        return None
    try:
        station_id = unquote_to_bytes(path[len(_PREFIX) :].removesuffix("/")).decode()
    except UnicodeError:
        return None
    return station_id if is_station_id(station_id) else None


def presented_key(headers: Headers, station_id: str) -> bytes | None:
    """Return the key given by HTTP basic authentication for this very station, or None.

    The user name must be the station's id (OCPP 1.6 security whitepaper §3.4, case apart: stations
    registered in another case are common). The key is bytes: some stations send them undecoded.
    """
    try:
        scheme, _, credentials = headers.get("Authorization", "").partition(" ")
    except MultipleValuesError:
        return None
    if scheme.lower() != "basic":
        return None
    try:
        presented = base64.b64decode(credentials.strip(), validate=True)
    except (binascii.Error, ValueError):
        return None
    user = f"{station_id}:".encode()
    # Not split at the first colon: a station's id may hold some.
    return presented[len(user) :] if presented[: len(user)].lower() == user.lower() else None


def choose_subprotocol(offered: Sequence[str], spoken: Sequence[str]) -> Subprotocol | None:
    """Return the first subprotocol of `spoken` (our order) that was offered, as the station spelt it."""
    by_name = {name.lower(): name for name in reversed(offered)}
    for name in spoken:
        if name in by_name:
            return Subprotocol(by_name[name])
    return None
