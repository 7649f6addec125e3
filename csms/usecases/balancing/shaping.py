"""The controller's orders in the form that a station takes: amperes per phase or watts, with or without a lease."""

from __future__ import annotations

from msgspec import structs

from balancer.orders import InstallFailsafe, SetLimit
from balancer.site import Evse
from balancer.units import dc_output_power_w
from csms.domain.control import FailsafeOrder, LimitOrder, ProfileForm, RateUnit


def form_for(evse: Evse, form: ProfileForm) -> ProfileForm:
    """Return the form for one EVSE: DC takes watts whatever the station's other EVSEs take."""
    if evse.supply == "DC" and form.unit is not RateUnit.WATT:
        return structs.replace(form, unit=RateUnit.WATT)
    return form


def failsafe_order(
    order: InstallFailsafe, evse: Evse, form: ProfileForm, volts: float, start_us: int
) -> FailsafeOrder:
    """Return the order for the station; in watts no phase can draw more than the limit, whichever the car uses."""
    form = form_for(evse, form)
    return FailsafeOrder(
        evse=evse.key.evse, limit=_amount(order.limit_a, evse, form, volts), form=form, start_us=start_us
    )


def limit_order(
    order: SetLimit, evse: Evse, form: ProfileForm, volts: float, ocpp_transaction_id: str
) -> LimitOrder:
    """Return the order for the station; in watts it is `total_a` times the voltage, as the order asks."""
    form = form_for(evse, form)
    whole_a = order.total_a if form.unit is RateUnit.WATT else None
    limit_a = order.limit_a if whole_a is None else whole_a
    return LimitOrder(
        evse=evse.key.evse,
        ocpp_transaction_id=ocpp_transaction_id,
        limit=_amount(limit_a, evse, form, volts),
        failsafe=_amount(order.failsafe_a, evse, form, volts),
        lease_s=order.lease_s,
        form=form,
        start_us=round(order.start_s * 1e6),
    )


def _amount(current_a: float, evse: Evse, form: ProfileForm, volts: float) -> float:
    if form.unit is RateUnit.AMPERE:
        return current_a
    if evse.supply == "DC":
        return dc_output_power_w(current_a, volts, evse.efficiency)
    return current_a * volts
