"""The tokens in memory, by HMAC, kept fresh by reading what changed since."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from csms.domain.token import Token, TokenStatus

CHANGES = (
    "SELECT c.number, c.hmac, t.id, t.status, t.expires_at_us, t.group_name, t.max_concurrent "
    "FROM token_changes AS c LEFT JOIN tokens AS t ON t.hmac = c.hmac "
    "WHERE c.number > :seen ORDER BY c.number"
)
"""The tokens that changed since the change numbered `seen`; without an id where a token is gone."""

ChangeRow = tuple[int, bytes, str | None, str | None, int | None, str | None, int | None]


TokenChanges = Sequence[ChangeRow]
"""What changed after some number, in ascending order, as far as the reader could see."""


class TokenIndex(Mapping[bytes, Token]):
    """Read-only for all but the store; `seen` is the number up to which it is complete."""

    def __init__(self) -> None:
        self.seen = 0
        self._tokens: dict[bytes, Token] = {}

    def __getitem__(self, hmac: bytes) -> Token:
        return self._tokens[hmac]

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._tokens)

    def __len__(self) -> int:
        return len(self._tokens)

    def apply(self, changes: TokenChanges) -> None:
        """Take over changes; what came in meanwhile by another way is newer and stays."""
        for number, hmac, token_id, status, expires_at_us, group, max_concurrent in changes:
            if number <= self.seen:
                continue
            self.seen = number
            if token_id is None or status is None:
                self._tokens.pop(hmac, None)
                continue
            self._tokens[hmac] = Token(
                id=token_id,
                hmac=hmac,
                status=_status(status),
                expires_at_us=expires_at_us,
                group=group,
                max_concurrent=max_concurrent,
            )


def _status(text: str) -> TokenStatus:
    try:
        return TokenStatus(text)
    except ValueError:  # written by a newer version: what can't be understood doesn't charge
        return TokenStatus.BLOCKED
