"""Tokens as operators see, register, change and remove them."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from csms.domain.errors import NotFound
from csms.domain.register import NewToken, TokenEntry
from csms.domain.token import TokenStatus
from csms.ports import Clock, Register


class TokenShown(Struct, frozen=True):
    """A token, and whether it has expired by now."""

    entry: TokenEntry
    expired: bool


class TokenKeeping:
    """What operators ask of tokens; commands and REST change them by the same `Register`."""

    def __init__(self, *, register: Register, clock: Clock) -> None:
        """Keep the tokens of `register`."""
        self._register = register
        self._clock = clock

    async def tokens(self, *, after: tuple[int, str], limit: int, seen: bool) -> list[TokenShown]:
        """Return the first tokens after one made then with that id, the oldest first.

        `seen`: also those that chargers showed and nobody registered.
        """
        entries = await self._register.token_entries(after=after, limit=limit, seen=seen)
        return [self._shown(entry) for entry in entries]

    async def tokens_with_uid(self, uid: str, *, seen: bool) -> list[TokenShown]:
        """Return the tokens with this uid, whatever their type: a handful."""
        entries = await self._register.tokens_with_uid(uid)
        return [self._shown(entry) for entry in entries if seen or _is_registered(entry)]

    async def token(self, token_id: str, *, seen: bool = False) -> TokenShown:
        """Return a token. Raises `NotFound`, also for one that nobody registered unless `seen`."""
        entry = await self._register.token_entry(token_id)
        if entry is None or not (seen or _is_registered(entry)):
            raise NotFound(f"there is no token {token_id}")
        return self._shown(entry)

    async def add(self, token: NewToken) -> TokenShown:
        """Register a token (`csms.ports.Register.add_token`)."""
        return self._shown(await self._register.add_token(token))

    async def change(
        self,
        token_id: str,
        changed: Callable[[TokenEntry], NewToken],
        *,
        expected_revision: int | None,
    ) -> TokenShown:
        """Make a token what `changed` makes of it; that counts from the next message of a charger on.

        Raises as `csms.ports.Register.change_token`.
        """
        present = (await self.token(token_id)).entry
        entry = await self._register.change_token(
            token_id, changed(present), expected_revision=expected_revision or present.revision
        )
        return self._shown(entry)

    async def remove(self, token_id: str, *, expected_revision: int | None) -> None:
        """Remove a token (`csms.ports.Register.remove_token`)."""
        await self._register.remove_token(token_id, expected_revision=expected_revision)

    def _shown(self, entry: TokenEntry) -> TokenShown:
        ends_us = entry.expires_at_us
        return TokenShown(entry, ends_us is not None and ends_us <= self._clock.now_us())


def _is_registered(entry: TokenEntry) -> bool:
    return entry.status != TokenStatus.SEEN.value
