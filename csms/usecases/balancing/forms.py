"""How a station takes limits: found by what it says, by what it refuses, and by whether current follows."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from msgspec import Struct, structs

from csms.domain.control import OrderVerdict, Placement, ProfileForm, RateUnit, SmartCharging

STACK_LEVEL = 1
"""What is taken where a station does not say, or refuses, its highest: above what sits at 0."""
REJECTIONS_OF_A_LIMIT = 2
REJECTIONS_OF_WHAT_WORKED = 4
"""A form that was accepted before is not given up for a station's bad moment."""


class KnownForm(Struct, frozen=True, kw_only=True):
    """What was found out about how a station, or a model, takes limits; kept as JSON."""

    form: ProfileForm
    movable: bool = True
    """False: it takes none in any form."""
    accepted: bool = False
    """It accepted a limit in this form."""
    proven: bool = False
    """And its current followed."""
    firmware: str | None = None
    """With which that was found out."""
    failsafe_at_least_a: float = 0.0
    """It takes no lower failsafe in any form."""
    gated: bool = False
    """It was read back that nobody starts there unasked; of a station, never of a model."""
    installed: tuple[int, ...] = ()
    """The EVSEs that profiles of ours are, or may be, on; of a station, never of a model."""

    @classmethod
    def read(cls, data: bytes | None) -> KnownForm | None:
        """Return what was kept; None for nothing, and for what an older release wrote and nobody can read."""
        if data is None:
            return None
        try:
            return msgspec.json.decode(data, type=cls)
        except msgspec.DecodeError:
            return None

    def written(self) -> bytes:
        """Return it as JSON."""
        return msgspec.json.encode(self)


def rungs(said: SmartCharging | None, *, evses: int, direct_current: bool) -> Iterator[ProfileForm]:
    """Yield the forms to try, the best first (control.md "Ladder").

    Unit by unit, stack level by stack level (the station's highest first, so that nothing that stood there before
    we came overrules ours), and for each the transaction's profile before the EVSE's default;
    last the station's maximum, where the station has one EVSE only.
    """
    units = (RateUnit.AMPERE, RateUnit.WATT)
    if direct_current:
        units = (RateUnit.WATT,)
    elif said is not None and said.units:
        units = tuple(unit for unit in units if unit in said.units) or units
    highest = STACK_LEVEL if said is None or said.stack_level_max is None else said.stack_level_max
    periods = None if said is None else said.periods_max
    counts = (2, 1) if periods is None else ((1,) if periods < 2 else (2,))  # noqa: PLR2004 - limit and failsafe
    highest = max(0, highest)
    stacks = dict.fromkeys((highest, min(highest, STACK_LEVEL), 0))
    for unit in units:
        for stack_level in stacks:
            for placement in (Placement.TRANSACTION, Placement.DEFAULT):
                for count in counts:
                    yield ProfileForm(
                        unit=unit, placement=placement, stack_level=stack_level, periods_max=count
                    )
    if evses == 1:
        for unit in units:
            for count in counts:
                yield ProfileForm(unit=unit, placement=Placement.STATION, stack_level=0, periods_max=count)


class Ladder:
    """The forms of one station: which one is used now, and which is next when it fails."""

    def __init__(self, known: KnownForm | None, *, evses: int, direct_current: bool) -> None:
        """Begin with what is known of the station or its model, if anything is."""
        self._evses, self._direct_current = evses, direct_current
        self._said: SmartCharging | None = None
        self._failed: set[ProfileForm] = set()
        self._refusals = 0
        self._failsafe_refusals = 0
        self._failsafe_accepted = False
        self._followed: list[float] = []
        self._guessed = known is None
        """Nothing is known but what is usual."""
        self.known = known or KnownForm(form=next(self._rungs()))

    @property
    def form(self) -> ProfileForm:
        """The form to use now."""
        return self.known.form

    @property
    def failsafe_taken(self) -> bool:
        """Whether the station accepted a failsafe in this form."""
        return self._failsafe_accepted

    def know(self, known: KnownForm) -> None:
        """Go by what was found out before; a profile for the whole station only where it has one EVSE."""
        if known.form.placement is not Placement.STATION or self._evses == 1:
            self.known, self._guessed = known, False

    def rewire(self, *, evses: int, direct_current: bool) -> None:
        """Go on with a station that has other EVSEs than it was thought to have."""
        if (evses, direct_current) == (self._evses, self._direct_current):
            return
        if self._said is None or self._said.evses is None:
            self._evses = evses
        if direct_current != self._direct_current:
            self._direct_current = direct_current
            self._use(next(self._rungs()))

    def _rungs(self) -> Iterator[ProfileForm]:
        return rungs(self._said, evses=self._evses, direct_current=self._direct_current)

    def learn(self, said: SmartCharging) -> bool:
        """Take in what the station says of itself; tell whether another form is used from now on.

        What it accepted before is believed more than what it says, but for the number of periods.
        """
        self._said = said
        if said.evses is not None:
            self._evses = said.evses
        form = self.form
        if said.periods_max is not None and said.periods_max < form.periods_max:
            form = structs.replace(form, periods_max=1)
        first, self._guessed = self._guessed, False
        if not self.known.accepted and (first or form not in set(self._rungs())):
            form = next((rung for rung in self._rungs() if rung not in self._failed), form)
        return self._use(form)

    def start_over(self, firmware: str | None) -> None:
        """Forget what failed: the station has started with other firmware, or a while ago."""
        self._failed.clear()
        self._forget_tries()
        self.known = structs.replace(
            self.known,
            movable=True,
            accepted=False,
            proven=False,
            firmware=firmware,
            failsafe_at_least_a=0.0,
        )

    def failsafe_answered(self, verdict: OrderVerdict) -> bool:
        """Take in how a failsafe ended; tell whether something else is used from now on."""
        if verdict is OrderVerdict.ACCEPTED:
            self._failsafe_accepted, self._failsafe_refusals = True, 0
        elif verdict is OrderVerdict.UNSUPPORTED and not self.known.accepted:
            return self._give_up()
        elif verdict in {OrderVerdict.REJECTED, OrderVerdict.UNSUPPORTED}:
            self._failsafe_refusals += 1
            if self._failsafe_refusals >= (REJECTIONS_OF_WHAT_WORKED if self.known.accepted else 1):
                return self._leave(whole_unit=True)
        return False

    def keep_at_least(self, failsafe_a: float) -> None:
        """Try all forms again with no failsafe below `failsafe_a`."""
        self._failed.clear()
        self._forget_tries()
        self.known = structs.replace(
            self.known, form=next(self._rungs()), movable=True, failsafe_at_least_a=failsafe_a
        )

    def limit_answered(self, verdict: OrderVerdict) -> bool:
        """Take in how a running limit ended; tell whether something else is used, or known, from now on."""
        if verdict is OrderVerdict.ACCEPTED:
            self._refusals = 0
            if self.known.accepted:
                return False
            self.known = structs.replace(self.known, accepted=True)
            return True
        if verdict not in {OrderVerdict.REJECTED, OrderVerdict.UNSUPPORTED} or not self._failsafe_accepted:
            # A refusal before the failsafe was taken says nothing of the placement.
            return False
        self._refusals += 1
        enough = REJECTIONS_OF_WHAT_WORKED if self.known.accepted else REJECTIONS_OF_A_LIMIT
        if self._refusals < enough and verdict is OrderVerdict.REJECTED:
            return False
        return self._leave(whole_unit=False)

    def disobeyed(self) -> bool:
        """Take in that it drew more than its limit; tell whether another form is used from now on."""
        return not self.known.proven and self.known.accepted and self._leave(whole_unit=False)

    def followed(self, limit_a: float) -> bool:
        """Take in that its current was just at a limit; tell whether that proves the form (at the second limit)."""
        if self.known.proven:
            return False
        if all(abs(limit_a - other_a) >= 1.0 for other_a in self._followed):
            self._followed.append(limit_a)
        if len(self._followed) < 2:  # noqa: PLR2004 - one may be what the car takes anyway
            return False
        self.known = structs.replace(self.known, accepted=True, proven=True)
        return True

    def _leave(self, *, whole_unit: bool) -> bool:
        """Go to the next form; with `whole_unit` to one whose failsafe is another."""
        failed = self.form
        self._failed.update(
            rung
            for rung in self._rungs()
            if rung == failed or (whole_unit and _failsafe_of(rung) == _failsafe_of(failed))
        )
        self._failed.add(failed)
        following = next((rung for rung in self._rungs() if rung not in self._failed), None)
        return self._give_up() if following is None else self._use(following)

    def _use(self, form: ProfileForm) -> bool:
        if form == self.form:
            return False
        accepted = self._failsafe_accepted and same_failsafe(form, self.form)
        self._forget_tries()
        self._failsafe_accepted = accepted
        self.known = structs.replace(self.known, form=form, accepted=False, proven=False)
        return True

    def _give_up(self) -> bool:
        self._forget_tries()
        self.known = structs.replace(self.known, movable=False, accepted=False, proven=False)
        return True

    def _forget_tries(self) -> None:
        self._refusals = self._failsafe_refusals = 0
        self._failsafe_accepted = False
        self._followed = []


def same_failsafe(one: ProfileForm, other: ProfileForm) -> bool:
    """Tell whether a failsafe that was installed in one form stands in the other too."""
    return _failsafe_of(one) == _failsafe_of(other)


def outlives(form: ProfileForm) -> bool:
    """Tell whether a running limit in this form stays when its transaction ends, in the failsafe's place."""
    return form.placement is not Placement.TRANSACTION


def form_key(known: KnownForm) -> tuple[bool, ProfileForm, float]:
    """Return what decides which orders are sent, and how; all else is only known."""
    return known.movable, known.form, known.failsafe_at_least_a


def _failsafe_of(form: ProfileForm) -> tuple[RateUnit, int, bool]:
    return form.unit, form.stack_level, form.placement is Placement.STATION


def describe(form: ProfileForm) -> str:
    """Return a form in words for people."""
    unit = "amperes" if form.unit is RateUnit.AMPERE else "watts"
    where = {
        Placement.TRANSACTION: "a profile of the transaction",
        Placement.DEFAULT: "the default profile of the EVSE",
        Placement.STATION: "the station's maximum",
    }[form.placement]
    lease = "" if form.periods_max > 1 else ", without a lease"
    return f"{unit} in {where}, stack level {form.stack_level}{lease}"
