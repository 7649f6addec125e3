"""What callers send about tokens, and what they get to see of them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from csms.api.values import Given, GivenMoment, Moment, Shown
from csms.domain.register import (
    GROUP_CHARACTERS_MAX,
    ISO14443,
    TEXT_CHARACTERS_MAX,
    UID_CHARACTERS_MAX,
    NewToken,
    TokenEntry,
)
from csms.domain.token import TokenStatus
from csms.http.pages import PageQuery
from csms.usecases.token_keeping import TokenShown

_Status = Literal["Accepted", "Blocked"]
_Uid = Annotated[str, StringConstraints(min_length=1, max_length=UID_CHARACTERS_MAX)]
_Group = Annotated[str, StringConstraints(min_length=1, max_length=GROUP_CHARACTERS_MAX)]
_Note = Annotated[str, StringConstraints(min_length=1, max_length=TEXT_CHARACTERS_MAX)]
_Count = Annotated[int, Field(ge=1)]
_SEEN = "`true`: also those that chargers showed and nobody registered; their status is `Seen`."


class NewTokenBody(Given):
    """A token to register; its uid and type together are unique, the uid without regard to case."""

    uid: _Uid = Field(description="What the card or tag says, as chargers send it.")
    type: Literal[
        "Central", "eMAID", "ISO14443", "ISO15693", "KeyCode", "Local", "MacAddress", "NoAuthorization"
    ] = Field(default=ISO14443, description="Chargers of OCPP 1.6 know only this one.")
    status: _Status = "Accepted"
    expires_at: GivenMoment | None = Field(default=None, description="Null: never.")
    group: _Group | None = Field(
        default=None, description="Tokens of one group may stop each other's sessions."
    )
    max_concurrent: _Count | None = Field(default=None, description="Sessions at a time; null: no limit.")
    note: _Note | None = Field(default=None, description="For people.")

    def token(self) -> NewToken:
        """Return it in the words of the trade."""
        return NewToken(
            uid=self.uid,
            type=self.type,
            status=TokenStatus(self.status),
            expires_at_us=self.expires_at,
            group=self.group,
            max_concurrent=self.max_concurrent,
            note=self.note,
        )


class TokenPatch(Given):
    """What is to change of a token; what is left out stays. Its uid and type are what it is, and stay."""

    status: _Status = "Accepted"
    expires_at: GivenMoment | None = Field(default=None, description="Null: never.")
    group: _Group | None = Field(default=None, description="Null: none.")
    max_concurrent: _Count | None = Field(default=None, description="Null: no limit.")
    note: _Note | None = Field(default=None, description="Null: none.")

    def of(self, present: TokenEntry) -> NewToken:
        """Return what it makes of `present`."""
        said = self.model_fields_set
        return NewToken(
            uid=present.uid,
            type=present.type,
            status=TokenStatus(self.status if "status" in said else present.status),
            expires_at_us=self.expires_at if "expires_at" in said else present.expires_at_us,
            group=self.group if "group" in said else present.group,
            max_concurrent=self.max_concurrent if "max_concurrent" in said else present.max_concurrent,
            note=self.note if "note" in said else present.note,
        )


class TokenQuery(PageQuery):
    """Which tokens are asked for."""

    uid: str | None = Field(
        default=None,
        max_length=UID_CHARACTERS_MAX,
        description="Only those with this uid, in any case of its letters; they come in one part.",
    )
    seen: Literal["true", "false"] = Field(default="false", description=_SEEN)


class SeenQuery(Given):
    """Whether tokens count that nobody registered."""

    seen: Literal["true", "false"] = Field(default="false", description=_SEEN)


class Token(Shown):
    """A token (a card or tag) that may charge, or may not."""

    id: str
    uid: str
    type: str
    status: Literal["Accepted", "Blocked", "Seen"] = Field(
        description="`Seen` (only where it is asked for): nobody registered it, but somebody charged with it."
    )
    expires_at: Moment | None
    expired: bool = Field(description="Whether that has passed.")
    group: str | None
    max_concurrent: int | None
    note: str | None
    created_at: Moment

    @classmethod
    def of(cls, token: TokenShown) -> Token:
        """Return it as it is shown."""
        entry = token.entry
        return cls.model_validate(
            {
                "id": entry.id,
                "uid": entry.uid,
                "type": entry.type,
                "status": entry.status,
                "expires_at": entry.expires_at_us,
                "expired": token.expired,
                "group": entry.group,
                "max_concurrent": entry.max_concurrent,
                "note": entry.note,
                "created_at": entry.created_at_us,
            }
        )


class TokenPage(Shown):
    """A part of the list of tokens, the oldest first."""

    items: list[Token]
    next_cursor: str | None = Field(description="Null: it was the last part.")
