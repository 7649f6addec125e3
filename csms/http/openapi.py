"""The API's description in OpenAPI 3.1, with what FastAPI can't know: problems, how to show who one is, bodies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from csms.http.problems import BASE, KINDS, MEDIA_TYPE, Problem
from csms.http.sessions import COOKIE

_SCHEMAS = "#/components/schemas/{model}"
_EVERYWHERE = ("bad-request", "unauthorized", "foreign-origin", "unknown-host", "internal")
"""Kinds that each operation of the API may answer."""
HEADERS = {
    "If-Match": "Only if it is at this `ETag` (`*`: if it exists); 412 otherwise.",
    "If-None-Match": "Only if it is not at this `ETag` (`*`: if there is none).",
    "Last-Event-ID": "The `id` of the last event that came: it goes on with the next one.",
    "Idempotency-Key": "A text of your own, of at most 255 characters: the same request with it is done once.",
    "Prefer": "`wait=SECONDS`: answer when it has ended, or after so long (at most 60) as it is then.",
}
"""What headers mean wherever an operation heeds them."""


def problems(*kinds: str) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of an operation that may end with `kinds` and with what any may end with."""
    by_status: dict[int, list[str]] = {}
    for kind in dict.fromkeys((*kinds, *_EVERYWHERE)):
        by_status.setdefault(KINDS[kind].status, []).append(kind)
    return {status: _response(by_status[status]) for status in sorted(by_status)}


def _response(kinds: list[str]) -> dict[str, Any]:
    examples = {
        kind: {
            "summary": KINDS[kind].title,
            "value": {
                "type": BASE + kind,
                "title": KINDS[kind].title,
                "status": KINDS[kind].status,
                "detail": KINDS[kind].remedy,
            },
        }
        for kind in kinds
    }
    return {
        "description": "; ".join(f"{KINDS[kind].title} (`{BASE}{kind}`)" for kind in kinds),
        "content": {MEDIA_TYPE: {"schema": {"$ref": _SCHEMAS.format(model="Problem")}, "examples": examples}},
    }


def takes(model: type[BaseModel], **examples: Mapping[str, object]) -> dict[str, Any]:
    """Return the `openapi_extra` of an operation whose body is a `model`; examples by what they show."""
    shown = {name: {"summary": name.replace("_", " "), "value": value} for name, value in examples.items()}
    return {
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"$ref": _SCHEMAS.format(model=model.__name__)},
                    "examples": shown,
                }
            },
        }
    }


def heeds(*headers: str) -> dict[str, Any]:
    """Return the `openapi_extra` of an operation that heeds these headers; names in `HEADERS`."""
    return {
        "parameters": [
            {
                "name": name,
                "in": "header",
                "required": False,
                "description": HEADERS[name],
                "schema": {"type": "string"},
            }
            for name in headers
        ]
    }


def gives(model: type[BaseModel], description: str, *, headers: Iterable[str] = ()) -> dict[str, Any]:
    """Return the description of a successful answer that is a `model`."""
    told = {name: {"schema": {"type": "string"}} for name in headers}
    return {
        "description": description,
        "headers": told,
        "content": {"application/json": {"schema": {"$ref": _SCHEMAS.format(model=model.__name__)}}},
    }


def install(app: FastAPI, *, taken: Iterable[type[BaseModel]], given: Iterable[type[BaseModel]]) -> None:
    """Let `app` describe itself; its operations take `taken`, and give `given` or problems."""
    schemas = _schemas((*given, Problem), "serialization") | _schemas(taken, "validation")

    def describe() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _described(app, schemas)
        return app.openapi_schema

    app.openapi = describe


def _schemas(models: Iterable[type[BaseModel]], mode: JsonSchemaMode) -> dict[str, Any]:
    _, definitions = models_json_schema([(model, mode) for model in models], ref_template=_SCHEMAS)
    return definitions["$defs"]


def _described(app: FastAPI, schemas: dict[str, Any]) -> dict[str, Any]:
    document = get_openapi(
        title=app.title,
        version=app.version,
        openapi_version="3.1.0",
        summary=app.summary,
        routes=app.routes,
    )
    for item in document["paths"].values():
        for operation in item.values():
            # What FastAPI assumes of every operation with a parameter; ours say for themselves how they fail.
            if "HTTPValidationError" in str(operation["responses"].get("422")):
                del operation["responses"]["422"]
    document["components"] = {
        "schemas": dict(sorted(schemas.items())),
        "securitySchemes": {
            "token": {"type": "http", "scheme": "bearer", "description": "The setting `api_token`."},
            "session": {
                "type": "apiKey",
                "in": "cookie",
                "name": COOKIE,
                "description": "What `POST /api/v1/login` sets; changes must come from a page of this server.",
            },
        },
    }
    # An empty requirement is "nobody asks": bound to loopback without a token.
    document["security"] = [{"token": []}, {"session": []}, {}]
    return document
