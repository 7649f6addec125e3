"""What a station is sent and what is logged of it, and how much of what it sends is read: no decisions are made here."""

from __future__ import annotations

from csms.domain.answers import StationAnswer
from csms.domain.station import MessageLogPolicy, StationIdentity
from csms.gateway.services import Services
from csms.gateway.socket import StationSocket
from csms.ocpp.dialect import Dialect
from csms.ocpp.rpc.errors import Refusal
from csms.ocpp.rpc.peer import CallReceived, Peer

OPEN_CALLS_LIMIT = 64
"""A station with more calls unanswered is not read from until some are answered."""
OPEN_CHARACTERS_LIMIT = 1 << 20
"""The same by their length: what waits is held in memory, several times over."""


class Wire:
    """One station's socket in the words of its peer and its dialect."""

    def __init__(
        self,
        *,
        identity: StationIdentity,
        socket: StationSocket,
        peer: Peer,
        dialect: Dialect,
        services: Services,
    ) -> None:
        """Send over `socket`, and log by the policy of `identity`, which may change."""
        self.identity = identity
        self._socket = socket
        self._peer = peer
        self._dialect = dialect
        self._services = services

    def send(self, text: str, *, deviation: str | None = None) -> None:
        """Send one frame."""
        self.log("out", text, deviation)
        self._socket.send(text)

    def answer(self, call: CallReceived, answer: StationAnswer) -> None:
        """Answer a call of the station."""
        payload = self._dialect.encode(call.action, answer)
        if isinstance(payload, Refusal):
            self.refuse(call.handle, payload)
        else:
            for text in self._peer.answer(call.handle, payload):
                self.send(text)

    def refuse(self, handle: int, refusal: Refusal) -> None:
        """Answer a call of the station with an error."""
        for text in self._peer.refuse(handle, refusal):
            self.send(text, deviation=refusal.description)

    def log(self, direction: str, frame: str, deviation: str | None) -> None:
        """Keep a frame as the station's policy says; an empty one was kept before."""
        policy = self.identity.message_log
        if not frame:
            return
        if policy is MessageLogPolicy.ALL or (policy is MessageLogPolicy.ERRORS and deviation is not None):
            self._services.message_log.append(
                self.identity.id, self._services.clock.now_us(), direction, frame, deviation
            )

    def balance_reading(self) -> None:
        """Read on, or not while the store or the station's own calls pile up."""
        if not self._socket.paused_by("store") and self._services.storage.congested():
            self._socket.pause_reading("store")
            self._services.storage.when_relieved(lambda: self._socket.resume_reading("store"))
        peer = self._peer
        if peer.open_calls > OPEN_CALLS_LIMIT or peer.open_characters > OPEN_CHARACTERS_LIMIT:
            self._socket.pause_reading("open calls")
        else:
            self._socket.resume_reading("open calls")
