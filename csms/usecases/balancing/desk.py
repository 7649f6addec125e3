"""A station's orders that have not left: one at a time, decreases first, the newest of a kind in place of older ones."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

from msgspec import Struct

from balancer.orders import InstallFailsafe, SetLimit
from csms.domain.commands import Priority
from csms.domain.control import ClearOwnProfiles, ReadConfiguration, StationOrder, WriteConfiguration

Wanted = SetLimit | InstallFailsafe | ReadConfiguration | WriteConfiguration | ClearOwnProfiles


class Job(Struct):
    """One order, from its asking until it has ended."""

    id: int
    """The outgoing id."""
    wanted: Wanted
    priority: Priority
    after_records: bool
    since_us: int
    sent: StationOrder | None = None
    """As it left; None: it waits."""
    withdrawn: bool = False

    def is_of(self, evse: int, kind: type[Wanted]) -> bool:
        """Tell whether it is of that kind and for that EVSE."""
        wanted = self.wanted
        return (
            isinstance(wanted, SetLimit | InstallFailsafe)
            and isinstance(wanted, kind)
            and wanted.evse.evse == evse
        )


class Desk:
    """What waits for one station and what is under way; at most one order is."""

    def __init__(self, new_id: Callable[[], int]) -> None:
        """Have nothing to send."""
        self._new_id = new_id
        self._turn = count().__next__
        self._waiting: list[tuple[Priority, int, Job]] = []
        self.under_way: Job | None = None

    def jobs(self) -> list[Job]:
        """Return all that has not ended, what is under way first."""
        waiting = [job for _, _, job in sorted(self._waiting, key=lambda entry: entry[:2])]
        return waiting if self.under_way is None else [self.under_way, *waiting]

    def put(self, wanted: Wanted, now_us: int) -> list[Job]:
        """Let an order wait for its turn; return those that it replaces, which will never leave."""
        replaced: list[Job] = []
        if isinstance(wanted, SetLimit | InstallFailsafe):
            evse, kind = wanted.evse.evse, type(wanted)
            replaced = self.drop(lambda job: job.is_of(evse, kind))
            if self.under_way is not None and self.under_way.is_of(evse, kind):
                self.under_way.withdrawn = True
            raises = wanted.raises
            priority = Priority.LIMIT if raises else Priority.STOP
        else:
            raises = False
            # A clearing that came after a new failsafe would take that away.
            priority = Priority.STOP if isinstance(wanted, ClearOwnProfiles) else Priority.BACKGROUND
        job = Job(self._new_id(), wanted, priority, raises, now_us)
        self._waiting.append((priority, self._turn(), job))
        if self.under_way is not None and priority < min(self.under_way.priority, Priority.LIMIT):
            self.under_way.withdrawn = True
        return replaced

    def drop(self, which: Callable[[Job], bool] = lambda _job: True) -> list[Job]:
        """Take back what waits and `which` names; return it."""
        dropped = [job for job in self.jobs() if job is not self.under_way and which(job)]
        self._waiting = [entry for entry in self._waiting if entry[2] not in dropped]
        return dropped

    def holds(self, kind: type[Wanted]) -> bool:
        """Tell whether an order of that kind has not ended."""
        return any(isinstance(job.wanted, kind) for job in self.jobs())

    def following(self, *, failsafe_last: bool) -> Job | None:
        """Return what may leave now and put it under way; `failsafe_last`: a failsafe after its EVSE's limit."""
        if self.under_way is not None:
            return None
        for job in self.jobs():
            if failsafe_last and isinstance(job.wanted, InstallFailsafe):
                evse = job.wanted.evse.evse
                if any(other.is_of(evse, SetLimit) for other in self.jobs()):
                    continue
            self._waiting = [entry for entry in self._waiting if entry[2] is not job]
            self.under_way = job
            return job
        return None

    def ended(self) -> None:
        """Note that what was under way has ended."""
        self.under_way = None
