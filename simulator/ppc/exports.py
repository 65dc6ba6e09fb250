"""The actions that answer a signed file."""

from . import cms_log, cms_profiles, cms_values, forms, readings
from .pages_log import log_period
from .pages_meter import check_limit
from .refusals import NO_LOG, RefusedError, TooManyError
from .view import Download, View

LOG_LIMIT = 1000


def meter_values(view: View, form: dict[str, str]) -> Download:
    """Answer ``exportMeterValues``; without data an empty body or an error."""
    meter = view.meter(form)
    history = readings.History(view, meter, *forms.period(form))
    if not history:
        fault = view.faults.get("export_error_status")
        return Download(b"", status=int(fault["status"]) if fault else 200)
    check_limit(view, history)
    registers = view.registers(meter)
    xml = cms_values.values_xml(meter.id, registers, history.rows(), _prefixes(view))
    return _file(view, xml, f"{meter.id}.sm_data")


def meter_profile(view: View, form: dict[str, str]) -> Download:
    """Answer ``exportMeterProfile``."""
    meter = view.meter(form)
    return _file(view, cms_profiles.meter_xml(view, meter), f"{meter.id}.sm_profile")


def log_data(view: View, form: dict[str, str]) -> Download:
    """Answer ``exportLogData``; at most 1000 entries, always."""
    entries = view.logbook.between(*log_period(form))
    if not entries:
        raise RefusedError(f"{NO_LOG}\n")
    if len(entries) > LOG_LIMIT:
        raise TooManyError(len(entries), LOG_LIMIT)
    xml = cms_log.log_xml(view.look.gateway_id, entries, _prefixes(view))
    return _file(view, xml, f"{view.look.gateway_id.lower()}.sm_log")


def contract_profile(view: View, form: dict[str, str]) -> Download:
    """Answer ``exportTariffProfile``."""
    contract = view.contract(form)
    xml = cms_profiles.contract_xml(view, contract)
    return _file(view, xml, f"taf{contract.taf}.sm_tariff")


def comm_profile(view: View, form: dict[str, str]) -> Download:
    """Answer ``exportCommProfile``."""
    name = f"{view.scenario.consumer}.sm_comm"
    return _file(view, cms_profiles.comm_xml(view), name)


def _file(view: View, xml: str, name: str) -> Download:
    container = view.signer.sign(xml)
    if "cms_broken" in view.faults:
        container = container.replace(b"</", b"< ", 1)
    return Download(container, f"{name}.xml.cms")


def _prefixes(view: View) -> tuple[str, str]:
    return ("pg", "ext") if "cms_other_prefix" in view.faults else ("ns1", "ns2")
