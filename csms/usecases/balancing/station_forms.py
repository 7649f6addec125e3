"""What is known of a station of a site, and in which form it takes limits: kept, and told where it changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct, structs

from balancer.observations import Capability, OursCleared
from balancer.site import Evse, EvseKey
from csms.domain.control import (
    LimitOrder,
    OrderOutcome,
    Placement,
    SmartCharging,
)
from csms.domain.records import FormSaved, ModelFormSaved
from csms.domain.site import SiteStation
from csms.usecases.balancing.clearing import Clearings
from csms.usecases.balancing.clocks import StationClock
from csms.usecases.balancing.desk import Desk
from csms.usecases.balancing.findings import Findings
from csms.usecases.balancing.forms import KnownForm, Ladder, describe, form_key, same_failsafe
from csms.usecases.balancing.gate import StartGate
from csms.usecases.balancing.measuring import MeasurementSetup


class StationOptions(Struct, frozen=True, kw_only=True):
    """What all stations of a site go by; times in site seconds."""

    settle_s: float
    replay_s: float
    """How long after a connection a station may replay its queue."""
    obeys_s: float
    measurands: tuple[str, ...]
    sample_interval_s: int
    start_hold_s: float
    """How long after our consent a session begins where the station doesn't say."""


class Limit(Struct, frozen=True):
    """The running limit that an EVSE accepted last."""

    transaction: str
    limit_a: float
    order: LimitOrder
    accepted_at_us: int


class FormedStation:
    """What the loop knows of one station, and in which form it takes limits."""

    def __init__(self, name: str, options: StationOptions, new_id: Callable[[], int]) -> None:
        """Know nothing of the station that the site calls `name`."""
        self.name = name
        self.wire_id = name
        """As it is registered; ids are the same without regard to case."""
        self._options = options
        self.managed = False
        self._vendor = self._model = self._firmware = None
        self._boot_status: str | None = None
        self.connected = False
        self.online = False
        """The controller was told so."""
        self._booted = False
        """Since it connected."""
        self.quiet_until_us = 0
        self.ask_from_us = 0
        self.evses: tuple[Evse, ...] = ()
        self.ladder = Ladder(None, evses=1, direct_current=False)
        self.form_known = False
        self._given_up_us = 0
        self._read_wanted = True
        self._read_so_far: OrderOutcome | None = None
        self._reads_failed = 0
        self._said: SmartCharging | None = None
        self.clock = StationClock()
        self.clock_error_s = 0.0
        self._setup = MeasurementSetup(options.measurands, options.sample_interval_s)
        self.desk = Desk(new_id)
        self.statuses: dict[int, str] = {}
        self.limits: dict[int, Limit] = {}
        self._drew_a: dict[int, float] = {}
        self._told: dict[EvseKey, Capability] = {}
        self.gate = StartGate(options.start_hold_s)
        self._gated = False
        """The controller counts on the gate."""
        self._clearings = Clearings()
        self._installed: set[int] = set()
        """The EVSEs that profiles of ours are, or may be, on."""
        self._leaving: set[int] = set()
        """Those of them that are steered no more."""
        self._steered = False
        self._met = False
        """What is stored of it was taken over once."""
        self.crowded = False
        """The site has no room for the failsafe that it takes at least."""

    # --- what is stored, and how it is wired

    def wire(self, evses: Sequence[Evse]) -> None:
        """Take over its EVSEs in the site."""
        self.evses = tuple(evses)
        # An EVSE that left and comes back is told anew to the controller, which has forgotten it.
        keys = {evse.key for evse in evses}
        self._told = {key: told for key, told in self._told.items() if key in keys}
        self.limits = {evse: limit for evse, limit in self.limits.items() if EvseKey(self.name, evse) in keys}
        self._drew_a = {evse: drew for evse, drew in self._drew_a.items() if EvseKey(self.name, evse) in keys}
        direct_current = bool(evses) and all(evse.supply == "DC" for evse in evses)
        count = max([len(evses), *(evse.key.evse for evse in evses)])
        self.ladder.rewire(evses=count, direct_current=direct_current)

    def know(self, fact: SiteStation) -> None:
        """Take over what is stored; what was found out since is newer than a stored form."""
        newly = fact.managed and not self.managed
        self.wire_id, self.managed = fact.id, fact.managed
        if not self._booted:
            # What it said when it booted just now is newer.
            self._vendor, self._model, self._firmware = fact.vendor, fact.model, fact.firmware
            self._boot_status = fact.boot_status
        if not self._met:
            self._meet(KnownForm.read(fact.form), fact.firmware)
        if newly and not self.form_known:
            own = KnownForm.read(fact.form)
            if own is not None and own.firmware not in {None, fact.firmware}:
                own = None
            self._gated = own is not None and own.gated
            self.gate.know(shut=self._gated)
            known = own or KnownForm.read(fact.model_form)
            if known is not None:
                self.ladder.know(known)
                self.form_known = True
            self._read_wanted = own is None

    def _meet(self, own: KnownForm | None, firmware: str | None) -> None:
        """Take over which EVSEs have profiles of ours, and in which form these can be cleared."""
        self._met = True
        if own is not None and own.installed:
            self._installed.update(own.installed)
            same = own.firmware in {None, firmware}
            # With other firmware it is where our profiles stand, and else no more than a first guess.
            self.ladder.know(
                own if same else structs.replace(own, accepted=False, proven=False, movable=True)
            )

    @property
    def movable(self) -> bool:
        """Whether it can be told limits at all."""
        return self.managed and self.ladder.known.movable

    # --- its form

    def _judge(
        self, found: Findings, judge: Callable[[], bool], now_us: int, because: str
    ) -> KnownForm | None:
        """Let the ladder judge; keep and tell what changes by that. Returns what was known before a change of form."""
        before, taken = self.ladder.known, self.ladder.failsafe_taken
        if not judge():
            return None
        after = self.ladder.known
        self._save(found, now_us)
        if form_key(before) == form_key(after):
            return None
        found.never_left(self.desk.drop(lambda job: hasattr(job.wanted, "evse")), now_us)
        self.limits.clear()
        why = f" ({because})" if because else ""
        if not after.movable:
            self._given_up_us = now_us
            found.alarm("not-movable", f"it takes limits in no form{why}", now_us, station=self.wire_id)
        else:
            text = f"limits are now sent as {describe(after.form)}, no longer as {describe(before.form)}{why}"
            if after.failsafe_at_least_a > before.failsafe_at_least_a:
                text = (
                    f"it takes no failsafe of 0 A: {after.failsafe_at_least_a:g} A are tried and kept for it"
                )
            if self._installed:
                found.alarm("form-changed", text, now_us, station=self.wire_id)
            moved = after.form.placement is not before.form.placement
            in_the_way = before.accepted or after.form.placement is Placement.STATION
            left = taken and before.form.stack_level != after.form.stack_level
            if (moved and in_the_way) or left:
                self._clear(found, before, now_us)
            elif not same_failsafe(before.form, after.form):
                for evse in self.evses:
                    found.observe(OursCleared(evse.key, now_us / 1e6))
        return before

    def _clear(self, found: Findings, before: KnownForm, now_us: int) -> None:
        """Take away what was set in the old form, which might stand in the way of the new one."""
        if not self.connected:
            return
        for evse in self.evses:
            self._clearings.want(evse.key.evse, before.form)
            found.observe(OursCleared(evse.key, now_us / 1e6))

    def _save(self, found: Findings, now_us: int) -> None:
        known = structs.replace(self.ladder.known, firmware=self._firmware, gated=False, installed=())
        own = structs.replace(known, gated=self._gated, installed=tuple(sorted(self._installed)))
        found.keep(FormSaved(self.wire_id, own.written(), now_us))
        if (known.accepted or not known.movable) and self._vendor and self._model:
            found.keep(
                ModelFormSaved(self._vendor, self._model, self._firmware or "", known.written(), now_us)
            )

    def _warn_of_rotation(self, found: Findings, said: SmartCharging, now_us: int) -> None:
        if self._said is not None and self._said.rotation == said.rotation:
            return
        self._said = said
        for evse in self.evses:
            letters = said.rotation.get(evse.key.evse, "")
            wired = "".join("RST"[phase] for phase in evse.rotation)
            if len(letters) == len(wired) and set(letters) <= set("RST") and letters != wired:
                text = f"the station says its phases are {letters}, the site says {wired}: check the wiring"
                found.alarm("rotation-differs", text, now_us, station=self.wire_id, evse=evse.key.evse)
