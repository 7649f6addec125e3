import pytest

from csms.domain.errors import OwnError
from csms.ocpp.rpc.errors import ERROR_CODES_V2, ERROR_CODES_V16, ErrorKind, QueueFull

WORDS_OF_1_6 = {
    "NotImplemented",
    "NotSupported",
    "InternalError",
    "ProtocolError",
    "SecurityError",
    "FormationViolation",
    "PropertyConstraintViolation",
    "OccurenceConstraintViolation",
    "TypeConstraintViolation",
    "GenericError",
}
WORDS_OF_2 = {
    "FormatViolation",
    "GenericError",
    "InternalError",
    "MessageTypeNotSupported",
    "NotImplemented",
    "NotSupported",
    "OccurrenceConstraintViolation",
    "PropertyConstraintViolation",
    "ProtocolError",
    "RpcFrameworkError",
    "SecurityError",
    "TypeConstraintViolation",
}


@pytest.mark.parametrize(("codes", "words"), [(ERROR_CODES_V16, WORDS_OF_1_6), (ERROR_CODES_V2, WORDS_OF_2)])
def test_every_kind_of_error_has_a_word_and_every_word_of_the_version_has_a_use(codes, words):
    assert set(codes) == set(ErrorKind)
    assert set(codes.values()) == words


def test_a_full_queue_is_an_error_of_our_own_side():
    assert issubclass(QueueFull, OwnError)
