"""Hostile bodies end as clear problems and disturb nobody."""

from __future__ import annotations

import contextlib
import json

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.http.bodies import BODY_MAX_BYTES, NESTING_MAX, parse_json
from csms.http.problems import Refused
from tests.csms.http.app import problem_of

pytestmark = pytest.mark.anyio
JSON = {"Content-Type": "application/json"}


async def say(client: httpx.AsyncClient, body: bytes | str, path: str = "/echo") -> httpx.Response:
    return await client.post(path, content=body, headers=JSON)


MALFORMED = {
    "nothing": b"",
    "space": b"  ",
    "no JSON": b"{'a': 1}",
    "cut short": b'{"a": ',
    "two values": b"{} {}",
    "NaN": b'{"a": NaN}',
    "Infinity": b"[Infinity]",
    "minus Infinity": b"-Infinity",
    "too large a float": b'{"a": 1e999}',
    "too large a number": b'{"a": 9223372036854775808}',
    "a number of many digits": b"1" * 100_000,
    "a name twice": b'{"a": 1, "a": 2}',
    "a name twice inside": b'[{"x": {"b": 1, "b": 1}}]',
    "no UTF-8": b'{"a": "\xff"}',
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "byte order mark": b'\xef\xbb\xbf{"a": 1}',
    "half a surrogate pair": b'{"a": "\\ud800"}',
    "half a surrogate pair in a name": b'{"\\udfff": 1}',
    "deeper than allowed": b"[" * (NESTING_MAX + 2) + b"]" * (NESTING_MAX + 2),
    "very deep": b"[" * 100_000 + b"]" * 100_000,
    "very deep objects": b'{"a":' * 100_000,
    "a NUL byte": b'{"a": "\x00"}',
}


@pytest.mark.parametrize("what", MALFORMED)
async def test_what_is_no_json_is_refused(client: httpx.AsyncClient, what: str):
    problem_of(await say(client, MALFORMED[what]), "malformed-json", 400)


@pytest.mark.parametrize(
    "body", ["1", "null", '"é€😀"', '{"a": [1.5, {"b": "\\ud83d\\ude00"}]}', "-9223372036854775807"]
)
async def test_json_is_read_as_it_stands(client: httpx.AsyncClient, body: str):
    assert (await say(client, body)).json() == {"said": json.loads(body)}


async def test_nesting_up_to_the_bound_is_read(client: httpx.AsyncClient):
    body = "[" * NESTING_MAX + "]" * NESTING_MAX
    assert (await say(client, body)).status_code == 200


@pytest.mark.parametrize("size", [BODY_MAX_BYTES + 1, 2 * 1024 * 1024])
async def test_too_large_a_body_is_refused(client: httpx.AsyncClient, size: int):
    response = await say(client, b" " * size)
    problem_of(response, "too-large", 413)
    assert response.headers["connection"] == "close"


async def test_too_large_a_body_that_does_not_say_so_is_refused(client: httpx.AsyncClient):
    async def chunks():
        for _ in range(40):
            yield b" " * 65_536

    problem_of(await client.post("/echo", content=chunks(), headers=JSON), "too-large", 413)


async def test_the_largest_body_is_read(client: httpx.AsyncClient):
    body = b'"' + b"x" * (BODY_MAX_BYTES - 2) + b'"'
    assert (await say(client, body)).status_code == 200


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "text/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonx",
        "json",
        "",
        "application/json; charset=utf-16",
    ],
)
async def test_another_media_type_is_refused(client: httpx.AsyncClient, kind: str):
    response = await client.post("/echo", content=b"{}", headers={"Content-Type": kind})
    problem_of(response, "unsupported-media-type", 415)


async def test_a_body_that_does_not_say_what_it_is_is_refused(client: httpx.AsyncClient):
    problem_of(await client.post("/echo", content=b"{}"), "unsupported-media-type", 415)


@pytest.mark.parametrize(
    "kind", ["application/json; charset=UTF-8", "APPLICATION/JSON", "application/merge-patch+json"]
)
async def test_json_by_its_other_names_is_read(client: httpx.AsyncClient, kind: str):
    assert (await client.post("/echo", content=b"{}", headers={"Content-Type": kind})).status_code == 200


async def test_compressed_bodies_are_refused(client: httpx.AsyncClient):
    headers = {**JSON, "Content-Encoding": "gzip"}
    problem_of(await client.post("/echo", content=b"{}", headers=headers), "unsupported-media-type", 415)


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ("[]", ""),
        ("null", ""),
        ("{}", "number"),
        ('{"number": "1"}', "number"),
        ('{"number": true}', "number"),
        ('{"number": null}', "number"),
        ('{"number": 1, "inner": {"a": 1.5}}', "inner.a"),
        ('{"number": 1, "inner": []}', "inner"),
        ('{"number": 1, "other": 1}', "other"),
    ],
)
async def test_what_does_not_fit_names_the_field(client: httpx.AsyncClient, body: str, path: str):
    told = problem_of(await say(client, body, "/fit"), "invalid", 422)
    assert [error["path"] for error in told["errors"]] == [path]
    assert {error["in"] for error in told["errors"]} == {"body"}


async def test_all_that_does_not_fit_is_told_at_once(client: httpx.AsyncClient):
    told = problem_of(await say(client, '{"number": [], "inner": 1, "more": 1}', "/fit"), "invalid", 422)
    assert {error["path"] for error in told["errors"]} == {"number", "inner", "more"}


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str):
    with contextlib.suppress(Refused):
        assert parse_json(text) == json.loads(text)


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**62), 2**62)
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(st.characters(exclude_categories=["Cs"])),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.text(st.characters(exclude_categories=["Cs"]), max_size=5), inner, max_size=4
            )
        ),
        max_leaves=20,
    )
)
def test_what_json_can_say_is_read(value: object):
    assert parse_json(json.dumps(value)) == value
