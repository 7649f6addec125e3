"""Who may charge at a station: it asks the central system, remembers, and decides alone where nobody answers."""

from __future__ import annotations

from simulators.events import Session, TokenPresented
from simulators.host import Host
from simulators.ocpp_adapter import Payload
from simulators.schedules import Profile


class Tokens:
    """The token reader of one station and what stands behind it."""

    def __init__(self, station: Host) -> None:
        self._station = station
        self._cache: set[str] = set()
        self._start_profiles: dict[int, Profile] = {}

    def clear_cache(self) -> None:
        """Forget what was learnt."""
        self._cache.clear()

    def is_good(self, token: str) -> None:
        """Learn that a token may charge."""
        if self._station.dialect.caches:
            self._cache.add(token)

    def is_bad(self, session: Session) -> None:
        """Learn that the token of a session may not."""
        station = self._station
        self._cache.discard(session.token)
        now_s = station.catch_up()
        if station.model.session(session.evse) is not session:
            return
        if station.dialect.stops_when_invalid:
            station.model.stop(session.evse, now_s, "DeAuthorized")
        else:
            station.model.disobey(session.evse, 0.0, now_s)
        station.touched()

    def presented(self, event: TokenPresented) -> None:
        """Judge a token that is held to the reader; it ends its own session."""
        station = self._station
        session = station.model.session(event.evse)
        if session is not None:
            if session.token == event.token:
                station.stop(event.evse, "Local")
            return
        known = event.token in self._cache
        if known and station.dialect.pre_authorizes:
            self.accept(event.evse, event.token)
        else:
            self.ask(event.evse, event.token)

    def ask(
        self, evse: int, token: str, *, remote_start_id: int | None = None, profile: Profile | None = None
    ) -> None:
        """Let the central system say whether a token may charge, and act on it."""

        def judged(answer: Payload) -> None:
            if station.dialect.read_verdict(answer) == "Accepted":
                self.is_good(token)
                self.accept(evse, token, remote_start_id=remote_start_id, profile=profile)
            else:
                self._cache.discard(token)

        station = self._station
        if station.messenger.online:
            call = station.dialect.authorize_call(token)
            station.messenger.tell(call, judged, lambda _error: self._decide_alone(evse, token))
        else:
            self._decide_alone(evse, token)

    def accept(
        self, evse: int, token: str, *, remote_start_id: int | None = None, profile: Profile | None = None
    ) -> None:
        """Let a token charge, now or when a car comes in time; `profile` is for that transaction."""
        station = self._station
        now_s = station.catch_up()
        if station.model.session(evse) is not None or not station.model.powered:
            return
        if profile is not None:
            self._start_profiles[evse] = profile
        offline = not station.messenger.online
        session = station.model.accept(evse, token, now_s, remote_start_id=remote_start_id, offline=offline)
        if session is None:
            until_s = now_s + station.dialect.connection_timeout_s
            station.at(until_s, lambda at_s: self._wait_no_longer(evse, token, at_s))
        station.touched()

    def take_start_profile(self, evse: int) -> Profile | None:
        """Return the profile that came with the remote start of the transaction that has just begun there."""
        return self._start_profiles.pop(evse, None)

    def _decide_alone(self, evse: int, token: str) -> None:
        if self._station.dialect.starts_offline(known=token in self._cache):
            self.accept(evse, token)

    def _wait_no_longer(self, evse: int, token: str, now_s: float) -> None:
        if self._station.model.connectors[evse].accepted_token == token:
            self._start_profiles.pop(evse, None)
            self._station.model.forget_token(evse, now_s)
