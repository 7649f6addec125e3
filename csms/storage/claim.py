"""One server on a store at a time: a second one would answer from a memory of stations that the first contradicts."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections.abc import Generator
from pathlib import Path

from csms.domain.errors import ConfigurationError

_PID_BYTES_MAX = 20


@contextlib.contextmanager
def claimed(path: Path) -> Generator[None]:
    """Be the only server on the store at `path` for as long as the context lasts; commands beside it don't claim.

    Raises `ConfigurationError` where another process has it. The lock dies with its process, however that ends;
    its file stays, for removing it would let two processes lock two files of one name.
    """
    lock = path.with_name(f"{path.name}-lock")
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConfigurationError(
            f"{lock}: can't be opened ({error.strerror or error}); let database_url name a file in a folder that "
            "exists and that the server may write to"
        ) from error
    try:
        _lock(descriptor, path)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno != errno.EWOULDBLOCK:
            raise ConfigurationError(
                f"{path}: its file system can't lock files ({error.strerror})"
            ) from error
        owner = os.pread(descriptor, _PID_BYTES_MAX, 0).decode(errors="replace")
        raise ConfigurationError(
            f"{path}: another server works on this store (process {owner or 'unknown'}). End that one, or let "
            "database_url name another store."
        ) from None
