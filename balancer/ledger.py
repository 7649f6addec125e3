"""What the EVSEs of a site may draw at worst, circuit by circuit: the sum that must stay below every limit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from balancer.account import Account
from balancer.keeping import restore, row_of
from balancer.observations import Capability, Verdict
from balancer.orders import ExposureRow, Order
from balancer.settings import Settings
from balancer.site import Evse, EvseKey, Site
from balancer.units import NO_AMPERES, Amperes, add, dc_input_current_a


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """All that a ledger knows."""

    accounts: dict[EvseKey, Account]
    gone: dict[EvseKey, Account]
    gone_paths: dict[EvseKey, tuple[str, ...]]
    owner_of: dict[int, EvseKey]
    written: dict[EvseKey, ExposureRow]


class Ledger:
    """The accounts of all EVSEs of a site, and of those that left it and may still draw.

    An order counts from the moment it is handed out until its end is known, whatever it was.
    """

    def __init__(
        self, site: Site, settings: Settings, restored: Iterable[ExposureRow] = (), *, now_s: float
    ) -> None:
        """Begin with what was kept (`restored`); an EVSE without a row counts at its hardware's maximum."""
        self._settings = settings
        self._site = site
        self._accounts: dict[EvseKey, Account] = {}
        self._gone: dict[EvseKey, Account] = {}
        self._gone_paths: dict[EvseKey, tuple[str, ...]] = {}
        self._owner_of: dict[int, EvseKey] = {}
        self._written: dict[EvseKey, ExposureRow] = {}
        for evse in site.evses:
            self._accounts[evse.key] = self._new_account(evse, now_s)
        for row in restored:
            account = self._accounts.get(row.evse)
            if account is not None:
                restore(account, row)
                self._written[row.evse] = row

    def _new_account(self, evse: Evse, now_s: float) -> Account:
        return Account(
            evse=evse,
            settings=self._settings,
            full_a=full_current_a(evse, self._site.nominal_voltage_v),
            created_s=now_s,
            phases=evse.phases,
            capability=Capability(evse.key),
        )

    def books(self) -> Books:
        """Return all that it knows; it goes on with the same ones."""
        return Books(
            accounts=self._accounts,
            gone=self._gone,
            gone_paths=self._gone_paths,
            owner_of=self._owner_of,
            written=self._written,
        )

    def take_over(self, books: Books) -> None:
        """Go on from where another ledger of the same site was."""
        self._accounts = books.accounts
        self._gone, self._gone_paths = books.gone, books.gone_paths
        self._owner_of, self._written = books.owner_of, books.written

    # --- accounts

    def __getitem__(self, key: EvseKey) -> Account:
        """Return the account of an EVSE of the site; raises KeyError for others."""
        return self._accounts[key]

    def __contains__(self, key: EvseKey) -> bool:
        """Tell whether it is an EVSE of the site."""
        return key in self._accounts

    def accounts(self) -> Iterator[Account]:
        """Yield the accounts of the site's EVSEs, in the site's order."""
        return iter(self._accounts.values())

    def find(self, key: EvseKey) -> Account | None:
        """Return the account of an EVSE that is or was in the site; None for others."""
        return self._accounts.get(key) or self._gone.get(key)

    def of_station(self, station: str) -> list[Account]:
        """Return the accounts of a station's EVSEs, also of those that left the site."""
        everyone = [*self._accounts.values(), *self._gone.values()]
        return [account for account in everyone if account.evse.key.station == station]

    # --- orders

    def hand_out(self, order: Order) -> None:
        """Count `order` from now on."""
        self._owner_of[order.id] = order.evse
        self._accounts[order.evse].hand_out(order)

    def answered(self, order_id: int, verdict: Verdict, now_s: float) -> Account | None:
        """Take in how an order ended, and return whose it was; None for one that is not open."""
        key = self._owner_of.pop(order_id, None)
        account = None if key is None else self.find(key)
        if account is None or order_id not in account.open:
            return None  # its EVSE left the site, and may be back with an account of its own
        account.answered(order_id, verdict, now_s)
        return account

    # --- sums

    def exposures(self, now_s: float) -> dict[EvseKey, Amperes]:
        """Return what each EVSE may draw at worst at `now_s`; with those that left the site."""
        found = {key: account.exposure(now_s) for key, account in self._accounts.items()}
        found.update((key, account.exposure(now_s)) for key, account in self._gone.items())
        return found

    def path(self, key: EvseKey) -> tuple[str, ...]:
        """Return the nodes above an EVSE, also above one that left the site while it counts; none for others."""
        account = self._accounts.get(key)
        return self._gone_paths.get(key, ()) if account is None else self._site.path(account.evse.node)

    def totals(self, exposures: Mapping[EvseKey, Amperes]) -> dict[str, Amperes]:
        """Return the sums of `exposures` below each node."""
        sums = dict.fromkeys((node.id for node in self._site.nodes), NO_AMPERES)
        for key, exposure_a in exposures.items():
            if exposure_a == NO_AMPERES:
                continue
            for node in self.path(key):
                sums[node] = add(sums[node], exposure_a)
        return sums

    # --- time

    def settle(self, now_s: float) -> list[EvseKey]:
        """Drop what is over by `now_s`; return who is trusted again."""
        trusted = [key for key, account in self._accounts.items() if account.settle(now_s)]
        for key, account in list(self._gone.items()):
            account.settle(now_s)
            if not account.is_taken or (not account.doubtful and account.exposure(now_s) == NO_AMPERES):
                del self._gone[key], self._gone_paths[key]
        return trusted

    def next_s(self, now_s: float) -> float:
        """Return when after `now_s` an exposure changes by itself; `inf` if never."""
        everyone = [*self._accounts.values(), *self._gone.values()]
        return min((account.next_s(now_s) for account in everyone), default=float("inf"))

    def rows(self, now_s: float) -> tuple[ExposureRow, ...]:
        """Return what changed of what a restart must know, since the last time this was asked."""
        changed: list[ExposureRow] = []
        for key, account in self._accounts.items():
            row = row_of(account, now_s)
            if row != self._written.get(key):
                self._written[key] = row
                changed.append(row)
        return tuple(changed)

    # --- another site

    def rewire(self, site: Site, now_s: float) -> None:
        """Go on with a changed site: exposures carry over, and who left stays counted, at its worst, while a car is there."""
        places = {key: self.path(key) for key in [*self._accounts, *self._gone]}
        left = {**self._gone, **self._accounts}
        self._site, self._accounts = site, {}
        for evse in site.evses:
            account = left.pop(evse.key, None)
            if account is None:
                account = self._new_account(evse, now_s)
            else:
                account.rewire(evse, full_current_a(evse, site.nominal_voltage_v))
            self._accounts[evse.key] = account
        for account in left.values():
            # Nobody keeps it to a limit any more.
            account.lost_profiles()
        self._gone = {key: account for key, account in left.items() if account.is_taken}
        self._gone_paths = {key: self._surviving(places[key]) for key in self._gone}

    def _surviving(self, path: tuple[str, ...]) -> tuple[str, ...]:
        """Return what is left of a path in the site; where nothing is, all roots: somewhere it is fed from."""
        known = {node.id for node in self._site.nodes}
        left = next((self._site.path(node) for node in path if node in known), ())
        return left or tuple(node.id for node in self._site.nodes if node.parent is None)


def full_current_a(evse: Evse, nominal_voltage_v: float) -> float:
    """Return the most that an EVSE's hardware draws per phase, in amperes; DC: on the AC side."""
    if evse.supply == "AC" or evse.max_power_w is None:
        return evse.max_a
    return min(evse.max_a, dc_input_current_a(evse.max_power_w, nominal_voltage_v, evse.efficiency))
