"""Every kind of event that is written anywhere can be followed."""

from __future__ import annotations

import re

from csms.domain.logged import FOLLOWED, KINDS
from tests.architecture.tree import ROOT

WRITTEN = re.compile(r'(?:event_log\.line\(|EventRecorded\()\s*(?:kind=)?"([a-z.-]+)"')


def test_every_kind_that_is_written_is_known():
    written = {
        kind for path in (ROOT / "csms").rglob("*.py") for kind in WRITTEN.findall(path.read_text("utf-8"))
    }
    assert {"station.connected", "connector.status", "alarm"} <= written
    assert written - set(KINDS) == set()


def test_the_kinds_of_the_contract_are_followed_without_asking():
    assert set(FOLLOWED) == {
        "station.connected",
        "station.disconnected",
        "connector.status",
        "transaction.started",
        "transaction.updated",
        "transaction.ended",
        "site.state",
        "command.state",
        "alarm",
    }
    assert len(set(KINDS)) == len(KINDS)
