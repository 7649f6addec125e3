from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from csms.domain.errors import ConfigurationError
from csms.storage import claimed


def test_a_store_is_claimed_by_one_at_a_time_and_the_other_is_told_by_whom(tmp_path: Path):
    store = tmp_path / "store.sqlite3"
    with (
        claimed(store),
        pytest.raises(ConfigurationError, match=rf"another server.*process {os.getpid()}\)"),
        claimed(store),
    ):
        pass


def test_a_claim_ends_with_its_context_however_that_ends(tmp_path: Path):
    store = tmp_path / "store.sqlite3"
    with pytest.raises(ZeroDivisionError), claimed(store):
        raise ZeroDivisionError
    with claimed(store):
        pass


def test_two_stores_in_one_folder_are_two_claims(tmp_path: Path):
    with claimed(tmp_path / "a.sqlite3"), claimed(tmp_path / "b.sqlite3"):
        pass


def test_a_claim_touches_nothing_but_a_file_for_its_owners_eyes_only(tmp_path: Path):
    with claimed(tmp_path / "store.sqlite3"):
        (lock,) = tmp_path.iterdir()
    assert lock.name == "store.sqlite3-lock"
    assert stat.S_IMODE(lock.stat().st_mode) == 0o600


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path):
    with (
        pytest.raises(ConfigurationError, match=r"missing/store\.sqlite3-lock.*folder that exists"),
        claimed(tmp_path / "missing" / "store.sqlite3"),
    ):
        pass
