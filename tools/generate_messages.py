"""Write the typed messages of one OCPP version from the JSON schemas that the `ocpp` package ships.

    python -m tools.generate_messages v16        writes csms/ocpp/v16/messages.py
    python -m tools.generate_messages v16 -      prints it

Each object of a schema becomes a `msgspec.Struct`, each enumeration a `Literal`, in the schema's order
and under the wire's names. Two objects of the same name and shape are one class; of the same name and
different shape, all but the first get their owner's name in front. `multipleOf` and `format` are no
matter of the classes: `csms.ocpp.schemas.find_fault` checks them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
from msgspec import Struct, field

from csms.ocpp.schemas import Schema, actions, folder, request_schema, response_schema

WIDTH = 110

NAMES: dict[str, dict[str, str]] = {
    "v16": {
        # What the standard calls classes that the schemas only know by the member that holds them.
        "chargingProfile": "ChargingProfile",
        "configurationKey": "KeyValue",
        "csChargingProfiles": "ChargingProfile",
        "localAuthorizationList": "AuthorizationData",
    },
}
"""Version package → member → class, where capitalising the member's name is not enough."""

VERSIONS = {"v16": "1.6", "v201": "2.0.1", "v21": "2.1"}


class Named(Struct):
    """An object or enumeration of the schemas on its way to a name."""

    owner: str
    """The class it was found in."""
    plain: str
    """Its name if nobody else claims it."""
    schema: Schema


class Module(Struct):
    """The classes of one version, in the order in which Python must read them."""

    version: str
    structs: dict[str, Schema] = field(default_factory=dict[str, Schema])
    enums: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    requests: list[str] = field(default_factory=list[str])
    responses: list[str] = field(default_factory=list[str])
    used_by: dict[str, list[str]] = field(default_factory=dict[str, list[str]])


def capitalised(name: str) -> str:
    """Return a member's name as a class is called."""
    return name[0].upper() + name[1:]


def shape(schema: Schema) -> bytes:
    """Return what makes two objects the same class."""

    def bare(node: Schema) -> Schema:
        return msgspec.structs.replace(
            node,
            properties={name: bare(member) for name, member in node.properties.items()},
            items=None if node.items is None else bare(node.items),
            title=None,
            description=None,
            comment=None,
            ref=None,
            java_type=None,
            dialect=None,
            identity=None,
        )

    return msgspec.json.encode(bare(schema))


class Collector:
    """Finds every class of a version and gives each its name."""

    def __init__(self, version: str) -> None:
        """Start with nothing."""
        self.module = Module(version)
        self._names = NAMES.get(version, {})
        self._shapes: dict[str, bytes] = {}
        self._enum_shapes: dict[str, set[tuple[str, ...]]] = {}

    def collect(self) -> Module:
        """Walk all schemas."""
        module = self.module
        for action in actions(module.version):
            for suffix, read, names in (
                ("Request", request_schema, module.requests),
                ("Response", response_schema, module.responses),
            ):
                # 2.1's NotifyPeriodicEventStream is sent without ever being answered.
                if suffix == "Response" and not (folder(module.version) / f"{action}Response.json").exists():
                    continue
                self._gather_enums(read(module.version, action))
                names.append(action)
        for action in module.requests:
            self._add_struct(f"{action}Request", request_schema(module.version, action), f"{action} request")
            if action in module.responses:
                name = f"{action}Response"
                self._add_struct(name, response_schema(module.version, action), f"{action} response")
        return module

    def plain_name(self, member: str, schema: Schema) -> str:
        """Return what an object or enumeration held by `member` is called if nobody else claims it."""
        if schema.ref is not None:
            return schema.java_type or schema.ref.removesuffix("Type").removesuffix("Enum")
        return self._names.get(member, capitalised(member))

    def _gather_enums(self, schema: Schema) -> None:
        for name, member in schema.properties.items():
            inner = member.items or member
            if inner.enum is not None:
                self._enum_shapes.setdefault(self.plain_name(name, inner), set()).add(inner.enum)
            self._gather_enums(inner)

    def _add_struct(self, name: str, schema: Schema, user: str) -> None:
        module = self.module
        for member_name, member in schema.properties.items():
            inner = member.items or member
            if inner.enum is not None:
                module.enums.setdefault(self.enum_name(name, member_name, inner), inner.enum)
            elif inner.type == "object":
                self._add_struct(self.struct_name(name, member_name, inner), inner, user)
        module.structs.setdefault(name, schema)
        users = module.used_by.setdefault(name, [])
        if user not in users:
            users.append(user)

    def enum_name(self, owner: str, member: str, schema: Schema) -> str:
        """Return the name of an enumeration; where one name has two shapes each bears its owner's."""
        plain = self.plain_name(member, schema)
        return plain if len(self._enum_shapes[plain]) == 1 else f"{owner}{plain}"

    def struct_name(self, owner: str, member: str, schema: Schema) -> str:
        """Return the name of an object; the first shape of a name keeps it."""
        plain = self.plain_name(member, schema)
        this = shape(schema)
        if self._shapes.setdefault(plain, this) == this:
            return plain
        return f"{owner}{plain}"

    def type_of(self, owner: str, member: str, schema: Schema) -> str:
        """Return the annotation of a member's value."""
        if schema.type == "array":
            element = "Raw" if schema.items is None else self.type_of(owner, member, schema.items)
            return annotated(
                f"tuple[{element}, ...]", min_length=schema.min_items, max_length=schema.max_items
            )
        if schema.enum is not None:
            return self.enum_name(owner, member, schema)
        if schema.type == "object":
            return self.struct_name(owner, member, schema)
        if schema.type == "string":
            return "str" if schema.max_length is None else f"String{schema.max_length}"
        python = {"integer": "int", "number": "float", "boolean": "bool", None: "Raw"}[schema.type]
        low = None if schema.minimum is None else f"{schema.minimum.normalize():f}"
        high = None if schema.maximum is None else f"{schema.maximum.normalize():f}"
        return annotated(python, ge=low, le=high)


def annotated(python: str, **limits: str | int | None) -> str:
    """Return `python` with the limits that are given."""
    given = ", ".join(f"{name}={limit}" for name, limit in limits.items() if limit is not None)
    return f"Annotated[{python}, Meta({given})]" if given else python


def wrapped(head: str, items: list[str], tail: str) -> list[str]:
    """Return `head` items `tail` on one line, or one item a line where that is too long."""
    line = f"{head}{', '.join(items)}{tail}"
    if len(line) <= WIDTH:
        return [line]
    return [head, *(f"    {item}," for item in items), tail]


def member_lines(collector: Collector, owner: str, schema: Schema) -> Iterator[str]:
    """Yield the annotations of a class, broken where the formatter would break them."""
    for name, member in schema.properties.items():
        annotation = collector.type_of(owner, name, member)
        if name not in schema.required:
            annotation += " | UnsetType"
            line = f"    {name}: {annotation} = UNSET"
            broken = (f"    {name}: {annotation} = (", "        UNSET", "    )")
            if len(broken[0]) > WIDTH:
                broken = (f"    {name}: (", f"        {annotation}", "    ) = UNSET")
        else:
            line = f"    {name}: {annotation}"
            inner = annotation.removeprefix("Annotated[").removesuffix("]")
            broken = (f"    {name}: Annotated[", f"        {inner}", "    ]")
        yield from (line,) if len(line) <= WIDTH else broken


def struct_lines(collector: Collector, name: str, schema: Schema) -> Iterator[str]:
    """Yield one class."""
    options = ["Message", "frozen=True", "kw_only=True"]
    if schema.additional_properties:
        options.append("forbid_unknown_fields=False")
    users = collector.module.used_by[name]
    what = f"{users[0]}." if name == users[0].replace(" r", "R") else f"Part of {', '.join(users)}."
    if len(what) > WIDTH - 10:
        what = f"Part of {len(users)} messages."
    yield from ("", "", *wrapped(f"class {name}(", options, "):"), f'    """{what}"""')
    members = list(member_lines(collector, name, schema))
    if members:
        yield from ("", *members)


def table_lines(name: str, what: str, entries: list[str], suffix: str) -> Iterator[str]:
    """Yield a table action → class."""
    yield from ("", f"{name}: dict[str, type[Message]] = {{")
    yield from (f'    "{action}": {action}{suffix},' for action in entries)
    yield from ("}", f'"""{what}"""')


def render(version: str) -> str:
    """Return the module of a version package as text."""
    collector = Collector(version)
    module = collector.collect()
    body = [line for name, schema in module.structs.items() for line in struct_lines(collector, name, schema)]
    text = "\n".join(body)
    lengths = sorted({length for length in _lengths(module) if f"String{length}" in text})
    uses: Callable[[str], bool] = text.__contains__
    imports = [
        name
        for name, used in (
            ("UNSET", True),
            ("Meta", bool(lengths) or uses("Meta(")),
            ("Raw", uses("Raw")),
            ("Struct", True),
            ("UnsetType", True),
        )
        if used
    ]
    lines = [
        f'"""The messages of OCPP {VERSIONS[version]}, one class for each object of its schemas.',
        "",
        f"Generated by `python -m tools.generate_messages {version}`; do not edit.",
        '"""',
        "",
        "from typing import Annotated, Literal",
        "",
        f"from msgspec import {', '.join(imports)}",
        "",
        *(f"String{n} = Annotated[str, Meta(max_length={n})]" for n in lengths),
        "",
    ]
    for name, values in module.enums.items():
        lines += wrapped(f"{name} = Literal[", [f'"{value}"' for value in values], "]")
    lines += [
        "",
        "",
        "class Message(Struct, frozen=True, gc=False, forbid_unknown_fields=True):",
        '    """What all messages share: they never change, hold no cycles and know all their members."""',
        *body,
        "",
        *table_lines("REQUESTS", "By action.", module.requests, "Request"),
        *table_lines("RESPONSES", "By action.", module.responses, "Response"),
    ]
    return "\n".join(lines) + "\n"


def _lengths(module: Module) -> Iterator[int]:
    for schema in module.structs.values():
        for member in schema.properties.values():
            inner = member.items or member
            if inner.max_length is not None:
                yield inner.max_length


def main(arguments: list[str]) -> int:
    """Write or print the module that the command line asks for."""
    if not arguments or arguments[0] not in VERSIONS or arguments[1:] not in ([], ["-"]):
        print(__doc__, file=sys.stderr)
        return 2
    text = render(arguments[0])
    if arguments[1:]:
        sys.stdout.write(text)
    else:
        Path("csms", "ocpp", arguments[0], "messages.py").write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
