"""Time, chance and blanket excuses come in at few named places."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator

from tests.architecture.tree import modules, packages

READS_THE_CLOCK = {"csms/clock.py", "simulators/site_clock.py"}
TAKES_CHANCE = {
    "csms/app.py": "hands fresh ids to those who need them",
    "csms/http/security.py": "makes a key for this process where no secret file gives one",
    "csms/http/sessions.py": "names logins",
    "csms/settings.py": "proposes an `api_token`",
    "csms/storage/secrets.py": "makes the secret and charger keys",
    "csms/storage/register.py": "gives new tokens their ids",
    "simulators/faults.py": "makes trouble from a seed",
    "simulators/fleet.py": "staggers boots, from a seed",
    "simulators/link.py": "spreads reconnections, by the chance that it is given",
    "simulators/run.py": "spreads questions for the time, from a seed",
    "simulators/site_time.py": "spreads questions for the time, by the chance that it is given",
    "simulators/staging.py": "draws cars and arrivals from a seed",
    "simulators/station.py": "has chance of its own, from a seed",
}
CATCHES_ALL = {
    "csms/http/boundary.py": 1,  # a fault in one request must not end the connection without a word
    "csms/sites/orders.py": 1,  # nobody knows whether an order left, and its loop must hear just that
    "csms/sites/site.py": 1,  # one site's fault must not stop the others
    "balancer/targets.py": 1,  # a strategy's fault must not stop its site
    "csms/gateway/connection.py": 3,  # a fault of ours in one message, or of the store for one station
    "csms/gateway/server.py": 1,  # the store failed while a station was let in
    "csms/gateway/wheel.py": 1,  # one connection's timer must not stop the others'
    "csms/live/broadcaster.py": 1,  # what can't be shown must not end the server
    "csms/logs.py": 1,  # a library's faulty log call must not break what it was doing
    "csms/storage/writer.py": 2,  # one listener must not keep the others from hearing; a dying thread tells
}
"""How many handlers for everything a file may hold; those that clean up and raise again don't count."""

_CHANCE = {"random", "secrets", "uuid"}
_CLOCK_METHODS = {
    "now",
    "utcnow",
    "today",
    "monotonic",
    "monotonic_ns",
    "perf_counter",
    "perf_counter_ns",
    "time_ns",
}
_CLOCK_WORDS = ("current_timestamp", "datetime('now", "strftime('%s', 'now", "unixepoch('now", "unixepoch()")


def _imported(module: ast.Module) -> Iterator[str]:
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").split(".")[0]


def _reads_clock(node: ast.AST) -> bool:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        # `loop.time()` too; `value.time()` of a datetime would be caught with it, and nobody needs that.
        return node.func.attr in _CLOCK_METHODS or (node.func.attr == "time" and not node.args)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return any(word in node.value.lower() for word in _CLOCK_WORDS)
    return False


def test_only_the_clock_modules_read_a_clock():
    readers = {
        path
        for package in packages()
        for path, module in modules(package)
        if "time" in _imported(module) or any(_reads_clock(node) for node in ast.walk(module))
    }
    assert readers == READS_THE_CLOCK


def test_chance_enters_at_few_places():
    takers = {
        path
        for package in packages()
        for path, module in modules(package)
        if _CHANCE.intersection(_imported(module))
        or any(isinstance(node, ast.Attribute) and node.attr == "urandom" for node in ast.walk(module))
    }
    assert takers == TAKES_CHANCE.keys()


def _catches_all(handler: ast.ExceptHandler) -> bool:
    last = handler.body[-1]
    if isinstance(last, ast.Raise) and last.exc is None:
        return False
    if handler.type is None:
        return True
    return any(
        isinstance(node, ast.Name) and node.id in {"Exception", "BaseException"}
        for node in ast.walk(handler.type)
    )


def test_blanket_handlers_stand_only_where_a_fault_of_ours_must_not_spread():
    found = Counter(
        path
        for package in packages()
        for path, module in modules(package)
        for node in ast.walk(module)
        if isinstance(node, ast.ExceptHandler) and _catches_all(node)
    )
    assert found == CATCHES_ALL
