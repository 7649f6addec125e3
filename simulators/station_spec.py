"""A station as it is bought and installed."""

from __future__ import annotations

from dataclasses import dataclass, field

from simulators.hardware import ChargerSpec
from simulators.link import Retry


@dataclass(frozen=True, slots=True, kw_only=True)
class StationSpec:
    """What one is, and where it connects."""

    charger: ChargerSpec
    url: str
    """`ws://…/`; the id is appended."""
    key: str | None = None
    vendor: str = "Simulated"
    model: str = "Witness"
    firmware: str = "1.0"
    boot_s: float = 20.0
    """How long a boot takes, in site time."""
    boots_again: bool = False
    """Tells its boot at each connection."""
    follows_time: bool = True
    """Sets its clock by what the central system says."""
    answer_timeout_s: float = 30.0
    """How long it waits for answers, in this machine's seconds."""
    checked: bool = True
    """Holds its own messages and their answers against the schemas; costs about a third of its CPU time."""
    ping_interval_s: float | None = None
    retry: Retry = field(default_factory=Retry)

    @property
    def id(self) -> str:
        """Return its id."""
        return self.charger.id
