"""What of an account a restart must know, so that it counts nothing too low and pauses nobody."""

from __future__ import annotations

from dataclasses import replace

from balancer.account import Account
from balancer.claims import Claim, either
from balancer.orders import ExposureRow


def row_of(account: Account, now_s: float) -> ExposureRow:
    """Return what to keep: at no time from `now_s` on less than the exposure, should nothing more be heard.

    Whoever was let start and has not begun is kept as a limit with an end and without a transaction. Whether
    the EVSE is gated is not kept: until somebody says so again it counts as any other.
    """
    row = _without_hold(account, now_s)
    if account.hold is None:
        return row
    worst_a = max(row.worst_a, account.hold.limit_a)
    return replace(row, worst_a=worst_a, worst_until_s=account.hold.until_s)


def _without_hold(account: Account, now_s: float) -> ExposureRow:
    key, owner = account.evse.key, account.owner
    if account.lasting_doubt:
        return ExposureRow(key, owner, account.full_a, None, account.full_a)
    claims = account.claims()
    always_a = max(account.counted_failsafe_a, account.foreign_a or 0.0)
    after_a = min(max(always_a, *(claim.after_a for claim in claims), 0.0), account.full_a)
    worst: Claim | None = None
    for claim in claims:
        reach_a = account.reach_a(claim, now_s)
        if reach_a > after_a:
            worst = either(worst, replace(claim, limit_a=reach_a))
    settling_a = max((max(settling.exposure_a) for settling in account.settlings), default=0.0)
    if worst is not None:
        worst_a = max(worst.limit_a, settling_a)
        return ExposureRow(key, owner, worst_a, worst.until_s, after_a, worst.total_a)
    if settling_a <= after_a:
        return ExposureRow(key, owner, after_a, None, after_a)
    return ExposureRow(
        key, owner, settling_a, max(settling.until_s for settling in account.settlings), after_a
    )


def restore(account: Account, row: ExposureRow) -> None:
    """Begin with what was kept; to be proven when the station connects."""
    account.blank = False
    holds = row.transaction is None and row.worst_until_s is not None
    account.lasting_doubt = row.after_a >= account.full_a and (holds or row.worst_until_s is None)
    account.failsafe_proven = not account.lasting_doubt
    # Doubt is no failsafe: counted as one it would pass for current that is the car's anyway.
    account.failsafe_a = None if account.lasting_doubt else min(row.after_a, account.full_a)
    account.owner = row.transaction
    if holds:
        account.hold = Claim(row.worst_a, 0.0, until_s=row.worst_until_s)
    if row.worst_a > row.after_a or row.transaction is not None:
        account.running = Claim(row.worst_a, row.after_a, row.worst_until_s, row.worst_until_s, row.total_a)
