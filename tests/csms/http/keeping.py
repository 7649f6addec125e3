"""A store in memory for what HTTP must not forget; it outlives the application, as a file does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from csms.domain.errors import StorageError
from csms.domain.records import AnswerForgotten, AnswerKept, Record, SessionEnded


class Keeping:
    """Commits at once, unless it is `broken`."""

    def __init__(self) -> None:
        self.answers: dict[str, AnswerKept] = {}
        self.ended: dict[str, int] = {}
        self.broken = False

    def submit(self, records: Sequence[Record], done: Callable[[Exception | None], None]) -> None:
        tell = asyncio.get_running_loop().call_soon
        if self.broken:
            tell(done, StorageError("the disk is full"))
            return
        for record in records:
            match record:
                case AnswerKept():
                    self.answers[record.key] = record
                case AnswerForgotten(key):
                    self.answers.pop(key, None)
                case SessionEnded(session_id, until_us):
                    self.ended[session_id] = until_us
                case _:
                    raise AssertionError(record)
        tell(done, None)

    async def find_answer(self, key: str) -> AnswerKept | None:
        return self.answers.get(key)

    async def ended_sessions(self) -> dict[str, int]:
        return dict(self.ended)
