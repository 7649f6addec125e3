"""The tree of errors says whose fault each is."""

from __future__ import annotations

import pytest

from csms.domain import errors


@pytest.mark.parametrize("kind", [errors.NotFound, errors.Invalid, errors.Conflict, errors.NotConnected])
def test_these_are_for_the_caller_to_mend(kind: type[errors.HeadroomError]) -> None:
    assert issubclass(kind, errors.CallerError)
    assert not issubclass(kind, errors.OwnError)


@pytest.mark.parametrize(
    "kind", [errors.Busy, errors.StorageError, errors.RecordRefused, errors.ConfigurationError]
)
def test_these_are_ours(kind: type[errors.HeadroomError]) -> None:
    assert issubclass(kind, errors.OwnError)
    assert not issubclass(kind, errors.CallerError)


def test_a_refused_record_is_a_failure_of_the_store() -> None:
    assert issubclass(errors.RecordRefused, errors.StorageError)


def test_an_outdated_change_is_a_conflict() -> None:
    assert issubclass(errors.Outdated, errors.Conflict)


def test_what_is_invalid_names_its_fields() -> None:
    problem = errors.FieldProblem("nodes[0].id", "is missing")
    assert errors.Invalid("nodes[0].id: is missing", [problem]).problems == (problem,)
    assert errors.Invalid("can't be").problems == ()
    assert str(errors.Invalid("can't be")) == "can't be"
