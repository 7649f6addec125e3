from __future__ import annotations

import pytest

from csms.domain.answers import Acknowledged
from csms.domain.events import NoticeReceived
from csms.ocpp.dialect import Decoded
from csms.ocpp.v16 import DIALECT


@pytest.mark.parametrize(
    ("action", "kind", "status"),
    [
        ("FirmwareStatusNotification", "firmware.status", "Installed"),
        ("DiagnosticsStatusNotification", "diagnostics.status", "UploadFailed"),
    ],
)
def test_a_status_of_files_is_kept_and_acknowledged(action, kind, status):
    payload = b'{"status":"%s"}' % status.encode()
    assert DIALECT.decode(action, payload, 0) == Decoded(NoticeReceived(kind=kind, data=payload.decode()))
    assert DIALECT.encode(action, Acknowledged()) == b"{}"
