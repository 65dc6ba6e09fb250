"""A participant in words: what the owner reads before it is kept."""

from collections.abc import Mapping
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er

from .cls.identity import Identity
from .const_cls import CONF_ITEMS, CONF_LIMITS, CONF_PRICES, CONF_THINGS
from .control.limitation import Failsafe
from .control.model import Grant, ItemGrant, LimitGrant, PriceGrant, ThingGrant
from .fingerprints import shown
from .participants import ChannelConfig, Endpoint, grants_of
from .texts import Texts


async def async_grants(hass: HomeAssistant, data: Mapping[str, Any]) -> dict[str, str]:
    """Return the grants of a draft in words, by a key for forms."""
    texts = await Texts.async_load(hass, hass.config.language)
    return {_key(grant): _grant(hass, texts, grant) for grant in grants_of(data)}


async def async_summary(hass: HomeAssistant, data: Mapping[str, Any]) -> dict[str, str]:
    """Return way and grants of a complete draft in words, as lists."""
    texts = await Texts.async_load(hass, hass.config.language)
    channel = ChannelConfig.of(data)
    lines = [_way(texts, channel)]
    lines += [texts.say("cls_peer", fingerprint=shown(pin)) for pin in channel.peers]
    for stored in channel.identities:
        own = Identity(certificate=stored.certificate, key="").facts
        lines.append(
            texts.say("cls_own", fingerprint=shown(own.fingerprint), end=own.not_after)
        )
    lines += [texts.say("cls_inner", fingerprint=shown(pin)) for pin in channel.inner]
    if channel.message_key:
        lines.append(texts.say("cls_signed"))
    if channel.forward:
        lines.append(texts.say("cls_forward", target=_text(channel.forward)))
    grants = [_grant(hass, texts, grant) for grant in grants_of(data)]
    return {
        "channel": _listed(lines),
        "grants": _listed(grants) or texts.say("cls_nothing_granted"),
    }


def _listed(lines: list[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _way(texts: Texts, channel: ChannelConfig) -> str:
    kind = channel.kind
    return texts.say(
        f"cls_way_{kind}",
        gateway=_text(channel.gateway),
        emt=_text(channel.emt),
        bind=_text(channel.bind),
    )


def _text(endpoint: Endpoint | None) -> str:
    if endpoint is None:
        return ""
    host = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
    return f"{host}:{endpoint.port}" if endpoint.port else host


def _key(grant: Grant) -> str:
    match grant:
        case ThingGrant(thing_id=thing):
            return f"{CONF_THINGS} {thing}"
        case ItemGrant(item_id=item):
            return f"{CONF_ITEMS} {item}"
        case LimitGrant(direction=direction):
            return f"{CONF_LIMITS} {direction}"
        case PriceGrant():
            return CONF_PRICES


def _grant(hass: HomeAssistant, texts: Texts, grant: Grant) -> str:
    match grant:
        case PriceGrant():
            return texts.say("cls_grant_prices")
        case ThingGrant():
            return texts.say(
                "cls_grant_thing",
                name=_device(hass, grant.thing_id),
                access=texts.say(f"cls_access_{grant.access}"),
                lasting=_lasting(texts, grant),
            )
        case ItemGrant():
            return texts.say(
                "cls_grant_item",
                name=_entity(hass, grant.item_id),
                access=texts.say(f"cls_access_{grant.access}"),
                bounds=_bounds(grant),
                lasting=_lasting(texts, grant),
            )
        case LimitGrant():
            return texts.say(
                "cls_grant_limit",
                direction=texts.say(f"cls_limit_{grant.direction}"),
                low=f"{grant.low:f}",
                failsafe=_failsafe(texts, grant.failsafe),
                lasting=_lasting(texts, grant),
            )


def _lasting(texts: Texts, grant: ThingGrant | ItemGrant | LimitGrant) -> str:
    if grant.longest is not None:
        return texts.say(
            "cls_longest", minutes=f"{grant.longest.total_seconds() / 60:g}"
        )
    if grant.open_ended:
        return texts.say("cls_endless")
    return texts.say("cls_with_end")


def _failsafe(texts: Texts, failsafe: Failsafe | None) -> str:
    if failsafe is None:
        return texts.say("cls_no_failsafe")
    return texts.say(
        "cls_failsafe",
        watts=f"{failsafe.watts:f}",
        hours=f"{failsafe.minimum.total_seconds() / 3600:g}",
    )


def _bounds(grant: ItemGrant) -> str:
    if grant.low is None and grant.high is None:
        return ""
    low, high = (
        "" if bound is None else f"{bound:f}" for bound in (grant.low, grant.high)
    )
    return f" {low} … {high}"


def _device(hass: HomeAssistant, device_id: str) -> str:
    device = dr.async_get(hass).async_get(device_id)
    return (device and (device.name_by_user or device.name)) or device_id


def _entity(hass: HomeAssistant, item_id: str) -> str:
    entity = er.async_get(hass).entities.get_entry(item_id)
    entity_id = entity.entity_id if entity else item_id
    state = hass.states.get(entity_id)
    return f"{state.name} ({entity_id})" if state else entity_id
