"""The API's description is right: it holds what there is, and what comes fits it."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from csms.api.site_bodies import SITE_EXAMPLE
from csms.http.problems import KINDS
from tests.architecture.tree import ROOT
from tests.csms.api.world import SITES, World, site
from tools.openapi_document import description

pytestmark = pytest.mark.anyio
METHODS = {"get", "post", "put", "patch", "delete"}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return description()


def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        f"{method.upper()} {path}": operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    }


def fits(document: dict[str, Any], schema: dict[str, Any], value: object) -> None:
    jsonschema.Draft202012Validator({**schema, "components": document["components"]}).validate(value)


def schema_of(document: dict[str, Any], name: str) -> dict[str, Any]:
    assert name in document["components"]["schemas"]
    return {"$ref": f"#/components/schemas/{name}"}


async def test_it_is_served(world: World, document: dict[str, Any]):
    assert (await world.http.get("/api/openapi.json")).json() == document


def test_it_is_kept_in_the_documents(document: dict[str, Any]):
    assert json.loads((ROOT / "docs/openapi.json").read_text("utf-8")) == document, "make openapi"


def test_it_is_openapi_3_1(document: dict[str, Any]):
    assert document["openapi"] == "3.1.0"
    assert document["info"]["title"] == "Headroom"
    assert document["info"]["version"]


def test_every_route_of_the_contract_is_described(document: dict[str, Any]):
    one = f"{SITES}/{{site_id}}"
    assert {
        f"GET {SITES}",
        f"POST {SITES}",
        f"GET {one}",
        f"PUT {one}",
        f"DELETE {one}",
        f"GET {one}/check",
        f"GET {one}/allocation",
        f"PUT {one}/nodes/{{node_id}}/cap",
        f"DELETE {one}/nodes/{{node_id}}/cap",
        f"POST {one}/meters/{{meter_id}}/readings",
        "GET /api/v1/stations",
        "POST /api/v1/stations",
        "GET /api/v1/stations/{station_id}",
        "PATCH /api/v1/stations/{station_id}",
        "DELETE /api/v1/stations/{station_id}",
        "GET /api/v1/stations/{station_id}/messages",
        "GET /api/v1/tokens",
        "POST /api/v1/tokens",
        "GET /api/v1/tokens/{token_id}",
        "PATCH /api/v1/tokens/{token_id}",
        "DELETE /api/v1/tokens/{token_id}",
        "GET /api/v1/transactions",
        "GET /api/v1/transactions/{transaction_id}",
        "PATCH /api/v1/transactions/{transaction_id}",
        "GET /api/v1/transactions/{transaction_id}/samples",
    } <= operations(document).keys()


def test_every_operation_of_the_api_says_what_it_does_and_how_it_may_fail(document: dict[str, Any]):
    for name, operation in operations(document).items():
        assert operation["summary"], name
        if "/api/v1/" not in name:
            continue
        assert operation["description"], name
        answers = operation["responses"]
        assert {"400", "401", "403", "500"} <= answers.keys(), name
        assert "HTTPValidationError" not in str(answers), name
        for status, answer in answers.items():
            if int(status) >= 400:
                assert list(answer["content"]) == ["application/problem+json"], (name, status)
        if "requestBody" in operation:
            assert {"413", "415", "422"} <= answers.keys(), name
        if "{" in name:
            assert "404" in answers or name.startswith("PUT"), name


def test_the_headers_that_an_operation_heeds_are_described(document: dict[str, Any]):
    for name, operation in operations(document).items():
        heeded = {one["name"] for one in operation.get("parameters", []) if one["in"] == "header"}
        if name.startswith("POST /api/v1") and "/log" not in name:
            assert "Idempotency-Key" in heeded, name
        if "412" in operation["responses"]:
            assert "If-Match" in heeded, name
        if "304" in operation["responses"]:
            assert "If-None-Match" in heeded, name


def test_operations_have_names_of_their_own(document: dict[str, Any]):
    names = [operation["operationId"] for operation in operations(document).values()]
    assert len(set(names)) == len(names)


def test_every_reference_leads_somewhere(document: dict[str, Any]):
    def references(value: Any) -> list[str]:
        if isinstance(value, dict):
            own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
            return own + [found for item in value.values() for found in references(item)]
        return [found for item in value for found in references(item)] if isinstance(value, list) else []

    for reference in references(document):
        assert reference.startswith("#/components/schemas/"), reference
        assert reference.rpartition("/")[2] in document["components"]["schemas"], reference


def test_every_schema_is_one(document: dict[str, Any]):
    for schema in document["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_every_example_of_a_body_fits_its_schema(document: dict[str, Any]):
    count = 0
    for operation in operations(document).values():
        for content in operation.get("requestBody", {}).get("content", {}).values():
            for example in content["examples"].values():
                fits(document, content["schema"], example["value"])
                count += 1
    assert count >= 6


def test_every_example_of_a_problem_fits_its_schema(document: dict[str, Any]):
    for operation in operations(document).values():
        for answer in operation["responses"].values():
            for content in answer.get("content", {}).values():
                for example in content.get("examples", {}).values():
                    fits(document, content["schema"], example["value"])


def test_how_to_say_who_one_is_is_described(document: dict[str, Any]):
    assert document["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    assert {"token": []} in document["security"]


async def test_a_site_as_it_comes_fits_the_description(world: World, document: dict[str, Any]):
    dc = {"station": "DC-1", "node": "main", "supply": "DC", "max_power_w": 20_000, "efficiency": 0.95}
    shown = (await world.add(site(evses=[*site()["evses"], dc]))).json()
    fits(document, schema_of(document, "Site"), shown)
    fits(document, schema_of(document, "SitePage"), (await world.http.get(SITES)).json())


async def test_the_example_of_a_site_is_taken(world: World):
    await world.add(SITE_EXAMPLE)


async def test_check_cap_and_allocation_as_they_come_fit_the_description(
    world: World, document: dict[str, Any]
):
    await world.add()
    check = (await world.http.get(f"{SITES}/depot/check")).json()
    fits(document, schema_of(document, "Check"), check)
    for body in ({"limit_a": {"L2": 5}}, {"limit_w": 5}):
        cap = (await world.http.put(f"{SITES}/depot/nodes/main/cap", json=body)).json()
        fits(document, schema_of(document, "Cap"), cap)
    fits(document, schema_of(document, "Allocation"), await world.allocation())


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", SITES, {"id": "x"}),
        ("GET", f"{SITES}/none", None),
        ("PATCH", SITES, None),
        ("GET", f"{SITES}?limit=0", None),
        ("PUT", f"{SITES}/depot", {"id": "other"}),
    ],
)
async def test_problems_as_they_come_fit_the_description(
    world: World, document: dict[str, Any], method: str, path: str, body: object
):
    problem = (await world.http.request(method, path, json=body)).json()
    fits(document, schema_of(document, "Problem"), problem)
    assert problem["type"].removeprefix("/problems/") in KINDS
