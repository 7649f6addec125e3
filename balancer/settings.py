"""How careful a controller is: times, tolerances and bounds, each with its unit and its reason."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a controller goes by; the defaults are those of a site with readings every 5 to 10 s."""

    lease_s: float = 900.0
    """How long a running limit holds, from its start on, before it steps down to the failsafe."""
    renew_at: float = 1 / 3
    """After which part of the lease it is renewed: a third leaves two more attempts, and 12 an hour."""
    start_back_s: float = 60.0
    """How far in the past a schedule begins, so that a station whose clock is late obeys at once."""
    lease_margin_s: float = 30.0
    """How much longer than its lease (and the clock's error) a limit is counted."""
    clock_error_max_s: float = 30.0
    """A station whose clock is off by more has no lease."""
    decrease_timeout_s: float = 3.0
    """A decrease (or the proof of a limit) that takes longer is made up for by chargers that answer."""
    retry_s: float = 2.0
    """How long after a failure the same order is given again; doubled with each further failure."""
    retry_max_s: float = 300.0
    """The longest wait between attempts."""
    start_hold_s: float = 120.0
    """How long room is held for a session that was let start; while its station is away, for longer."""
    deadband_a: float = 0.5
    """Increases by less are not worth a message."""
    min_hold_s: float = 10.0
    """How long after a change a limit is not raised again."""
    disobedience_a: float = 1.0
    """How far above its limit a charger may be measured before it counts as disobeying."""
    settled_a: float = 0.5
    """How far above a lower limit a measured current may be and still prove that it is obeyed."""
    obeys_at_least_s: float = 10.0
    """No station is expected to be quicker than this, whatever it says."""
    obeys_at_most_s: float = 30.0
    """No station is waited for longer."""
    trust_after_s: float = 300.0
    """How long a charger that disobeyed has to obey before it is trusted again."""
    sample_max_age_s: float = 60.0
    """Older samples of an EVSE prove nothing."""
    phase_release_s: float = 60.0
    """How long a phase has to carry nothing before it counts as not used by the car."""
    phase_quiet_a: float = 1.0
    """Below this a phase carries nothing; from it on the phase is in use."""
    phase_busy_a: float = 4.0
    """Above this on another phase the car is charging."""
    ramp_s: float = 30.0
    """How long after a raise a car may take to follow; what it leaves unused then says nothing."""
    reclaim_after_s: float = 10.0
    """How long current must stay unused before it is taken back."""
    reclaim_margin_a: float = 1.0
    """What a car keeps above what it draws, at least."""
    reclaim_share: float = 0.1
    """The same as a share of what it draws."""
    give_back_a: float = 0.5
    """A car that comes this close to its limit wants more."""
    probe_every_s: float = 60.0
    """How often at most a car that was given back its current, and left it unused, is given it again."""
    stale_factor: float = 3.0
    """Readings this many times older than their `max_age_s` are replaced by the fallback."""
    base_hold_s: float = 15.0
    """How long other loads must stay lower before that counts."""
    base_spread_a: float = 2.0
    """How uncertain the chargers' own part of a reading may be for it to lower the base load."""
    absurd_factor: float = 10.0
    """Readings beyond this many times a rating are not believed."""
    ahead_s: float = 30.0
    """Readings and samples from further in the future are not believed."""

    def obeys_within_s(self, claimed_s: float) -> float:
        """Return how long a station may take to obey that says `claimed_s`."""
        return min(max(claimed_s, self.obeys_at_least_s), self.obeys_at_most_s)
