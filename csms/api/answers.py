"""How a resource leaves: as JSON that holds no number that JSON hasn't, with the `ETag` of what can be changed of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from fastapi import Response
from pydantic import BaseModel

from csms.http.conditions import etag


def json_of(content: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return `content`, made of what JSON knows and of `msgspec.Raw`; infinities become null."""
    return Response(msgspec.json.encode(content), status, dict(headers or {}), "application/json")


def shown(model: BaseModel, *, revision: int, status: int = 200, location: str | None = None) -> Response:
    """Return one resource."""
    headers = {"ETag": etag(revision), "Cache-Control": "no-cache"}
    if location is not None:
        headers["Location"] = location
    return json_of(model.model_dump(mode="json"), status=status, headers=headers)


def listed(models: Sequence[BaseModel], next_cursor: str | None) -> Response:
    """Return a part of a list."""
    return json_of({"items": [model.model_dump(mode="json") for model in models], "next_cursor": next_cursor})
