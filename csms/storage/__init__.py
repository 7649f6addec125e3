"""Where everything becomes durable: one interface, `csms.ports.Storage`, and behind it an engine picked by its URL."""

from csms.domain.history import LoggedMessage
from csms.domain.register import NewStation, NewToken
from csms.storage.claim import claimed
from csms.storage.messages import MessageLogLimits
from csms.storage.secrets import http_key, load_secret, station_key_hmac, station_key_matches, token_hmac
from csms.storage.sqlite import SqliteStorage, StoreOptions, open_storage, path_of, store_has_keys

__all__ = [
    "LoggedMessage",
    "MessageLogLimits",
    "NewStation",
    "NewToken",
    "SqliteStorage",
    "StoreOptions",
    "claimed",
    "http_key",
    "load_secret",
    "open_storage",
    "path_of",
    "station_key_hmac",
    "station_key_matches",
    "store_has_keys",
    "token_hmac",
]
