"""Where everything becomes durable: one interface, `csms.ports.Storage`, and behind it an engine picked by its URL."""

from csms.storage.claim import claimed
from csms.storage.messages import LoggedMessage, MessageLogLimits
from csms.storage.registering import NewToken
from csms.storage.secrets import http_key, load_secret, station_key_hmac, station_key_matches, token_hmac
from csms.storage.sqlite import SqliteStorage, StoreOptions, open_storage, path_of, store_has_keys
from csms.storage.store import NewStation

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
