"""One-line faults in the balancer, as data: what is changed, what that would mean, and which tests must notice.

`before` and `after` are whole lines. A line that is no longer in its file fails loudly: then find the line that does
the same today.
"""

from __future__ import annotations

from typing import NamedTuple


class Fault(NamedTuple):
    """One line of one module, made wrong."""

    name: str
    file: str
    before: str
    after: str
    means: str
    caught_by: tuple[str, ...]
    """Node ids of tests, of which one must fail."""


_ALLOCATION = "tests/balancer/test_allocation.py"
_CONTROLLER = "tests/balancer/test_controller.py"
_METERS = "tests/balancer/test_controller_meters.py"
_RESTART = "tests/balancer/test_controller_restart.py"
_TRUST = "tests/balancer/test_controller_trust.py"
_USAGE = "tests/balancer/test_controller_usage.py"
_WATTS = "tests/balancer/test_controller_watts.py"
_ACCOUNT = "tests/balancer/test_account.py"
_LEDGER = "tests/balancer/test_ledger.py"
_STARTS = "tests/balancer/test_starts.py"

FAULTS: tuple[Fault, ...] = (
    # --- increases and decreases
    Fault(
        name="increase before confirm",
        file="balancer/dispatch.py",
        before="        if most.limit_a < min(limit_a * account.spread, account.full_a) - EPSILON_A:",
        after="        if most.limit_a < 0.0:",
        means="a car is raised into room that another one has not left yet",
        caught_by=(f"{_CONTROLLER}::test_a_newcomer_waits_until_those_before_it_have_come_down",),
    ),
    Fault(
        name="row not durable before a raise",
        file="balancer/dispatch.py",
        before="            raises=raises,",
        after="            raises=False,",
        means="a raise may leave before a restart would know of it",
        caught_by=(
            f"{_CONTROLLER}::test_a_car_on_a_free_site_is_raised_at_once_with_a_lease_that_began_in_the_past",
        ),
    ),
    Fault(
        name="hold delays a decrease",
        file="balancer/dispatch.py",
        before="        self._set(account, visit, visit.target_a)",
        after="        self._waits(visit.changed_s + 10.0) or self._set(account, visit, visit.target_a)",
        means="a limit that has just changed is not lowered again",
        caught_by=(
            f"{_CONTROLLER}::test_a_lower_cap_is_ordered_at_once_whatever_is_open_or_was_just_raised",
        ),
    ),
    Fault(
        name="deadband delays a decrease",
        file="balancer/dispatch.py",
        before="        if _is_unknown(account) or visit.target_a >= account.newest_a(self._now_s) - EPSILON_A:",
        after="        if visit.target_a >= account.newest_a(self._now_s) - self._settings.deadband_a:",
        means="many small decreases that are not worth a message overload a circuit",
        caught_by=(f"{_CONTROLLER}::test_a_decrease_below_the_deadband_is_ordered_all_the_same",),
    ),
    Fault(
        name="the others do not yield for a silent one",
        file="balancer/controller.py",
        before="                if account.lowering_since_s is not None and account.lowering_since_s <= late_s",
        after="                if False",
        means="a decrease without an answer is waited for while a circuit is overloaded",
        caught_by=(
            f"{_CONTROLLER}::test_a_decrease_that_is_not_confirmed_in_time_is_made_up_for_by_those_who_answer",
        ),
    ),
    # --- the ledger
    Fault(
        name="forget limits in flight",
        file="balancer/standing.py",
        before="            if isinstance(order, SetLimit) and order.transaction == self.owner",
        after="            if False",
        means="what has been sent and not answered is given to others too",
        caught_by=(f"{_CONTROLLER}::test_an_increase_counts_from_the_moment_it_is_handed_out",),
    ),
    Fault(
        name="forget a failsafe in flight",
        file="balancer/standing.py",
        before="            if isinstance(order, InstallFailsafe):",
        after="            if False:",
        means="a higher failsafe counts only once it is confirmed",
        caught_by=(f"{_LEDGER}::test_an_order_counts_from_its_handing_out_until_its_end",),
    ),
    Fault(
        name="forget what got no answer",
        file="balancer/account.py",
        before="            self.unanswered = either(self.unanswered, claim_of(order, self.slack_s))",
        after="            pass",
        means="a time-out is taken for a refusal",
        caught_by=(
            f"{_ACCOUNT}::test_several_orders_without_an_answer_count_with_the_highest_and_the_longest",
        ),
    ),
    Fault(
        name="a late answer proves",
        file="balancer/account.py",
        before="            verdict = Verdict.UNKNOWN",
        after="            pass",
        means="a limit that was confirmed after somebody cleared it is believed",
        caught_by=(f"{_ACCOUNT}::test_an_answer_that_comes_after_our_profiles_were_cleared_proves_nothing",),
    ),
    Fault(
        name="release on Accepted",
        file="balancer/account.py",
        before="                until_s=now_s + self.settle_s,",
        after="                until_s=now_s,",
        means="a station that says yes is believed to have come down already",
        caught_by=(f"{_CONTROLLER}::test_without_measurements_the_settle_time_releases_what_was_confirmed",),
    ),
    Fault(
        name="being low proves having come down",
        file="balancer/evidence.py",
        before="        proven = self.seen_above and not above",
        after="        proven = not above",
        means="a car that ramps up is taken for one that has come down",
        caught_by=(f"{_ACCOUNT}::test_being_below_proves_nothing_of_a_car_that_was_never_above",),
    ),
    Fault(
        name="only the nearest circuit counts",
        file="balancer/ledger.py",
        before="            for node in self.path(key):",
        after="            for node in self.path(key)[-1:]:",
        means="the circuits above a board carry more than they may",
        caught_by=(f"{_LEDGER}::test_who_is_unknown_counts_at_its_maximum_on_the_phases_it_is_wired_to",),
    ),
    Fault(
        name="who left the site is forgotten",
        file="balancer/ledger.py",
        before="        self._gone = {key: account for key, account in left.items() if account.is_taken}",
        after="        self._gone = {}",
        means="a car goes on charging at an EVSE that was taken out of the configuration, and nobody counts it",
        caught_by=(
            f"{_RESTART}::test_an_evse_with_a_car_that_leaves_the_site_counts_at_its_worst_until_the_car_has_left",
        ),
    ),
    Fault(
        name="who left the site is believed to keep its limit",
        file="balancer/ledger.py",
        before="            account.lost_profiles()",
        after="            pass",
        means="a charger is released into room that others still use",
        caught_by=(
            f"{_RESTART}::test_an_evse_with_a_car_that_leaves_the_site_counts_at_its_worst_until_the_car_has_left",
        ),
    ),
    Fault(
        name="a sample from before the answer proves",
        file="balancer/evidence.py",
        before="        if at_s <= self.since_s:",
        after="        if at_s < 0.0:",
        means="what a car drew before it was told proves that it obeys",
        caught_by=(f"{_ACCOUNT}::test_a_sample_from_before_the_confirmation_proves_nothing",),
    ),
    # --- leases
    Fault(
        name="drop the lease",
        file="balancer/dispatch.py",
        before="            lease_s=lease_s,",
        after="            lease_s=None,",
        means="a station that loses its connection keeps its limit for good",
        caught_by=(
            f"{_CONTROLLER}::test_a_car_on_a_free_site_is_raised_at_once_with_a_lease_that_began_in_the_past",
        ),
    ),
    Fault(
        name="drop the lease's margin",
        file="balancer/claims.py",
        before="    return Claim(order.limit_a, order.failsafe_a, end_s, end_s + slack_s, order.total_a)",
        after="    return Claim(order.limit_a, order.failsafe_a, end_s, end_s, order.total_a)",
        means="a station whose clock is late still draws what others have been given",
        caught_by=(f"{_LEDGER}::test_a_lease_counts_until_its_end_and_a_margin",),
    ),
    # --- trust
    Fault(
        name="a reboot is believed to keep profiles",
        file="balancer/intake.py",
        before="                    account.lost_profiles()",
        after="                    pass",
        means="a station without any limit counts as if it had one",
        caught_by=(f"{_TRUST}::test_a_boot_is_remembered_over_a_restart_and_a_mere_reconnect_is_not",),
    ),
    Fault(
        name="a fresh connection is believed",
        file="balancer/account.py",
        before="        self.failsafe_proven = False",
        after="        pass",
        means="profiles that nobody verified count as confirmed",
        caught_by=(
            f"{_TRUST}::test_an_idle_station_that_booted_counts_at_its_maximum_until_the_failsafe_is_back",
        ),
    ),
    Fault(
        name="disobedience not seen",
        file="balancer/evidence.py",
        before="        self.quarantined = True",
        after="        self.quarantined = False",
        means="a charger that ignores its limit is counted with it",
        caught_by=(f"{_ACCOUNT}::test_quarantine_counts_from_the_confirmation_of_the_limit_that_is_broken",),
    ),
    Fault(
        name="ignore a foreign profile",
        file="balancer/intake.py",
        before="                account.foreign_set(observation.limit_a, caps=observation.caps)",
        after="                pass",
        means="what somebody else allowed a car is given to others too",
        caught_by=(f"{_TRUST}::test_a_foreign_profile_on_an_idle_evse_is_reserved",),
    ),
    Fault(
        name="a car from before is believed to have no limit",
        file="balancer/account.py",
        before="            self.running_proven = not (self.blank and at_s < self.created_s)",
        after="            self.running_proven = True",
        means="a transaction that another server began counts at its failsafe",
        caught_by=(f"{_TRUST}::test_a_car_from_before_we_ever_spoke_to_its_station_may_have_any_limit",),
    ),
    Fault(
        name="a refused failsafe is believed",
        file="balancer/account.py",
        before="            self.failsafe_proven = False",
        after="            pass",
        means="a station that refuses 0 A costs nothing",
        caught_by=(f"{_ACCOUNT}::test_a_failsafe_that_was_not_confirmed_counts_as_far_as_it_may_be_there",),
    ),
    # --- restarts
    Fault(
        name="a restart forgets its rows",
        file="balancer/ledger.py",
        before="                restore(account, row)",
        after="                pass",
        means="everybody is paused because the server restarted",
        caught_by=(f"{_RESTART}::test_a_restart_counts_what_was_kept_and_pauses_nobody",),
    ),
    Fault(
        name="a row keeps only what was confirmed",
        file="balancer/keeping.py",
        before="    claims = account.claims()",
        after="    claims = [account.running] if account.running else []",
        means="a raise that was under way at a restart is not counted after it",
        caught_by=(f"{_LEDGER}::test_what_is_kept_never_counts_less_than_the_ledger_does",),
    ),
    # --- other loads and caps
    Fault(
        name="a stale meter is believed",
        file="balancer/room.py",
        before="        self._stale = {node.id for node in site.nodes if bases[node.id].is_stale}",
        after="        self._stale = set[str]()",
        means="cars are raised though nobody knows what others draw",
        caught_by=(
            f"{_METERS}::test_without_a_recent_reading_nothing_is_raised_and_much_later_the_worst_is_assumed",
        ),
    ),
    Fault(
        name="a silent meter has no fallback",
        file="balancer/base_load.py",
        before="        if age_s >= line.meter.max_age_s * self._settings.stale_factor:",
        after="        if False:",
        means="the last reading of a dead meter holds for ever",
        caught_by=(f"{_METERS}::test_a_silent_meter_lowers_those_who_charge_to_what_its_fallback_leaves",),
    ),
    Fault(
        name="base load not counted",
        file="balancer/scene.py",
        before="        taken_a = add(scene.bases[node].seen_a, totals[node])",
        after="        taken_a = totals[node]",
        means="nobody makes room when other loads rise",
        caught_by=(f"{_METERS}::test_a_rise_of_other_loads_is_answered_in_the_same_step",),
    ),
    Fault(
        name="own chargers counted twice",
        file="balancer/base_load.py",
        before="            line.unproven.append(Sample(at_s, current_a))",
        after="            line.others.append(Sample(at_s, current_a))",
        means="the cars' own current looks like a load of others, and everybody sinks to the minimum",
        caught_by=("tests/balancer/test_base_load.py::test_the_part_of_the_own_chargers_is_taken_off",),
    ),
    Fault(
        name="a fall of other loads counts at once",
        file="balancer/base_load.py",
        before="            held_a = highest(held_a, other.current_a)",
        after="            held_a = other.current_a",
        means="a kettle that switches off and on drags all cars up and down",
        caught_by=(f"{_METERS}::test_a_fall_of_other_loads_counts_only_after_a_while",),
    ),
    Fault(
        name="a cap never ends",
        file="balancer/caps.py",
        before="                del caps[source]",
        after="                pass",
        means="a grid operator's hour lasts for ever",
        caught_by=("tests/balancer/test_caps.py::test_a_cap_ends_when_it_says_or_is_cleared",),
    ),
    Fault(
        name="the highest cap wins",
        file="balancer/caps.py",
        before="                if value_a < limit_a[phase]:",
        after="                if value_a > limit_a[phase]:",
        means="a cap lifts a breaker's rating",
        caught_by=(
            "tests/balancer/test_caps.py::test_the_lowest_source_wins_on_each_phase_and_none_lifts_a_rating",
        ),
    ),
    # --- phases, watts and steps
    Fault(
        name="wrong rotation",
        file="balancer/wiring.py",
        before="        first, second, third = (phase in self.rotation for phase in range(3))",
        after="        first, second, third = (phase < len(self.rotation) for phase in range(3))",
        means="a charger on L2 is counted on L1",
        caught_by=(f"{_LEDGER}::test_who_is_unknown_counts_at_its_maximum_on_the_phases_it_is_wired_to",),
    ),
    Fault(
        name="phases released at once",
        file="balancer/usage.py",
        before="                if at_s - since_s >= self.settings.phase_release_s:",
        after="                if at_s >= since_s:",
        means="a car that begins on one phase and goes on on three overloads two",
        caught_by=(f"{_USAGE}::test_a_car_that_uses_one_phase_of_three_returns_the_others_after_a_minute",),
    ),
    Fault(
        name="a phase that comes back is not counted",
        file="balancer/usage.py",
        before="                self.released[phase] = False",
        after="                pass",
        means="a car that goes on to a second phase overloads it",
        caught_by=(
            f"{_USAGE}::test_a_phase_that_comes_back_counts_from_its_first_sample_and_others_make_room",
        ),
    ),
    Fault(
        name="watts are believed to be shared evenly",
        file="balancer/standing.py",
        before="            worst_a = max(worst_a, claim.total_a / shared)",
        after="            pass",
        means="a one-phase car draws all the watts of three phases on one",
        caught_by=(f"{_WATTS}::test_what_is_kept_of_watts_is_what_they_can_bring",),
    ),
    Fault(
        name="DC without losses",
        file="balancer/units.py",
        before="    return power_w / (3 * voltage_v * LINE_POWER_FACTOR) / (efficiency or DC_EFFICIENCY)",
        after="    return power_w / (3 * voltage_v)",
        means="a DC charger draws a fifth more than is counted",
        caught_by=(f"{_USAGE}::test_a_dc_charger_counts_what_its_output_takes_from_three_phases",),
    ),
    Fault(
        name="limits rounded up",
        file="balancer/units.py",
        before="    steps = math.floor(current_a / step_a + 1e-9)",
        after="    steps = math.ceil(current_a / step_a - 1e-9)",
        means="each limit is up to a step more than there is room for",
        caught_by=(
            "tests/balancer/test_units.py::test_rounding_down_keeps_what_is_a_multiple_but_for_noise",
        ),
    ),
    Fault(
        name="shares rounded up",
        file="balancer/allocation.py",
        before="        rounded = np.floor(currents / cars.steps + STEP_SLIP) * cars.steps",
        after="        rounded = np.ceil(currents / cars.steps - STEP_SLIP) * cars.steps",
        means="the shares of a circuit are together up to a step for each car more than it carries",
        caught_by=(f"{_ALLOCATION}::test_steps_round_down_and_what_is_left_goes_to_the_largest_remainder",),
    ),
    # --- gated starts
    Fault(
        name="consent without room",
        file="balancer/starts.py",
        before="    if most.limit_a < account.start_a - EPSILON_A:",
        after="    if False:",
        means="a charger that can't be told 0 A starts before the others have come down for it",
        caught_by=(f"{_STARTS}::test_others_come_down_first_and_consent_follows_when_they_have",),
    ),
    Fault(
        name="consent while nobody knows what others draw",
        file="balancer/starts.py",
        before="    if room.is_stale(key) or not full.isdisjoint(_path(scene, key)):",
        after="    if not full.isdisjoint(_path(scene, key)):",
        means="a silent meter lets everybody start",
        caught_by=(f"{_STARTS}::test_while_nobody_knows_what_others_draw_nobody_starts",),
    ),
    Fault(
        name="consent holds no room",
        file="balancer/starts.py",
        before="    account.let_start(account.start_a, scene.now_s)",
        after="    pass",
        means="what one was let start into is given to others too",
        caught_by=(f"{_STARTS}::test_room_is_held_until_the_session_begins",),
    ),
    Fault(
        name="a restart forgets who was let start",
        file="balancer/keeping.py",
        before="        account.hold = Claim(row.worst_a, 0.0, until_s=row.worst_until_s)",
        after="        pass",
        means="the room of one who is about to begin is given to others",
        caught_by=(
            f"{_STARTS}::test_after_a_restart_what_was_held_is_held_until_the_station_is_back_and_for_as_long_again",
        ),
    ),
    Fault(
        name="a gate is believed when somebody charges behind it",
        file="balancer/standing.py",
        before="        nobody = self.session is None and self.owner is None",
        after="        nobody = True",
        means="a session that began without consent counts for nothing",
        caught_by=(f"{_STARTS}::test_a_session_that_begins_without_consent_counts_at_once",),
    ),
    # --- turns
    Fault(
        name="a turn never ends",
        file="balancer/rotation.py",
        before="    spent = now_s >= began_s + rules.quantum_s",
        after="    spent = now_s < began_s - rules.quantum_s",
        means="who waits for a turn waits for ever",
        caught_by=("tests/balancer/test_rotation.py::test_the_longest_waiting_comes_when_a_turn_is_over",),
    ),
    Fault(
        name="the newest waits least",
        file="balancer/admission.py",
        before="        rightful = self._take(np.lexsort([place.tickets, place.spent, self._classes]), None)",
        after="        rightful = self._take(np.lexsort([-place.tickets, place.spent, self._classes]), None)",
        means="who came first is overtaken by each newcomer",
        caught_by=("tests/balancer/test_rotation.py::test_the_longest_waiting_comes_when_a_turn_is_over",),
    ),
)
