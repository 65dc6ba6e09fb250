"""The errors of the rooms `tariff` and `export` as Home Assistant's, with their rules told."""

from homeassistant.exceptions import ServiceValidationError

from .const import DOMAIN
from .export.errors import ExportRule
from .tariff.errors import TariffError, TariffInvalid
from .texts import Texts


def for_export(err: ExportRule, texts: Texts) -> ServiceValidationError:
    """Return what an export raises."""
    return ServiceValidationError(
        translation_domain=DOMAIN,
        translation_key="export_rule",
        translation_placeholders={"rule": texts.say(f"export_rule_{err.rule}")},
    )


def for_tariff(err: TariffError, texts: Texts) -> ServiceValidationError:
    """Return what a bill check raises."""
    rule = (
        texts.say(f"tariff_rule_{err.rule}") if isinstance(err, TariffInvalid) else ""
    )
    return ServiceValidationError(
        translation_domain=DOMAIN,
        translation_key=err.key,
        translation_placeholders={"rule": rule},
    )
