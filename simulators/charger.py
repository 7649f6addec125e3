"""A station without its network: plugs, transactions, profiles and true currents over time.

Time is an argument and only goes forward. Between two moments `advance` integrates from change to change, so
that what was drawn (`draws`) and the energy are exact. What happens meanwhile is told by `take_events`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from simulators.connector import Connector, share
from simulators.draws import Amperes, Draws
from simulators.events import (
    CablePlugged,
    CableUnplugged,
    Event,
    Session,
    SessionEnded,
    SessionStarted,
    State,
    StateChanged,
    StationBooted,
    TokenPresented,
)
from simulators.hardware import ChargerSpec
from simulators.meter import EnergyMeter, Reading
from simulators.profile_rules import LimitSource, SetAnswer
from simulators.profiles import Composite, Criteria, Installed, ProfileStore
from simulators.schedules import Profile, Unit
from simulators.skew import RIGHT, Skew
from simulators.vehicle import Vehicle


class Refusal(ValueError):
    """What is asked can't be done in this state."""


class ChargerModel:
    """One station."""

    def __init__(
        self,
        spec: ChargerSpec,
        now_s: float,
        *,
        new_transaction: Callable[[], str] | None = None,
        skew: Skew = RIGHT,
    ) -> None:
        """Switch it on at `now_s`; `new_transaction` makes 2.0.1's transaction ids (1.6 is told them)."""
        self.spec = spec
        self.skew = skew
        """How wrong its clock is: by that, and not by the true one, schedules run."""
        self.now_s = now_s
        self.powered = True
        self.obeys = spec.obeys
        self.profiles = ProfileStore(spec.rules, {evse.id: evse.phases for evse in spec.evses})
        self.connectors: dict[int, Connector] = {
            evse.id: Connector(
                evse,
                spec.rules.voltage_v,
                EnergyMeter(evse.phases, spec.rules.voltage_v, evse.register_wh),
                Draws(keep=spec.keep_draws),
            )
            for evse in spec.evses
        }
        self._new_transaction = new_transaction
        self._sessions = 0
        self._events: list[Event] = []

    # -- what it shows -----------------------------------------------------------------------------------------------

    @property
    def draws(self) -> Mapping[int, Draws]:
        """Return what each EVSE has drawn, on the site's phases."""
        return {evse: connector.draws for evse, connector in self.connectors.items()}

    def current_a(self, evse: int) -> Amperes:
        """Return what an EVSE draws now, on the site's phases."""
        return self.connectors[evse].current_a

    def offered_a(self, evse: int) -> float:
        """Return what it offers to the car now, per phase."""
        return self.connectors[evse].offered_a

    def limit_a(self, evse: int) -> float | None:
        """Return what its profiles allow now; None: anything."""
        return self.profiles.limit_a(evse, self._clock_s)

    def session(self, evse: int) -> Session | None:
        """Return the transaction that is going on."""
        return self.connectors[evse].session

    def state(self, evse: int) -> State:
        """Return its connector's state."""
        return self.connectors[evse].state

    def reading(self, evse: int) -> Reading:
        """Return what its meter shows now."""
        return self.connectors[evse].read(self.now_s)

    def composite(self, evse: int, duration_s: float, unit: Unit = "A") -> Composite | None:
        """Return what GetCompositeSchedule is answered, in the station's own time; None: Rejected."""
        ceilings_a = {one.id: one.max_a for one in self.spec.evses}
        return self.profiles.composite(evse, self._clock_s, duration_s, ceilings_a, unit)

    def take_events(self) -> Sequence[Event]:
        """Return what has happened since the last time, in order."""
        events, self._events = self._events, []
        return events

    def next_event_s(self) -> float:
        """Return when something next happens by itself; `inf`: never, as things are. It may turn out to be nothing."""
        changes = [connector.next_change_s() for connector in self.connectors.values()]
        return min([self._next_limit_s(), *changes])

    # -- time ----------------------------------------------------------------------------------------------------------

    def advance(self, to_s: float) -> float:
        """Let time pass until `to_s` and return what time it is: `to_s`, or later where that is past already."""
        while self.now_s < to_s:
            offers_s = [connector.next_offer_s() for connector in self.connectors.values()]
            due_s = min([self._next_limit_s(), *offers_s])
            until_s = min(to_s, due_s)
            for connector in self.connectors.values():
                connector.run(until_s, self._watch)
            self.now_s = until_s
            if until_s == due_s:
                self._reconsider()
        return self.now_s

    # -- people and cars -------------------------------------------------------------------------------------------------

    def plug(self, evse: int, vehicle: Vehicle, now_s: float) -> None:
        """Connect a car; an accepted token that waits for it starts a transaction."""
        now_s = self.advance(now_s)
        connector = self.connectors[evse]
        if connector.vehicle is not None:
            raise Refusal(f"{self.spec.id}/{evse} has a car already")
        vehicle.plug(now_s, wired_phases=connector.spec.phases, voltage_v=connector.voltage_v)
        connector.vehicle = vehicle
        connector.finished = False
        self._events.append(CablePlugged(evse, now_s))
        self._watch(connector, now_s)
        if connector.accepted_token is not None and self._usable(connector):
            self.start(evse, connector.accepted_token, now_s)

    def unplug(self, evse: int, now_s: float) -> Vehicle | None:
        """Disconnect the car and return it; its transaction ends."""
        now_s = self.advance(now_s)
        connector = self.connectors[evse]
        vehicle = connector.vehicle
        if vehicle is None:
            return None
        connector.open(now_s)
        vehicle.unplug()
        if connector.session is not None:
            self.stop(evse, now_s, "EVDisconnected")
        connector.vehicle = None
        connector.finished = False
        self._events.append(CableUnplugged(evse, now_s))
        self._watch(connector, now_s)
        return vehicle

    def present(self, evse: int, token: str, now_s: float) -> None:
        """Hold a token to the reader; whoever judges it calls `accept` (or `stop`)."""
        now_s = self.advance(now_s)
        self._events.append(TokenPresented(evse, now_s, token))

    def accept(
        self,
        evse: int,
        token: str,
        now_s: float,
        *,
        remote_start_id: int | None = None,
        offline: bool = False,
    ) -> Session | None:
        """Let a token charge: now where a car is plugged in, else when one comes (then None is returned)."""
        now_s = self.advance(now_s)
        connector = self.connectors[evse]
        if connector.vehicle is None:
            connector.accepted_token = token
            self._watch(connector, now_s)
            return None
        return self.start(evse, token, now_s, remote_start_id=remote_start_id, offline=offline)

    def forget_token(self, evse: int, now_s: float) -> None:
        """Wait no longer for a car (ConnectionTimeOut)."""
        now_s = self.advance(now_s)
        self.connectors[evse].accepted_token = None
        self._watch(self.connectors[evse], now_s)

    # -- transactions ------------------------------------------------------------------------------------------------------

    def start(
        self,
        evse: int,
        token: str,
        now_s: float,
        *,
        profile: Profile | None = None,
        remote_start_id: int | None = None,
        offline: bool = False,
    ) -> Session:
        """Begin a transaction of the car that is plugged in; energy is offered as profiles allow.

        `profile` came with the remote start; raises `Refusal` where there is no car, or a transaction already.
        """
        now_s = self.advance(now_s)
        connector = self.connectors[evse]
        if connector.session is not None or connector.vehicle is None or not self._usable(connector):
            raise Refusal(f"{self.spec.id}/{evse} can't start a transaction: {connector.state.value}")
        self._sessions += 1
        session = Session(
            evse=evse,
            token=token,
            started_s=now_s,
            meter_start_wh=connector.meter.register_wh,
            number=self._sessions,
            transaction=self._new_transaction() if self._new_transaction else None,
            remote_start_id=remote_start_id,
            offline=offline,
        )
        connector.session, connector.accepted_token = session, None
        self.profiles.begin(evse, self._clock_s, session.transaction)
        if profile is not None:
            self.profiles.set_for_start(evse, profile, self._clock_s)
        self._events.append(SessionStarted(evse, now_s, session, connector.read(now_s)))
        self._reconsider()
        return session

    def identify(self, evse: int, transaction: str) -> None:
        """Learn what the central system calls the transaction (1.6)."""
        session = self.connectors[evse].session
        if session is not None:
            session.transaction = transaction
            self.profiles.identify(evse, transaction)

    def stop(self, evse: int, now_s: float, reason: str) -> Session:
        """End the transaction; raises `Refusal` where there is none."""
        now_s = self.advance(now_s)
        connector = self.connectors[evse]
        session = connector.session
        if session is None:
            raise Refusal(f"{self.spec.id}/{evse} has no transaction")
        connector.open(now_s)
        connector.session, connector.finished = None, True
        session.ended_s, session.meter_stop_wh, session.reason = now_s, connector.meter.register_wh, reason
        self.profiles.end(evse)
        self._events.append(SessionEnded(evse, now_s, session, connector.read(now_s)))
        self._reconsider()
        return session

    # -- limits --------------------------------------------------------------------------------------------------------------

    def set_profile(self, evse: int, profile: Profile, now_s: float) -> SetAnswer:
        """Do as SetChargingProfile asks, and return its answer."""
        self.advance(now_s)
        answer = self.profiles.set(evse, profile, self._clock_s)
        self._reconsider()
        return answer

    def clear_profiles(self, criteria: Criteria, now_s: float) -> Sequence[Installed]:
        """Do as ClearChargingProfile asks and return what is gone; nothing: answer Unknown."""
        now_s = self.advance(now_s)
        gone = self.profiles.clear(criteria)
        self._reconsider()
        return gone

    def set_external(self, evse: int, profile: Profile, now_s: float, source: LimitSource = "EMS") -> None:
        """Take a limit from beside the central system (2.0.1 K11, K12)."""
        self.advance(now_s)
        self.profiles.set_external(evse, profile, self._clock_s, source)
        self._reconsider()

    def clear_external(self, profile_id: int, now_s: float) -> None:
        """Let such a limit end (2.0.1 K13)."""
        self.advance(now_s)
        self.profiles.clear_external(profile_id)
        self._reconsider()

    def set_clock(self, skew: Skew, now_s: float) -> None:
        """Put its clock right, or wrong."""
        self.advance(now_s)
        self.skew = skew
        self._reconsider()

    def forget_profiles(self, now_s: float) -> None:
        """Lose all profiles, as by a fault; what is charging goes on."""
        now_s = self.advance(now_s)
        self.profiles.forget()
        self._reconsider()

    def disobey(self, evse: int, offered_a: float | None, now_s: float) -> None:
        """Offer a current whatever the limits say, from the reaction time on; None: obey again."""
        now_s = self.advance(now_s)
        self.connectors[evse].disobeys_a = offered_a
        self._reconsider()

    # -- states and power ------------------------------------------------------------------------------------------------------

    def set_operative(self, evse: int, now_s: float, *, operative: bool) -> bool:
        """Change an EVSE's availability (0: all); return whether it is so now (False: after the transaction)."""
        now_s = self.advance(now_s)
        evses = self.connectors if evse == 0 else (evse,)
        for one in evses:
            self.connectors[one].operative = operative
            self._watch(self.connectors[one], now_s)
        return operative or all(self.connectors[one].session is None for one in evses)

    def fault(self, evse: int, code: str | None, now_s: float) -> None:
        """Let an EVSE fail with an error code, its contactor open; None: it works again."""
        now_s = self.advance(now_s)
        connector = self.connectors[evse]
        connector.fault = code
        if code is not None:
            connector.open(now_s)
        self._reconsider()

    def power_loss(self, now_s: float) -> None:
        """Lose the supply: all contactors open, nothing is heard until `boot`."""
        now_s = self.advance(now_s)
        self.powered = False
        for connector in self.connectors.values():
            connector.open(now_s)

    def boot(self, now_s: float, reason: str = "PowerUp", *, keep_sessions: bool = False) -> None:
        """Start anew: after a power loss, a reset, or by itself.

        Profiles and transactions go on or not as its kind does it; with `keep_sessions` what is charging
        never stops (only the communication board booted).
        """
        now_s = self.advance(now_s)
        if not self.spec.keeps_profiles:
            self.profiles.forget()
        lost = not self.powered
        self.powered = True
        self._events.append(StationBooted(now_s, reason))
        for evse, connector in self.connectors.items():
            if connector.session is not None and not keep_sessions:
                self._after_outage(evse, "PowerLoss" if lost else "Reboot")
            elif connector.session is None:
                connector.accepted_token = None
        self._reconsider()

    # -- inside ------------------------------------------------------------------------------------------------------------------

    @property
    def _clock_s(self) -> float:
        return self.skew.station_s(self.now_s)

    def _next_limit_s(self) -> float:
        """Return when a schedule changes next, in true time and after now."""
        change_s = self.profiles.next_change_s(self._clock_s)
        return max(self.skew.site_s(change_s), math.nextafter(self.now_s, math.inf))

    def _usable(self, connector: Connector) -> bool:
        return self.powered and connector.operative and connector.fault is None

    def _after_outage(self, evse: int, reason: str) -> None:
        connector = self.connectors[evse]
        if self.spec.after_power_loss == "end":
            self.stop(evse, self.now_s, reason)
        elif self.spec.after_power_loss == "lose":
            connector.open(self.now_s)
            connector.session, connector.finished = None, True
            self.profiles.end(evse)

    def _reconsider(self) -> None:
        """Take what the profiles say now to the connectors."""
        targets = self._targets()
        for evse, connector in self.connectors.items():
            if connector.session is not None and self.powered and connector.fault is None:
                phases = self.profiles.number_of_phases(evse, self._clock_s)
                connector.aim(targets[evse], phases, self.now_s)
                connector.run(self.now_s, self._watch)
            self._watch(connector, self.now_s)

    def _targets(self) -> dict[int, float]:
        """Return each EVSE's limit: its own, and its share of what the station may draw."""
        if not self.obeys:
            return dict.fromkeys(self.connectors, math.inf)
        own = {evse: self.profiles.evse_limit_a(evse, self._clock_s) for evse in self.connectors}
        limits = {evse: math.inf if limit_a is None else limit_a for evse, limit_a in own.items()}
        station_a = self.profiles.station_limit_a(self._clock_s)
        if station_a is None:
            return limits
        busy = {
            evse: min(limits[evse], connector.spec.max_a)
            for evse, connector in self.connectors.items()
            if connector.session is not None
        }
        return {**dict.fromkeys(self.connectors, 0.0), **share(station_a, busy)}

    def _watch(self, connector: Connector, at_s: float) -> None:
        if not self.powered:
            return
        state = connector.state_now()
        if state is not connector.state:
            connector.state = state
            error = connector.fault or "NoError"
            self._events.append(StateChanged(connector.spec.id, at_s, state, error))
