"""The errors of the trade, split by whose fault they are.

    HeadroomError
    ├── CallerError          whoever asked must ask differently
    │   ├── NotFound
    │   ├── Invalid
    │   └── NotConnected
    └── OwnError             our side failed; asking again later may help
        ├── StorageError
        │   └── RecordRefused
        └── ConfigurationError

Each is translated once: to a CALLERROR in the gateway, to problem+json where HTTP is served.
"""


class HeadroomError(Exception):
    """Base of all."""


class CallerError(HeadroomError):
    """The request can't be met as it stands."""


class NotFound(CallerError):
    """No such thing."""


class Invalid(CallerError):
    """It breaks a rule; the message names the place and the remedy."""


class NotConnected(CallerError):
    """The station has no connection now."""


class OwnError(HeadroomError):
    """Our side failed."""


class StorageError(OwnError):
    """It could not be made durable; nothing of it may be acknowledged."""


class RecordRefused(StorageError):
    """One unit broke the store's rules (a constraint, a number out of range); the others were stored."""


class ConfigurationError(OwnError):
    """The server can't start as it is configured; the message says what to change."""
