"""A station of a site: whether it can be told limits now, in which form, and what is asked of it besides."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from balancer.observations import Capability, OursCleared, StationBooted, StationOffline, StationOnline
from balancer.orders import InstallFailsafe, SetLimit
from balancer.site import Evse, EvseKey
from balancer.units import Amperes
from csms.domain.control import (
    ClearOwnProfiles,
    FailsafeOrder,
    LimitOrder,
    OrderOutcome,
    OrderVerdict,
    RateUnit,
    ReadConfiguration,
    StationOrder,
    WriteConfiguration,
)
from csms.domain.records import StationBooted as BootRecorded
from csms.usecases.balancing.desk import Job
from csms.usecases.balancing.findings import Findings
from csms.usecases.balancing.forms import outlives
from csms.usecases.balancing.gate import GATE_KEYS, KEPT_A, READ_KEYS
from csms.usecases.balancing.station_forms import FormedStation, Limit

READS_MAX = 3
"""Who doesn't answer what it is asked of itself is tried with the most usual form."""
ASK_AGAIN_US = 5_000_000
"""What could not be sent is not tried again sooner (site time)."""
GIVEN_UP_S = 3600.0
"""A station that took no form is tried again after its next boot, but not oftener (site time)."""
NEAR_BELOW_A, NEAR_ABOVE_A = 2.0, 1.0
"""What a car may draw beside its limit and still show that it follows."""
CLOCK_STEP_S = 5.0
"""A clock's error that changed by less is not worth telling."""


class Station(FormedStation):
    """A station that is asked, told and listened to; finds out, and says what to tell the controller."""

    # --- its connection

    def connects(self, found: Findings, at_us: int) -> None:
        """Note a new connection, also one in place of an old one."""
        self._leaves(found, at_us)
        self.connected, self._booted = True, False
        self._clearings.again()
        self._settle(at_us)
        self.clock.connected(at_us, self._options.replay_s)

    def disconnects(self, found: Findings, at_us: int) -> None:
        """Note that there is none any more."""
        self.connected = False
        self._leaves(found, at_us)

    def boots(self, found: Findings, boot: BootRecorded) -> None:
        """Note a boot: what it was told may be forgotten, and it is left alone for a while."""
        at_us = boot.booted_at_us
        changed = self._firmware is not None and boot.firmware != self._firmware
        self._vendor, self._model, self._firmware = boot.vendor, boot.model, boot.firmware
        self._boot_status, self._booted = boot.boot_status, True
        self._read_wanted, self._read_so_far, self._reads_failed = True, None, 0
        self.gate.booted()
        found.observe(StationBooted(self.name, at_us / 1e6))
        found.never_left(self.desk.drop(), at_us)
        self.limits.clear()
        self._clearings.again()
        self._settle(at_us)
        rested = not self.ladder.known.movable and at_us - self._given_up_us >= GIVEN_UP_S * 1e6
        if changed or rested:
            self.ladder.start_over(self._firmware)

    def car_left(self, found: Findings, evse: int, transaction: str, at_us: int) -> None:
        """Note that a transaction is over, and what was to be told about it."""
        self.limits.pop(evse, None)
        self._drew_a.pop(evse, None)
        over = self.desk.drop(
            lambda job: isinstance(job.wanted, SetLimit) and job.wanted.transaction == transaction
        )
        found.never_left(over, at_us)

    def _settle(self, at_us: int) -> None:
        self.quiet_until_us = at_us + int(self._options.settle_s * 1e6)

    def _leaves(self, found: Findings, at_us: int) -> None:
        found.never_left(self.desk.drop(), at_us)
        if self.online:
            self.online = False
            found.observe(StationOffline(self.name, at_us / 1e6))

    # --- each step

    def look(self, found: Findings, now_us: int, *, enforcing: bool) -> None:
        """Tell the controller what it must know before it decides, and ask the station what is not known of it."""
        self._steered = steered = enforcing and self.managed and bool(self.evses)
        self.gate.want(wanted=steered and self.form_known and (self.crowded or not self.movable))
        if self.gate.is_worth(now_us) != self._gated:
            self._gated = not self._gated
            self._save(found, now_us)
        if steered:
            welcome = self.connected and self._boot_status == "Accepted"
            settled = now_us >= self.quiet_until_us
            # Who boots is asked as soon as it may be, so that nobody need make room for it.
            up = welcome and self.form_known and (settled or self.online or self._booted)
        else:
            found.never_left(self.desk.drop(lambda job: not (self.evses and _clears(job))), now_us)
            if self.desk.under_way is not None and not _clears(self.desk.under_way):
                self.desk.under_way.withdrawn = True
            welcome = settled = False
            up = self.connected
        if self.online and not up:
            self._leaves(found, now_us)
        if welcome and settled:
            self._ask(now_us)
        self._see_who_leaves(found, now_us)
        self._tell_capabilities(found, enforcing=enforcing)
        if up and not self.online:
            self.online = True
            found.observe(StationOnline(self.name, now_us / 1e6))

    def _see_who_leaves(self, found: Findings, now_us: int) -> None:
        """Count at its worst whoever is steered no more, before our profiles are taken off."""
        here = {evse.key.evse for evse in self.evses}
        leaving = self._installed - here if self._steered else set(self._installed)
        for evse in sorted(leaving - self._leaving):
            self.limits.pop(evse, None)
            if evse in here:
                found.observe(OursCleared(EvseKey(self.name, evse), now_us / 1e6))
        for evse in self._leaving - leaving:
            self._clearings.forget(evse)
            self.desk.drop(lambda job, evse=evse: _clears(job, evse))
        self._leaving = leaving

    def clear(self, now_us: int, may_release: Callable[[EvseKey], bool]) -> None:
        """Ask for what is to be cleared: what is in the way of another form, and what is steered no more.

        `may_release` tells whether the site has room for all that an EVSE may draw without our profiles.
        """
        if not self.evses or not self._is_welcome(now_us):
            return  # who is in the site no more may be another site's already
        for evse in sorted(self._leaving):
            if may_release(EvseKey(self.name, evse)):
                self._clearings.want(evse, self.ladder.form)
        asked = [job.wanted for job in self.desk.jobs()]
        for order in self._clearings.due(now_us):
            if order not in asked:
                self.desk.put(order, now_us)

    def is_held(self, may_release: Callable[[EvseKey], bool]) -> bool:
        """Tell whether it left the site, and our profiles must stay until there is room for what it may draw."""
        return not self.evses and not all(may_release(EvseKey(self.name, evse)) for evse in self._leaving)

    def times_us(self) -> Iterator[int]:
        """Yield when it may be asked more, or again."""
        yield from (self.quiet_until_us, self.ask_from_us)
        yield from self._clearings.times_us()

    def ask_later(self, now_us: int) -> None:
        """Ask nothing more for a moment: what was asked just now could not be sent."""
        self.ask_from_us = now_us + ASK_AGAIN_US

    def _ask(self, now_us: int) -> None:
        if now_us < self.ask_from_us:
            return
        if self.desk.holds(ReadConfiguration) or self.desk.holds(WriteConfiguration):
            return
        if self._read_wanted:
            self.desk.put(ReadConfiguration(so_far=self._read_so_far), now_us)
        elif self._setup.following is not None:
            self.desk.put(self._setup.following, now_us)
        elif self.gate.following is not None:
            self.desk.put(self.gate.following, now_us)

    def _tell_capabilities(self, found: Findings, *, enforcing: bool) -> None:
        error_s = self.clock.error_s
        if abs(error_s - self.clock_error_s) > max(CLOCK_STEP_S, self.clock_error_s / 4):
            self.clock_error_s = float(math.ceil(error_s))
        form = self.ladder.form
        for evse in self.evses:
            capability = Capability(
                evse.key,
                movable=self.movable or not (enforcing or self.managed),
                leases=form.periods_max > 1,
                clock_error_s=self.clock_error_s,
                obeys_within_s=self._options.obeys_s,
                in_watts=form.unit is RateUnit.WATT or evse.supply == "DC",
                failsafe_at_least_a=min(self.ladder.known.failsafe_at_least_a, evse.max_a),
                gated=self._gated,
                starts_within_s=self.gate.starts_within_s,
            )
            if self._told.get(evse.key) != capability:
                self._told[evse.key] = capability
                found.observe(capability)

    def following(self, now_us: int) -> Job | None:
        """Return what may be sent now, and put it under way."""
        if not self._is_welcome(now_us):
            return None
        return self.desk.following(failsafe_last=outlives(self.ladder.form))

    def _is_welcome(self, now_us: int) -> bool:
        return self.connected and self._boot_status == "Accepted" and now_us >= self.quiet_until_us

    def leaves(self, found: Findings, order: StationOrder, now_us: int) -> None:
        """Remember, before an order leaves, where there are profiles of ours from then on."""
        if isinstance(order, FailsafeOrder | LimitOrder) and order.evse not in self._installed:
            self._installed.add(order.evse)
            self._save(found, now_us)

    # --- how orders ended

    def limit_ended(self, found: Findings, job: Job, outcome: OrderOutcome, now_us: int) -> None:
        """Take in how a running limit ended."""
        order = job.wanted
        if not isinstance(order, SetLimit):
            return
        if outcome.verdict is OrderVerdict.ACCEPTED and isinstance(job.sent, LimitOrder):
            self.limits[order.evse.evse] = Limit(order.transaction, order.limit_a, job.sent, now_us)
        self._judge(found, lambda: self.ladder.limit_answered(outcome.verdict), now_us, outcome.detail)

    def failsafe_ended(self, found: Findings, job: Job, outcome: OrderOutcome, now_us: int) -> None:
        """Take in how a failsafe ended; where it went as the running limit's repetition, that is what ended."""
        wanted = job.wanted
        if not isinstance(wanted, InstallFailsafe):
            return
        self._judge(found, lambda: self._failsafe_answered(wanted.limit_a, outcome), now_us, outcome.detail)
        if self.ladder.known.failsafe_at_least_a > wanted.limit_a:
            for evse in self.evses:
                # Nothing of ours is there; to be tried anew at once.
                found.observe(OursCleared(evse.key, now_us / 1e6))

    def _failsafe_answered(self, limit_a: float, outcome: OrderOutcome) -> bool:
        """Judge a failsafe's answer; where a station refuses 0 A in all forms, see whether it takes 6 A."""
        changed = self.ladder.failsafe_answered(outcome.verdict)
        refused = outcome.verdict is OrderVerdict.REJECTED and not self.ladder.known.movable
        if refused and limit_a < KEPT_A:
            self.ladder.keep_at_least(KEPT_A)
        return changed

    def read_ended(
        self, found: Findings, wanted: ReadConfiguration, outcome: OrderOutcome, now_us: int
    ) -> None:
        """Take in what it says of itself, or that it doesn't."""
        if wanted.keys == READ_KEYS:
            if wanted.so_far is self.gate.so_far:
                self._gate_read(found, outcome, now_us)
            return
        if outcome.verdict is OrderVerdict.NOT_SENT or wanted.so_far is not self._read_so_far:
            return
        if outcome.verdict is OrderVerdict.UNKNOWN:
            self._reads_failed += 1
            if self._reads_failed < READS_MAX:
                self._settle(now_us)
                return
        if not outcome.complete:
            self._read_so_far = outcome
            return
        self._read_wanted, self.form_known = False, True
        said = outcome.smart_charging
        if outcome.verdict is not OrderVerdict.ACCEPTED or said is None:
            return
        self._warn_of_rotation(found, said, now_us)
        self._setup.begin(said)
        self._judge(found, lambda: self.ladder.learn(said), now_us, "it says so")
        self._save(found, now_us)

    def _gate_read(self, found: Findings, outcome: OrderOutcome, now_us: int) -> None:
        trouble = self.gate.trouble
        self.gate.read_ended(outcome, now_us)
        if self.gate.trouble not in {None, trouble}:
            text = f"its maximum is reserved: {self.gate.trouble}"
            found.alarm("gate-open", text, now_us, station=self.wire_id)

    def clear_ended(
        self, found: Findings, wanted: ClearOwnProfiles, outcome: OrderOutcome, now_us: int
    ) -> None:
        """Take in how a clearing ended; what was installed while it was under way may be gone too."""
        verdict, evse = outcome.verdict, wanted.evse
        if self._clearings.ended(wanted, verdict, now_us):
            text = f"it refuses to clear our profiles ({outcome.detail}); it is asked again"
            found.alarm("not-cleared", text, now_us, station=self.wire_id, evse=evse)
        if verdict is OrderVerdict.ACCEPTED and evse in self._leaving:
            self._leaving.discard(evse)
            self._installed.discard(evse)
            self._save(found, now_us)
        here = any(one.key.evse == evse for one in self.evses)
        if here and verdict in {OrderVerdict.ACCEPTED, OrderVerdict.UNKNOWN}:
            found.observe(OursCleared(EvseKey(self.name, evse), now_us / 1e6))

    def write_ended(self, wanted: WriteConfiguration, outcome: OrderOutcome) -> None:
        """Take in how a configuration write ended."""
        if wanted.key in GATE_KEYS:
            self.gate.write_ended(outcome)
        else:
            self._setup.answered(outcome)

    # --- what is measured

    def disobeys(self, found: Findings, now_us: int) -> None:
        """Take in that current did not follow a limit."""
        cleared = self._judge(found, self.ladder.disobeyed, now_us, "its current did not follow")
        if cleared is not None:
            self._clear(found, cleared, now_us)

    def drew(self, found: Findings, evse: Evse, current_a: Amperes, at_us: int) -> None:
        """Take in a sample: does it follow its limit?"""
        drawn_a, before_a = max(current_a), self._drew_a.get(evse.key.evse, 0.0)
        self._drew_a[evse.key.evse] = drawn_a
        limit = self.limits.get(evse.key.evse)
        if limit is None or at_us < limit.accepted_at_us + int(self._options.obeys_s * 1e6):
            self._drew_a[evse.key.evse] = max(drawn_a, before_a)
            return
        paused = limit.limit_a == 0 and before_a > evse.min_a / 2 and drawn_a < NEAR_ABOVE_A
        below_a = limit.limit_a - drawn_a
        near = 0 < limit.limit_a <= evse.max_a - NEAR_BELOW_A and -NEAR_ABOVE_A <= below_a <= NEAR_BELOW_A
        if paused or near:
            self._judge(found, lambda: self.ladder.followed(limit.limit_a), at_us, "its current follows")


def _clears(job: Job, evse: int | None = None) -> bool:
    """Tell whether a job clears our profiles, of that EVSE where one is named."""
    return isinstance(job.wanted, ClearOwnProfiles) and evse in {None, job.wanted.evse}
