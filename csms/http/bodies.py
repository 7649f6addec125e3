"""Reading bodies: JSON as strict as it can be, bounded in size, depth and numbers, then fitted to a model."""

from __future__ import annotations

import email.message
import json
import math
from collections.abc import Awaitable, Callable, Iterator
from typing import NoReturn, TypeVar, cast

from fastapi import Request
from pydantic import BaseModel, ValidationError

from csms.domain.errors import FieldProblem
from csms.http.problems import Refused, path_text, summary

BODY_MAX_BYTES = 1024 * 1024
NESTING_MAX = 64
"""Deeper JSON is nobody's site and nobody's profile."""
INTEGER_MAX = 2**63 - 1
"""Larger whole numbers fit neither the store nor a float."""

_Model = TypeVar("_Model", bound=BaseModel)


async def read_json(request: Request) -> object:
    """Return the request's body; raises `Refused` for what is no JSON or can't be meant."""
    _check_type(request)
    body = await request.body()
    if not body:
        _malformed("The body is empty; it must be JSON.")
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        _malformed(f"The body is not UTF-8: byte {error.start}.")
    return parse_json(text)


async def read_object(request: Request) -> dict[str, object]:
    """Return the request's body, which is one object; raises `Refused`."""
    value = await read_json(request)
    if not isinstance(value, dict):
        raise Refused(
            "invalid", "The body must be an object.", errors=[FieldProblem("", "must be an object")]
        )
    return cast("dict[str, object]", value)


def body_of(model: type[_Model]) -> Callable[[Request], Awaitable[_Model]]:
    """Return a dependency that reads the request's body as `model`."""

    async def read(request: Request) -> _Model:
        value = await read_json(request)
        try:
            return model.model_validate(value)
        except ValidationError as error:
            fields = [
                FieldProblem(
                    path_text(_without_branches(detail["loc"])), detail["msg"].removeprefix("Value error, ")
                )
                for detail in error.errors(include_url=False, include_input=False, include_context=False)
            ]
            raise Refused("invalid", summary(fields), errors=fields) from None

    return read


def _without_branches(place: tuple[str | int, ...]) -> Iterator[str | int]:
    """Yield the steps that are in the body: models name the branches of a choice `<branch>`."""
    return (step for step in place if not (isinstance(step, str) and step.startswith("<")))


def parse_json(text: str) -> object:
    """Return what `text` says; raises `Refused` where it is no JSON, or says more than can be meant."""
    try:
        value: object = json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_no_constant,
            parse_float=_finite,
            parse_int=_bounded,
        )
    except json.JSONDecodeError as error:
        _malformed(f"The body is not JSON: line {error.lineno}, column {error.colno}: {error.msg}.")
    except RecursionError:
        _malformed(f"The body is nested deeper than {NESTING_MAX}.")
    _check_tree(value)
    return value


def _check_type(request: Request) -> None:
    about = email.message.Message()
    about["content-type"] = request.headers.get("content-type", "")
    subtype = about.get_content_subtype()
    if about.get_content_maintype() != "application" or not (subtype == "json" or subtype.endswith("+json")):
        raise Refused("unsupported-media-type", "The body must come as Content-Type: application/json.")
    if str(about.get_param("charset") or "utf-8").lower() not in {"utf-8", "utf8"}:
        raise Refused("unsupported-media-type", "JSON is UTF-8; no other charset is taken.")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise Refused("unsupported-media-type", "The body must not be compressed.")


def _check_tree(value: object) -> None:
    """Refuse what is nested too deep, and texts that no UTF-8 can carry."""
    level: list[object] = [value]
    for _ in range(NESTING_MAX + 1):
        below: list[object] = []
        for item in level:
            if isinstance(item, str):
                _check_text(item)
            elif isinstance(item, dict):
                members = cast("dict[str, object]", item)
                below += [*members, *members.values()]
            elif isinstance(item, list):
                below += cast("list[object]", item)
        if not below:
            return
        level = below
    _malformed(f"The body is nested deeper than {NESTING_MAX}.")


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        _malformed("A text holds half a surrogate pair, which is no character.")


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    record: dict[str, object] = {}
    for name, value in pairs:
        if name in record:
            _malformed(f"The name {name[:60]!r} stands twice in one object.")
        record[name] = value
    return record


def _no_constant(name: str) -> NoReturn:
    _malformed(f"{name} is no number that JSON has.")


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        _malformed(f"The number {digits[:20]} is too large.")
    return value


def _bounded(digits: str) -> int:
    # Long ones are not even converted: that takes quadratic time.
    if len(digits) > len(str(INTEGER_MAX)) + 1 or abs(value := int(digits)) > INTEGER_MAX:
        _malformed(f"The number {digits[:20]}… is too large.")
    return value


def _malformed(detail: str) -> NoReturn:
    raise Refused("malformed-json", detail)
