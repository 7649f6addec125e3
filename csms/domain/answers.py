"""What a station is told in answer to its events, before any OCPP version shapes it."""

from __future__ import annotations

from msgspec import Struct

from csms.domain.station import Registration
from csms.domain.token import Judgement


class BootAnswer(Struct, frozen=True):
    """Whether the station may work here, the site's time, and its heartbeat interval."""

    registration: Registration
    now_us: int
    interval_s: int


class HeartbeatAnswer(Struct, frozen=True):
    """The site's time."""

    now_us: int


class AuthorizationAnswer(Struct, frozen=True):
    """May the token charge?"""

    judgement: Judgement


class StartAnswer(Struct, frozen=True):
    """Our id for the transaction, given whatever the verdict, and the verdict."""

    ocpp_id: str
    judgement: Judgement


class StopAnswer(Struct, frozen=True):
    """The stop is kept; the verdict on the token that stopped, where one was named."""

    judgement: Judgement | None


class TransactionEventAnswer(Struct, frozen=True):
    """The event is kept; the verdict on the token that it named, if it named one."""

    judgement: Judgement | None


class Acknowledged(Struct, frozen=True):
    """Kept."""


class VendorDataAnswer(Struct, frozen=True):
    """No vendor message is understood here; it was recorded."""


class CertificateAnswer(Struct, frozen=True):
    """Whether the signing request was taken on."""

    accepted: bool


class Forbidden(Struct, frozen=True):
    """Refused: the station was told that it is not accepted here."""

    reason: str


StationAnswer = (
    BootAnswer
    | HeartbeatAnswer
    | AuthorizationAnswer
    | StartAnswer
    | StopAnswer
    | TransactionEventAnswer
    | Acknowledged
    | VendorDataAnswer
    | CertificateAnswer
    | Forbidden
)
