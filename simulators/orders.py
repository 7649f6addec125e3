"""What a central system may ask of a station, in the trade's words; the dialects translate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from simulators.events import State
from simulators.host import Host
from simulators.profile_rules import SetAnswer
from simulators.profiles import Composite, Criteria, Installed
from simulators.schedules import Profile, Unit
from simulators.tokens import Tokens


class Orders:
    """The orders to one station."""

    def __init__(self, station: Host, tokens: Tokens) -> None:
        self._station = station
        self._tokens = tokens

    def knows(self, evse: int) -> bool:
        """Return whether there is such an EVSE, or it is 0, the whole station."""
        return evse == 0 or evse in self._station.model.connectors

    def free_evse(self, wanted: int | None) -> int | None:
        """Return where a remote start may begin a transaction: the one wanted, or any; None: nowhere."""
        model = self._station.model
        evses = list(model.connectors) if wanted is None else [wanted]
        free = [evse for evse in evses if evse in model.connectors and self._may_start(evse)]
        plugged = [evse for evse in free if model.connectors[evse].vehicle is not None]
        return next(iter([*plugged, *free]), None)

    def start(
        self,
        evse: int,
        token: str,
        profile: Profile | None = None,
        *,
        authorize: bool,
        remote_start_id: int | None = None,
    ) -> None:
        """Start as a remote start asks; `authorize`: ask about the token first."""
        begin = self._tokens.ask if authorize else self._tokens.accept
        begin(evse, token, remote_start_id=remote_start_id, profile=profile)

    def evse_of(self, transaction: str) -> int | None:
        """Return where a transaction is going on."""
        for evse, connector in self._station.model.connectors.items():
            if connector.session is not None and connector.session.transaction == transaction:
                return evse
        return None

    def set_operative(self, evse: int, *, operative: bool) -> bool:
        """Change availability (0: of all); return whether it is so now (False: after the transaction)."""
        now_s = self._station.catch_up()
        done = self._station.model.set_operative(evse, now_s, operative=operative)
        self._station.touched()
        return done

    def set_profile(self, evse: int, profile: Profile) -> SetAnswer:
        """Do as SetChargingProfile asks, or as a faulty station does."""
        now_s = self._station.catch_up()
        fate = self._station.faults.profile_fate()
        if fate == "rejected":
            return SetAnswer("Rejected", "UnsupportedParam")
        if fate == "ignored":
            return SetAnswer("Accepted")
        answer = self._station.model.set_profile(evse, profile, now_s)
        self._station.touched()
        return answer

    def clear_profiles(self, criteria: Criteria) -> Sequence[Installed]:
        """Do as ClearChargingProfile asks and return what is gone."""
        now_s = self._station.catch_up()
        gone = self._station.model.clear_profiles(criteria, now_s)
        self._station.touched()
        return gone

    def composite(self, evse: int, duration_s: float, unit: str | None) -> Composite | None:
        """Return what GetCompositeSchedule asks for; None: it is rejected."""
        self._station.catch_up()
        units = self._station.spec.charger.rules.units
        chosen: Unit = "W" if unit == "W" or (unit is None and "A" not in units) else "A"
        return self._station.model.composite(evse, duration_s, chosen)

    def _may_start(self, evse: int) -> bool:
        connector = self._station.model.connectors[evse]
        closed = (State.UNAVAILABLE, State.FAULTED)
        return connector.session is None and connector.operative and connector.state not in closed


class Served(Host, Protocol):
    """A station, to what speaks for it."""

    tokens: Tokens
    orders: Orders
