"""The tables as SQLModel sees them; the fast writer fills them with statements of its own.

Every column holds an integer (times are UTC microseconds, truth values 0 or 1), a real, text or a blob, and
on SQLite the tables are STRICT, so that what one way writes the other reads unchanged. A token's uid stands
in `tokens` only. No foreign keys: the hot path would pay for them, and records may outlive what they name.
"""

from csms.storage.tables.charging import (
    SampleRow,
    SignedValueRow,
    TransactionEventRow,
    TransactionRow,
    WishesRow,
)
from csms.storage.tables.columns import Row
from csms.storage.tables.happenings import CommandRow, EventRow, RawMessageRow
from csms.storage.tables.itself import IdBlockRow, MetaRow
from csms.storage.tables.requests import EndedSessionRow, KeptAnswerRow
from csms.storage.tables.sites import (
    CapRow,
    DecisionRow,
    ExposureRow,
    ForeignProfileRow,
    ModelFormRow,
    PlacementRow,
    SiteRow,
    StationFormRow,
)
from csms.storage.tables.stations import ConnectorRow, DeviceVariableRow, StationRow
from csms.storage.tables.tokens import TokenChangeRow, TokenRow

__all__ = [
    "CapRow",
    "CommandRow",
    "ConnectorRow",
    "DecisionRow",
    "DeviceVariableRow",
    "EndedSessionRow",
    "EventRow",
    "ExposureRow",
    "ForeignProfileRow",
    "IdBlockRow",
    "KeptAnswerRow",
    "MetaRow",
    "ModelFormRow",
    "PlacementRow",
    "RawMessageRow",
    "Row",
    "SampleRow",
    "SignedValueRow",
    "SiteRow",
    "StationFormRow",
    "StationRow",
    "TokenChangeRow",
    "TokenRow",
    "TransactionEventRow",
    "TransactionRow",
    "WishesRow",
]
