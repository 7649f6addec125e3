"""One-line faults in the balancer, as data: what is changed, what that would mean, and which tests must notice.

`before` and `after` are whole lines. A line that is no longer in its file fails loudly: then find the line that does
the same today.
"""

from __future__ import annotations

from typing import NamedTuple


class Fault(NamedTuple):
    """One line of one module, made wrong."""

    name: str
    file: str
    before: str
    after: str
    means: str
    caught_by: tuple[str, ...]
    """Node ids of tests, of which one must fail."""


FAULTS: tuple[Fault, ...] = ()
