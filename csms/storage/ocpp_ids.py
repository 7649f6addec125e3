"""Transaction ids of OCPP 1.6: integers from blocks that are reserved durably before any of their ids is used."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog

from csms.domain.errors import RecordRefused, StorageError
from csms.storage.own_records import IdBlockReserved

_log = structlog.get_logger(__name__)

NAME = "ocpp-1.6"
SIZE = 1_000
END = 2**31
"""OCPP 1.6 §7.27 says integer, and stations keep 32 bits with a sign."""
_TRIES = 5

Reserve = Callable[[IdBlockReserved], Awaitable[None]]
"""Makes a block durable; raises `RecordRefused` where another process has it."""


class OcppIds:
    """Gives out each id once, also across processes and kills; the ids of a block that a kill cut short are lost."""

    def __init__(
        self, reserve: Reserve, first_free: Callable[[], Awaitable[int]], now_us: Callable[[], int]
    ) -> None:
        self._reserve = reserve
        self._first_free = first_free
        self._now_us = now_us
        self._current = range(0)
        self._spare = range(0)
        self._problem = "no ids were reserved yet"

    def needs_refill(self) -> bool:
        """Tell whether it is time to reserve ahead: half of the last block is used."""
        return not self._spare and len(self._current) <= SIZE // 2

    def next(self) -> int:
        """Return a fresh id.

        Raises `StorageError` where none is left, because none could be reserved or because all are used.
        """
        if not self._current:
            self._current, self._spare = self._spare, range(0)
        if not self._current:
            raise StorageError(f"no transaction id can be given out: {self._problem}")
        given = self._current[0]
        self._current = self._current[1:]
        return given

    async def refill(self) -> None:
        """Reserve the next block. Raises `StorageError` where that can't be done."""
        try:
            block = await self._reserved()
        except StorageError as error:
            self._problem = str(error)
            raise
        if self._current:
            self._spare = block
        else:
            self._current = block

    async def _reserved(self) -> range:
        for _ in range(_TRIES):
            first = await self._first_free()
            if first >= END:
                raise StorageError(f"all {END - 1} transaction ids of OCPP 1.6 are used up")
            size = min(SIZE, END - first)
            try:
                await self._reserve(IdBlockReserved(NAME, first, size, self._now_us()))
            except RecordRefused:
                continue  # another process was quicker
            return range(first, first + size)
        raise StorageError("other processes keep taking the transaction ids")
