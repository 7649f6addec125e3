"""Takes tokens, keys, passwords and certificates out of raw frames before they are kept.

What can be read as JSON is searched by its members' names, wherever they stand; its texts, and frames that
can't be read, by patterns. Where in doubt something harmless is hidden rather than something secret shown.
A station may send a frame made to be slow to search, so every pattern takes time in proportion to the text.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, cast

import msgspec

HIDDEN = "***"
UNREADABLE_CHARACTERS_MAX = 16 * 1024
"""How much is kept of a frame that is no JSON."""
CHARACTERS_MAX = 64 * 1024
"""A longer frame isn't read, and so kept as one that is no JSON."""

_CREDENTIALS = (
    "authorizationkey",
    "password",
    "passwd",
    "secret",
    "simpin",
    "privatekey",
    "apikey",
    "basicauth",
)
_WHOLE = frozenset(
    {
        *(
            "idtag",
            "parentidtag",
            "idtoken",
            "parentidtoken",
            "groupidtoken",
            "additionalidtoken",
            "emaid",
            "evccid",
        ),
        *("csr", "certificate", "certificatechain", "exirequest", "exiresponse"),
        # A signed value may carry its driver's token; `signed_values` has it byte for byte.
        *("signedmeterdata", "signedmetervalue"),
        *("apn", "vpn"),
    }
)
"""Members hidden with all that is in them, their names folded as `_folded` does."""
_SETTING_VALUES = frozenset({"value", "attributevalue", "actualvalue", "variableattribute"})
_TOKEN_TYPES = frozenset(
    {
        *("Central", "DirectPayment", "eMAID", "EVCCID", "ISO14443", "ISO15693", "KeyCode", "Local"),
        *("MacAddress", "NoAuthorization", "VIN"),
    }
)
"""What `type` may say beside a hidden token without being one."""

_SPELLED = "|".join(
    "[_-]?".join(parts)
    for parts in (
        *(("id", "tag"), ("id", "token"), ("emaid",), ("evccid",), ("authorization", "key"), ("password",)),
        *(("passwd",), ("secret",), ("sim", "pin"), ("private", "key"), ("api", "key"), ("basic", "auth")),
        *(("csr",), ("certificate",), ("exi", "request"), ("exi", "response"), ("signed", "meter")),
        *(("attribute", "value"), ("actual", "value"), ('"[av]pn',)),
    )
)
_VALUE = (
    r"(?:(?P<slashes>\\*)(?P<quote>[\"'])(?:.*?(?<!\\)(?P=slashes)(?P=quote)|.*)"  # in quotes, also not closed
    r"|[\[{].*"  # where it ends is hard to say in what can't be read
    r"|[^,;&}\]\n\"']+)"  # bare, as in a URL or in a sentence
)
_NAME_END = r"[a-z_-]{0,32}\\*[\"']?\s{0,8}[:=]\s{0,8})"
_PAIR = re.compile(rf"(?P<name>(?:{_SPELLED}){_NAME_END}{_VALUE}", re.IGNORECASE | re.DOTALL)
_SETTING_PAIR = re.compile(rf"(?P<name>\bvalue{_NAME_END}{_VALUE}", re.IGNORECASE | re.DOTALL)
_BLOCK = re.compile(r"-----BEGIN.*?(?:-----END[^-]*-----|\Z)|OCMF\|.*", re.DOTALL)
_RUN = re.compile(r"[0-9A-Fa-f]{32,}|[A-Za-z0-9+/=_-]{64,}")
_WORD = re.compile(r"[^\s\"'<>]+")
_WORD_ENDS = " \t\r\n\"'<>"
_NEEDLES = (
    *(
        "idt",
        "key",
        "passw",
        "emaid",
        "evccid",
        "secret",
        "simpin",
        "basicauth",
        "csr",
        "certificate",
        "exire",
    ),
    *("signed", "attributevalue", "actualvalue", '"apn', '"vpn', "://", "ocmf"),
)
"""What any text with something to hide contains once folded."""
_VALID = msgspec.json.Decoder(msgspec.Raw)


def redact(frame: str) -> str:
    """Return a frame as it may be kept: JSON where it was JSON and is not overlong."""
    if len(frame) > CHARACTERS_MAX:
        return _redact_unreadable(frame)
    # An escape by number can spell any name.
    if not _suspicious(frame) and "\\u" not in frame and _is_json(frame):
        return frame
    try:
        cleaned = _cleaned(frame)
    except (ValueError, RecursionError):
        return _redact_unreadable(frame)
    return storable(cleaned)


def redact_json(payload: bytes) -> bytes:
    """Return a JSON payload, however long, without what is secret in it; it stays JSON."""
    text = payload.decode(errors="replace")
    if not _suspicious(text) and "\\u" not in text:
        return payload
    try:
        cleaned = _cleaned(text)
    except (ValueError, RecursionError):
        cleaned = json.dumps(HIDDEN)
    return storable(cleaned).encode()


def _cleaned(text: str) -> str:
    """Return JSON without what is secret in it; raises `ValueError` and `RecursionError` where it can't be read."""
    found = json.loads(text, parse_float=_number)
    return json.dumps(_searched(found), ensure_ascii=False, separators=(",", ":"))


def _number(digits: str) -> float | str:
    """Return a number, or its digits where it is larger than any that can be written again."""
    number = float(digits)
    return number if math.isfinite(number) else digits


def redact_text(text: str) -> str:
    """Return any text, such as a description of what was wrong with a frame, without what is secret in it."""
    if not _suspicious(text):
        return text
    text = _BLOCK.sub(HIDDEN, text)
    text = _PAIR.sub(_hide_value, text)
    return _WORD.sub(_hide_login, text) if "://" in text else text


def _suspicious(text: str) -> bool:
    folded = _folded(text)
    return any(needle in folded for needle in _NEEDLES) or "-----BEGIN" in text


def _is_json(frame: str) -> bool:
    try:
        _VALID.decode(frame)
    except (ValueError, RecursionError):
        return False
    return True


def _redact_unreadable(text: str) -> str:
    text = redact_text(text[:UNREADABLE_CHARACTERS_MAX])
    if "sampledvalue" not in text.lower():
        text = _SETTING_PAIR.sub(_hide_value, text)  # of a setting whose name may be cut off
    start = max(map(text.rfind, _WORD_ENDS)) + 1
    if "://" in text[start:]:  # its login may have lost its end
        text = text[: text.index("://", start) + 3] + HIDDEN
    return storable(_RUN.sub(HIDDEN, text))


def storable(text: str) -> str:
    """Spell out lone surrogates, which JSON can name but no text can hold."""
    return text.encode("utf-8", "backslashreplace").decode()


def _hide_value(match: re.Match[str]) -> str:
    return match["name"] + HIDDEN


def _hide_login(match: re.Match[str]) -> str:
    """Hide user and password of a URL."""
    word = match[0]
    scheme, login = word.find("://"), word.rfind("@")
    return f"{word[: scheme + 3]}{HIDDEN}{word[login:]}" if 0 <= scheme < login else word


def _searched(value: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, list):
        return [_searched(item) for item in cast("list[Any]", value)]
    if not isinstance(value, dict):
        return value
    members = cast("dict[str, Any]", value)
    secret_setting = _names_secret_setting(members)
    signed = members.get("format") == "SignedData"
    cleaned: dict[str, Any] = {}
    for name, member in members.items():
        folded = _folded(name)
        hidden = (
            folded in _WHOLE
            or any(word in folded for word in _CREDENTIALS)
            or ((secret_setting or signed) and folded in _SETTING_VALUES)
        )
        cleaned[redact_text(name)] = _hidden(member) if hidden else _searched(member)
    return cleaned


def _hidden(value: Any, name: str = "") -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, dict):
        return {key: _hidden(item, key) for key, item in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [_hidden(item) for item in cast("list[Any]", value)]
    return value if value is None or (name == "type" and value in _TOKEN_TYPES) else HIDDEN


def _names_secret_setting(members: dict[str, Any]) -> bool:
    """Tell whether a setting of a secret's name stands here: `key` in 1.6, `variable.name` in 2.x."""
    names: list[Any] = [members.get("key"), members.get("name")]
    variable = members.get("variable")
    if isinstance(variable, dict):
        names.append(cast("dict[str, Any]", variable).get("name"))
    return any(
        isinstance(name, str) and any(word in _folded(name) for word in _CREDENTIALS) for name in names
    )


def _folded(name: str) -> str:
    return name.replace("_", "").replace("-", "").replace(" ", "").lower()
