import json

from csms.ocpp.rpc.frame import MessageId, call_text, error_text, result_text


def test_a_call_is_compact_json_with_its_payload_untouched():
    assert call_text("a-1", "Reset", b'{"type":"Soft"}') == '[2,"a-1","Reset",{"type":"Soft"}]'


def test_a_result_echoes_a_text_id_as_text_and_a_number_as_the_same_number():
    assert result_text(MessageId("17"), b"{}") == '[3,"17",{}]'
    assert result_text(MessageId("1.70", is_number=True), b"{}") == "[3,1.70,{}]"


def test_an_id_with_quotes_and_umlauts_comes_back_as_the_same_string():
    odd = 'ä"\\\n\x00'
    assert json.loads(result_text(MessageId(odd), b"{}")) == [3, odd, {}]


def test_an_error_has_five_elements_of_which_the_last_is_an_empty_object():
    assert error_text(MessageId("1"), "GenericError", "why") == '[4,"1","GenericError","why",{}]'


def test_an_error_description_is_cut_at_255_characters():
    assert json.loads(error_text(MessageId("1"), "GenericError", "é" * 300))[3] == "é" * 255


def test_an_error_description_that_is_no_unicode_is_still_sent():
    assert json.loads(error_text(MessageId("1"), "GenericError", "a\ud800b"))[3] == "a?b"
