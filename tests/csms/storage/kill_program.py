"""Submits transactions for ever and prints the number of each as soon as it is acknowledged, to be killed meanwhile.

Arguments: the store's URL, the first number. Resent ones get other ids, as they would from a station.
"""

from __future__ import annotations

import asyncio
import os
import sys

from csms.clock import SystemClock
from csms.domain.records import EventRecorded, SampleRecorded, StationRegistered, TokenSeen, TransactionOpened
from csms.storage import open_storage, token_hmac

SECRET = bytes(range(32))
TOKEN = token_hmac(SECRET, "04A2B3C4", "ISO14443")
IN_FLIGHT = 50


async def main(url: str, first: int) -> None:
    clock = SystemClock()
    storage = await open_storage(url, clock=clock, secret=SECRET)
    storage.submit([StationRegistered("CP-1", clock.now_us())], lambda _: None)
    number = first
    failed = asyncio.Event()

    def submit() -> None:
        nonlocal number
        this, number = number, number + 1
        ocpp_id, now_us = storage.next_ocpp_id(), clock.now_us()
        # fmt: off
        storage.submit(
            [
                TokenSeen(f"tok-{os.getpid()}", "04A2B3C4", "ISO14443", TOKEN, now_us),
                TransactionOpened(f"{os.getpid()}-{this}", str(ocpp_id), "CP-1", None, 1, 1, TOKEN, "Accepted",
                                  now_us, str(this), now_us, 0.0, None, 0),
                SampleRecorded("CP-1", None, 1, 1, f"{os.getpid()}-{this}", this, this, now_us, "Transaction.Begin",
                               0.0, None, None, None, None, None, None, None, None, None, None, "{}", 0),
                EventRecorded("transaction.started", "CP-1", None, now_us, b"%d" % this),
            ],
            lambda error: acknowledge(this, ocpp_id, error),
        )
        # fmt: on

    def acknowledge(this: int, ocpp_id: int, error: Exception | None) -> None:
        if error is not None:
            print(error, file=sys.stderr)  # noqa: T201
            failed.set()
            return
        os.write(1, b"%d %d\n" % (this, ocpp_id))
        submit()

    for _ in range(IN_FLIGHT):
        submit()
    await failed.wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
