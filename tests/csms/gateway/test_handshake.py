"""What the handshake reads from a request, without a socket."""

from __future__ import annotations

import base64

import pytest
from websockets.datastructures import Headers

from csms.gateway.handshake import choose_subprotocol, presented_key, station_id_of


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/ocpp/CP-1", "CP-1"),
        ("/ocpp/CP-1/", "CP-1"),
        ("/ocpp/CP-1?token=x", "CP-1"),
        ("/ocpp/DE*ABC*E1:2@x|+=_.", "DE*ABC*E1:2@x|+=_."),
        ("/ocpp/DE%2AABC", "DE*ABC"),
        ("/ocpp/" + "a" * 48, "a" * 48),
        ("/ocpp/" + "a" * 49, None),
        ("/ocpp/", None),
        ("/ocpp", None),
        ("/", None),
        ("/ws/CP-1", None),
        ("/ocpp/a%2Fb", None),
        ("/ocpp/a/b", None),
        ("/ocpp/.", None),
        ("/ocpp/..", None),
        ("/ocpp/%2E%2E", None),
        ("/ocpp/a%00", None),
        ("/ocpp/a%252Fb", None),
        ("/ocpp/a%20b", None),
        ("/ocpp/a#b", None),
        ("/ocpp/%FF", None),
        ("/ocpp/caf%C3%A9", None),
        ("/ocpp/CP-1//", None),
    ],
)
def test_a_path_names_a_station_or_nothing(path: str, expected: str | None) -> None:
    assert station_id_of(path) == expected


def _basic(user: bytes, key: bytes) -> Headers:
    return Headers(Authorization="Basic " + base64.b64encode(user + b":" + key).decode())


def test_a_key_is_read_for_the_station_itself_without_regard_to_case() -> None:
    assert presented_key(_basic(b"cp-1", b"secret:with:colons"), "CP-1") == b"secret:with:colons"


def test_a_station_whose_id_holds_a_colon_can_present_its_key() -> None:
    assert presented_key(_basic(b"DE:1", b"secret"), "DE:1") == b"secret"
    assert presented_key(_basic(b"DE", b"1:secret"), "DE") == b"1:secret"


def test_a_key_may_be_any_bytes_or_empty() -> None:
    assert presented_key(_basic(b"CP-1", bytes(range(20))), "CP-1") == bytes(range(20))
    assert presented_key(_basic(b"CP-1", b""), "CP-1") == b""


@pytest.mark.parametrize(
    "headers",
    [
        Headers(),
        Headers(Authorization="Bearer abc"),
        Headers(Authorization="Basic"),
        Headers(Authorization="Basic %%%"),
        Headers(Authorization="Basic " + base64.b64encode(b"no colon").decode()),
        _basic(b"CP-2", b"key"),
        _basic(b"\xff\xfe", b"key"),
        Headers([("Authorization", "Basic YTpi"), ("Authorization", "Basic YTpi")]),
    ],
)
def test_anything_else_presents_no_key(headers: Headers) -> None:
    assert presented_key(headers, "CP-1") is None


def test_the_subprotocol_is_chosen_by_our_order_and_echoed_as_the_station_spelt_it() -> None:
    ours = ("ocpp2.0.1", "ocpp1.6")
    assert choose_subprotocol(["ocpp1.6", "ocpp2.0.1"], ours) == "ocpp2.0.1"
    assert choose_subprotocol(["OCPP1.6"], ours) == "OCPP1.6"
    assert choose_subprotocol(["ocpp1.5"], ours) is None
    assert choose_subprotocol([], ours) is None
