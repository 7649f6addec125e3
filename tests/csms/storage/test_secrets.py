from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.domain.errors import ConfigurationError
from csms.domain.station import MessageLogPolicy, Registration, StationIdentity
from csms.storage.secrets import (
    fingerprint,
    load_secret,
    new_station_key,
    station_key_hmac,
    station_key_matches,
    token_hmac,
)

SECRET = bytes(range(32))
KEY = "4f5246e6b2f1922e6e9574b8f6103ffe96f623af"


def station(key: str | bytes | None, previous: str | bytes | None = None) -> StationIdentity:
    return StationIdentity(
        id="CP-1",
        site_id=None,
        managed=True,
        registration=Registration.ACCEPTED,
        message_log=MessageLogPolicy.ALL,
        key_hmac=None if key is None else station_key_hmac(SECRET, "CP-1", key),
        previous_key_hmac=None if previous is None else station_key_hmac(SECRET, "CP-1", previous),
    )


# --- the file


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "headroom.secret"


def test_the_first_start_makes_a_secret_for_its_owner_only(path: Path):
    secret = load_secret(path, store_has_keys=False)

    assert len(secret) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert bytes.fromhex(path.read_text().strip()) == secret
    assert os.listdir(path.parent) == [path.name]  # noqa: PTH208


def test_later_starts_find_the_same_secret(path: Path):
    secret = load_secret(path, store_has_keys=False)

    assert load_secret(path, store_has_keys=True) == secret


def test_no_two_installations_have_the_same_secret(tmp_path: Path):
    assert len({load_secret(tmp_path / str(n), store_has_keys=False) for n in range(10)}) == 10


def test_processes_that_start_at_once_agree_on_one_secret(path: Path):
    with ThreadPoolExecutor(8) as pool:
        secrets = set(pool.map(lambda _: load_secret(path, store_has_keys=False), range(16)))

    assert len(secrets) == 1


def test_a_missing_secret_is_not_replaced_where_keys_depend_on_it(path: Path):
    with pytest.raises(
        ConfigurationError, match=r"headroom\.secret: the secret file is missing.*from your backup"
    ):
        load_secret(path, store_has_keys=True)

    assert not path.exists()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_secret_that_others_can_read_is_refused_with_the_remedy(path: Path, mode: int):
    load_secret(path, store_has_keys=False)
    path.chmod(mode)

    with pytest.raises(ConfigurationError, match="chmod 600"):
        load_secret(path, store_has_keys=False)


@pytest.mark.parametrize("text", ["", "abc", "0" * 63, "0" * 65, "0" * 66, "z" * 64, "0" * 64 + "\n\n0"])
def test_a_damaged_secret_is_refused_and_not_shown(path: Path, text: str):
    path.write_text(text)
    path.chmod(0o600)

    with pytest.raises(ConfigurationError, match="64 hexadecimal characters") as refused:
        load_secret(path, store_has_keys=False)

    assert "000" not in str(refused.value).replace(str(path), "")


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path):
    with pytest.raises(ConfigurationError, match="secret_file name a place"):
        load_secret(tmp_path / "missing" / "secret", store_has_keys=False)


def test_a_place_that_is_no_file_is_named(tmp_path: Path):
    with pytest.raises(ConfigurationError, match="secret file"):
        load_secret(tmp_path, store_has_keys=False)
    with pytest.raises(ConfigurationError, match="not a file"):
        load_secret(Path(os.devnull), store_has_keys=False)


# --- keys


def test_the_right_key_matches_and_a_wrong_one_does_not():
    assert station_key_matches(SECRET, station(KEY), KEY.encode())
    assert not station_key_matches(SECRET, station(KEY), KEY[:-1].encode() + b"0")
    assert not station_key_matches(SECRET, station(KEY), b"")


def test_the_same_key_matches_as_text_and_as_the_bytes_behind_it():
    assert station_key_matches(SECRET, station(KEY), bytes.fromhex(KEY))
    assert station_key_matches(SECRET, station(KEY), KEY.upper().encode())
    assert station_key_matches(SECRET, station(bytes.fromhex(KEY)), KEY.encode())


def test_the_previous_key_matches_until_the_new_one_is_taken_over():
    both = station(KEY, previous="an older password")

    assert station_key_matches(SECRET, both, b"an older password")
    assert station_key_matches(SECRET, both, KEY.encode())
    assert not station_key_matches(SECRET, station(KEY), b"an older password")


@pytest.mark.parametrize("presented", [b"", KEY.encode(), bytes(32)])
def test_nothing_matches_where_there_is_no_station_or_no_key(presented: bytes):
    assert not station_key_matches(SECRET, None, presented)
    assert not station_key_matches(SECRET, station(None), presented)


def test_a_key_is_bound_to_its_station_whatever_the_case_of_its_id():
    assert station_key_hmac(SECRET, "CP-1", KEY) == station_key_hmac(SECRET, "cp-1", KEY)
    assert station_key_hmac(SECRET, "CP-1", KEY) != station_key_hmac(SECRET, "CP-2", KEY)


def test_a_key_that_is_no_hexadecimal_is_taken_as_it_is():
    assert station_key_hmac(SECRET, "CP-1", "grün und geheim 16") == station_key_hmac(
        SECRET, "CP-1", "grün und geheim 16".encode()
    )
    assert station_key_hmac(SECRET, "CP-1", "abcd") != station_key_hmac(SECRET, "CP-1", b"\xab\xcd")


def test_a_new_key_is_as_long_as_the_standard_allows_and_random():
    keys = {new_station_key() for _ in range(10)}

    assert len(keys) == 10
    assert {len(key) for key in keys} == {40}


@given(st.text(), st.text(), st.sampled_from(["ISO14443", "Local"]))
def test_tokens_are_the_same_by_type_and_uid_whatever_its_case(uid: str, other: str, token_type: str):
    assert token_hmac(SECRET, uid, token_type) == token_hmac(SECRET, uid.casefold(), token_type)
    same = uid.casefold() == other.casefold()
    assert (token_hmac(SECRET, uid, token_type) == token_hmac(SECRET, other, token_type)) == same
    assert token_hmac(SECRET, uid, token_type) != token_hmac(SECRET, uid, "KeyCode")


def test_what_is_derived_depends_on_the_secret_and_on_its_purpose():
    other = bytes(32)

    assert token_hmac(SECRET, "x", "Local") != token_hmac(other, "x", "Local")
    assert station_key_hmac(SECRET, "x", KEY) != station_key_hmac(other, "x", KEY)
    assert fingerprint(SECRET) != fingerprint(other)
    assert len({fingerprint(SECRET), token_hmac(SECRET, "", ""), station_key_hmac(SECRET, "", "")}) == 3
