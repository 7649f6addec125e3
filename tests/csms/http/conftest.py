from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.csms.http.app import Frame


@pytest.fixture
async def frame() -> Frame:
    """The frame as it is bound to loopback without a token."""
    return Frame()


@pytest.fixture
async def client(frame: Frame) -> AsyncIterator[httpx.AsyncClient]:
    async with frame.client() as client:
        yield client
