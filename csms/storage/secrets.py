"""The secret of an installation, and what is derived from it: fingerprints of charger keys and of tokens.

Keys are random, so an HMAC protects them as well as a slow hash would, at a thousandth of the cost when a
thousand chargers reconnect at once. A token's uid is short and guessable: without the secret its HMAC says
nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import re
import secrets
import stat
from pathlib import Path

from csms.domain.errors import ConfigurationError
from csms.domain.station import StationIdentity

SECRET_BYTES = 32
STATION_KEY_BYTES = 20
_HEX_KEY = re.compile(rb"(?:[0-9A-Fa-f]{2}){16,20}")
_NOBODY = bytes(hashlib.sha256().digest_size)
"""Stands where there is no key to compare with; no HMAC of a known secret is all zeros."""


def load_secret(path: Path, *, store_has_keys: bool) -> bytes:
    """Return the secret kept at `path`; made there, for its owner only, unless keys already depend on another.

    Raises `ConfigurationError` with the remedy where it is missing, damaged or open to others.
    """
    try:
        mode = path.stat().st_mode
        text = path.read_bytes().strip()
    except FileNotFoundError:
        if store_has_keys:
            raise ConfigurationError(
                f"{path}: the secret file is missing, and the keys and tokens in the store can't be checked "
                "without it. Bring it back from your backup; a new one would turn every charger away."
            ) from None
        return _make_secret(path)
    except OSError as error:
        raise ConfigurationError(
            f"{path}: the secret file can't be read ({error.strerror or error})"
        ) from error
    if not stat.S_ISREG(mode):
        raise ConfigurationError(f"{path}: the secret file is not a file")
    if stat.S_IMODE(mode) & 0o077:
        raise ConfigurationError(f"{path}: the secret file is open to others; run: chmod 600 {path}")
    if not re.fullmatch(rb"[0-9a-fA-F]{%d}" % (2 * SECRET_BYTES), text):
        raise ConfigurationError(
            f"{path}: the secret file must hold {2 * SECRET_BYTES} hexadecimal characters and nothing else. "
            "Bring it back from your backup, or remove it if the store is new too."
        )
    return bytes.fromhex(text.decode())


def fingerprint(secret: bytes) -> bytes:
    """Return what a store remembers of its secret, to tell another one from it."""
    return _hmac(secret, b"store")


def station_key_hmac(secret: bytes, station_id: str, key: str | bytes) -> bytes:
    """Return what the store keeps of a charger's key: bound to the charger, whatever the case of its id."""
    raw = key.encode() if isinstance(key, str) else key
    return _hmac(secret, b"station-key", station_id.casefold().encode(), _as_bytes(raw))


def station_key_matches(secret: bytes, identity: StationIdentity | None, presented: bytes) -> bool:
    """Tell whether a charger presented its key or its previous one.

    Takes the same steps for a charger that does not exist or has no key; for those it never matches.
    """
    shown = station_key_hmac(secret, "" if identity is None else identity.id, presented)
    current = (None if identity is None else identity.key_hmac) or _NOBODY
    previous = (None if identity is None else identity.previous_key_hmac) or _NOBODY
    return bool(hmac.compare_digest(shown, current) | hmac.compare_digest(shown, previous))


def token_hmac(secret: bytes, uid: str, token_type: str) -> bytes:
    """Return the key under which a token is looked up; the case of its uid does not matter."""
    return _hmac(secret, b"token", token_type.encode(), uid.casefold().encode("utf-8", "surrogatepass"))


def http_key(secret: bytes) -> bytes:
    """Return what the HTTP side signs logins with, and makes digests of requests unreadable with."""
    return _hmac(secret, b"http")


def new_station_key() -> str:
    """Return a fresh random charger key as hexadecimal text, as 1.6 chargers take it."""
    return secrets.token_hex(STATION_KEY_BYTES)


def _as_bytes(key: bytes) -> bytes:
    """Undo hexadecimal writing: some chargers present the text they were given, others the bytes behind it.

    Security whitepaper A00.FR.205: 16 to 20 bytes, written with 32 to 40 hexadecimal digits.
    """
    return bytes.fromhex(key.decode()) if _HEX_KEY.fullmatch(key) else key


def _hmac(secret: bytes, *parts: bytes) -> bytes:
    # Lengths first, so that no two lists of parts make the same message.
    message = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    return hmac.digest(secret, message, "sha256")


def _make_secret(path: Path) -> bytes:
    secret = secrets.token_bytes(SECRET_BYTES)
    # Whole or not at all: a crash in between must not leave half a secret where the whole one is looked for.
    unfinished = path.with_name(f"{path.name}.{secrets.token_hex(4)}.new")
    try:
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(secret.hex().encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
            os.link(unfinished, path)
        finally:
            unfinished.unlink()
        with contextlib.suppress(OSError):  # not every file system can
            _sync_folder(path.parent)
    except FileExistsError:
        return load_secret(path, store_has_keys=False)  # another process made it meanwhile
    except OSError as error:
        raise ConfigurationError(
            f"{path}: the secret file can't be made ({error.strerror or error}); let secret_file name a place "
            "that the server may write to"
        ) from error
    return secret


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
