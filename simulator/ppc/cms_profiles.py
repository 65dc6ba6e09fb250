"""The XML of profile exports: meter, contract, communication.

Of the meter profile the named elements and their namespaces are known from
observation. For the other two only the password element and the consumer's
logical name are known; the rest of their structure is ours.
"""

from simulator.clock import utc_text
from simulator.meters import Meter
from simulator.scenario import Contract

from .cms_values import HEAD, obis_hex
from .markup import text
from .view import View

FAKE_PASSWORD = "nie-speichern-4711"
_CONTAINER = "urn:k461-dke-de:kaf_lmn_container-1"
_DEVICE = "urn:k461-dke-de:abstract_device_setup-1"
_SENSOR = "urn:k461-dke-de:e_meter_sensor_setup-1"
_USER = "urn:k461-dke-de:user_setup-1"
_TARIFF = "urn:k461-dke-de:tariff_setup-1"


def meter_xml(view: View, meter: Meter) -> str:
    """Return a meter's set-up: id, interval, which OBIS codes it captures."""
    values = "".join(
        f"<ems:value>{obis_hex(register.obis)}</ems:value>"
        for register in view.registers(meter)
    )
    return (
        f'{HEAD}<klc:container xmlns:klc="{_CONTAINER}" xmlns:adevs="{_DEVICE}" '
        f'xmlns:ems="{_SENSOR}">\n<klc:e_meter_device_object id="{meter.logical_name}">'
        f"<adevs:device_identifier>{meter.id}.sm</adevs:device_identifier>"
        f"<adevs:active>1</adevs:active>"
        f"<adevs:samplerate>{meter.interval}</adevs:samplerate>"
        f"<adevs:com_type>HDLC</adevs:com_type>"
        f"<ems:values>{values}</ems:values></klc:e_meter_device_object>\n"
        f"<klc:kaf_object/></klc:container>\n"
    )


def contract_xml(view: View, contract: Contract) -> str:
    """Return a contract's set-up."""
    end = view.contract_end(contract)
    values = "".join(
        f"<ts:logical_name>{obis_hex(obis)}.{contract.meter}.sm</ts:logical_name>"
        for obis in contract.obis
    )
    return (
        f'{HEAD}<ts:object xmlns:ts="{_TARIFF}" id="{text(contract.logical_name)}">'
        f"<ts:name>{text(contract.name)}</ts:name><ts:taf>{contract.taf}</ts:taf>"
        f"<ts:begin>{utc_text(contract.begin)}</ts:begin>"
        f"<ts:end>{utc_text(end) if end else ''}</ts:end>"
        f"<ts:values>{values}</ts:values></ts:object>\n"
    )


def comm_xml(view: View) -> str:
    """Return the communication profile, with a password nobody may keep."""
    name = f"01005e318011.{view.scenario.consumer}.sm"
    return (
        f'{HEAD}<us:object xmlns:us="{_USER}" id="{name}">'
        f"<us:logical_name>{name}</us:logical_name>"
        f"<us:user>{text(view.session.user)}</us:user>"
        f"<us:password>{FAKE_PASSWORD}</us:password></us:object>\n"
    )
