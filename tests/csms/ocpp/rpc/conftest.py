from collections.abc import Callable
from itertools import count

import pytest

from csms.ocpp.rpc.errors import ERROR_CODES_V2, ERROR_CODES_V16
from csms.ocpp.rpc.peer import Peer

NewPeer = Callable[..., Peer]


@pytest.fixture
def new_peer() -> NewPeer:
    """Make peers whose calls carry the ids ours-1, ours-2, …; 1.6 unless told otherwise."""

    def make(version: str = "1.6", **options: int) -> Peer:
        ids = count(1)
        codes = ERROR_CODES_V16 if version == "1.6" else ERROR_CODES_V2
        return Peer(codes, version=version, new_message_id=lambda: f"ours-{next(ids)}", **options)

    return make


@pytest.fixture
def peer(new_peer: NewPeer) -> Peer:
    return new_peer()
