"""The JSON that is read and written, as JSON Schema 2020-12; docs/cls-api.md in other words."""

from typing import Any

from ..control.chain import Kind
from ..control.clock import ClockSource
from ..control.codec import MOST_SLOTS, MOST_WATTS, PRICE_UNITS
from ..control.model import Access, Direction, ItemKind, LimitKind, Role
from ..control.reasons import EffectReason, EndReason, Reason
from ..control.record import EffectState
from .model import TunnelKind
from .problems import CODES

type Schema = dict[str, Any]

_YEARS_10 = 3660 * 24 * 3600


def ref(name: str) -> Schema:
    """Return a reference to a schema of the document."""
    return {"$ref": f"#/components/schemas/{name}"}


def _object(required: dict[str, Schema], **optional: Schema) -> Schema:
    return {
        "type": "object",
        "required": list(required),
        "properties": required | optional,
        "additionalProperties": False,
    }


def _list(of: Schema, **more: Any) -> Schema:
    return {"type": "array", "items": of, **more}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _words(*words: str) -> Schema:
    return {"type": "string", "enum": list(words)}


_TEXT: Schema = {"type": "string"}
_FLAG: Schema = {"type": "boolean"}
_COUNT: Schema = {"type": "integer"}
_DIRECTION = ref("Direction")
_TIME, _QUANTITY, _UUID = ref("Time"), ref("Quantity"), ref("Uuid")
_FROM = {"from": _or_null(_TIME)}
_END: Schema = {
    "oneOf": [
        {"required": ["until"], "not": {"required": ["duration_s"]}},
        {"required": ["duration_s"], "not": {"required": ["until"]}},
    ]
}
_SPAN: dict[str, Schema] = {
    **_FROM,
    "until": _or_null(_TIME),
    "duration_s": {"type": "integer", "minimum": 1, "maximum": _YEARS_10},
}


def _slots(quantity: str, value: Schema) -> Schema:
    slot = _object({"from": _TIME, "until": _TIME, quantity: value})
    return _list(slot, minItems=1, maxItems=MOST_SLOTS)


def _watts() -> Schema:
    return {
        "anyOf": [
            {"type": "number", "minimum": 0, "maximum": MOST_WATTS},
            {"type": "string", "pattern": r"^[0-9]{1,8}(\.[0-9]{1,6})?$"},
        ],
        "description": "W, 0 to 10 MW",
    }


def _table(fields: dict[str, Schema]) -> Schema:
    return _object(
        {**fields, "version": _UUID, "state": ref("State"), "valid_until": _TIME}
    )


_SCHEDULE: dict[str, Schema] = {
    "direction": _DIRECTION,
    "kind": ref("LimitKind"),
    "slots": _slots("watts", _watts()),
}
_PRICES: dict[str, Schema] = {
    "unit": _words(*PRICE_UNITS),
    "slots": _slots("price", _QUANTITY),
}

BASICS: dict[str, Schema] = {
    "Time": {
        "type": "string",
        "format": "date-time",
        "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})$",
        "description": "RFC 3339 with a zone, from 2000 to 2099; answers are in UTC",
    },
    "Uuid": {
        "type": "string",
        "pattern": "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$",
    },
    "Quantity": {
        "anyOf": [
            {"type": "number"},
            {"type": "string", "pattern": r"^-?[0-9]{1,12}(\.[0-9]{1,6})?$"},
        ],
        "description": "an exact decimal below 10^12, with at most six decimal places",
    },
    "Decimal": {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?$"},
    "Direction": _words(*Direction),
    "LimitKind": _words(*(k for k in LimitKind if k is not LimitKind.OWN)),
    "State": _words(
        "scheduled",
        "possible",
        "active",
        "effective",
        "released",
        "expired",
        "superseded",
        "failed",
        "unknown",
        "rejected",
    ),
    "Clock": _object(
        {
            "now": _TIME,
            "source": _words(*ClockSource),
            "offset_ms": _COUNT,
        }
    ),
}

REQUESTS: dict[str, Schema] = {
    "SetItem": {
        **_object(
            {
                "value": {
                    "anyOf": [_FLAG, _QUANTITY, {"type": "string", "maxLength": 120}]
                }
            },
            unit=_or_null({"type": "string", "minLength": 1, "maxLength": 16}),
            **_SPAN,
        ),
        **_END,
    },
    "SetLimit": {
        **_object(
            {"direction": _DIRECTION, "kind": ref("LimitKind")},
            watts=_watts(),
            percent={
                "anyOf": [
                    {"type": "number", "minimum": 0, "maximum": 100},
                    {"type": "string", "pattern": r"^[0-9]{1,3}(\.[0-9]{1,6})?$"},
                ]
            },
            scope={"const": "connection"},
            **_SPAN,
        ),
        "allOf": [
            _END,
            {
                "oneOf": [
                    {"required": ["watts"], "not": {"required": ["percent"]}},
                    {"required": ["percent"], "not": {"required": ["watts"]}},
                ]
            },
        ],
    },
    "ReleaseLimits": _object({"direction": _DIRECTION}),
    "Nothing": _object({}),
    "Schedule": _object(_SCHEDULE),
    "Prices": _object(_PRICES),
    "SetFailsafe": {
        **_object(
            {"direction": _DIRECTION},
            watts=_watts(),
            minimum_s={"type": "integer", "minimum": 1, "maximum": _YEARS_10},
        ),
        "anyOf": [{"required": ["watts"]}, {"required": ["minimum_s"]}],
    },
    "Heartbeat": {"type": "object", "properties": {"time": _or_null(_TIME)}},
}

_DECIMAL = ref("Decimal")
_HASH: Schema = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_LASTING: dict[str, Schema] = {"open_ended": _FLAG, "longest_s": _or_null(_COUNT)}
_EFFECT = _object(
    {"state": _words(*EffectState), "reason": _words(*EffectReason), "at": _TIME}
)
_POWER = _object(
    {},
    **dict.fromkeys(("before", "effect", "highest", "mean"), _DECIMAL),
    samples=_COUNT,
    above=_COUNT,
)
_READINGS = _list(
    _object(
        {
            "meter": _TEXT,
            "register": _TEXT,
            "value": _DECIMAL,
            "unit": _TEXT,
            "at": _TIME,
        }
    )
)


def _grants(**fields: dict[str, Schema]) -> Schema:
    return {
        "oneOf": [
            _object({"grant": {"const": name}, **more}) for name, more in fields.items()
        ]
    }


def _contents(**bodies: Schema) -> Schema:
    span = {"from": _TIME, "until": _or_null(_TIME), "duration_s": _COUNT}
    return {
        "oneOf": [_object({name: body}, **span) for name, body in bodies.items()],
        "description": "what was ordered, without ids; quantities are texts",
    }


EVIDENCE: dict[str, Schema] = {
    "Grant": _grants(
        thing={"thing": _TEXT, "access": _words(*Access), **_LASTING},
        item={
            "item": _TEXT,
            "access": _words(*Access),
            "low": _or_null(_DECIMAL),
            "high": _or_null(_DECIMAL),
            **_LASTING,
        },
        limit={
            "direction": _DIRECTION,
            "low": _DECIMAL,
            **_LASTING,
            "failsafe": _or_null(_object({"watts": _DECIMAL, "minimum_s": _COUNT})),
        },
        prices={},
    ),
    "Content": _contents(
        item=_object(
            {"id": _TEXT, "value": {"type": ["boolean", "string"]}}, unit=_TEXT
        ),
        limit=_object(
            {"direction": _DIRECTION, "kind": ref("LimitKind"), "scope": _TEXT},
            watts=_DECIMAL,
            percent=_DECIMAL,
        ),
        schedule=_object(_SCHEDULE),
        prices=_object(_PRICES),
        release=_object({}, transaction_id=_UUID, direction=_DIRECTION, item=_TEXT),
        failsafe=_object({"direction": _DIRECTION}, watts=_DECIMAL, minimum_s=_COUNT),
    ),
    "Row": {
        **_object(
            {
                "seq": _COUNT,
                "at": _TIME,
                "clock": _words(*ClockSource),
                "kind": _words(*Kind),
                "data": {"type": "object"},
                "salt": {"type": "string", "pattern": "^[0-9a-f]{16}$"},
            },
            offset=_COUNT,
            behind=_COUNT,
            participant=_TEXT,
            transaction=_TEXT,
        ),
        "description": "a row of the ledger; docs/ledger.md tells what `data` holds",
    },
    "Receipt": _object(
        {
            "participant": _TEXT,
            "transaction": _UUID,
            "digest": _HASH,
            "created": _TIME,
            "received": _TIME,
            "verdict": _words(*Reason),
            "state": ref("State"),
            "ledger": _UUID,
            "seq": _COUNT,
            "hash": _HASH,
            "issued": _TIME,
            "key": _HASH,
        },
        where=_TEXT,
        **dict.fromkeys(("start", "until", "active", "ended"), _TIME),
        end=_words(*EndReason),
        watts=_DECIMAL,
        effect=_EFFECT,
        power=_POWER,
        registers=_object({"start": _READINGS, "end": _READINGS}),
    ),
    "SignedReceipt": _object(
        {
            "receipt": ref("Receipt"),
            "signature": {"type": "string", "pattern": "^[0-9a-f]{128}$"},
        }
    ),
}
_LINE: dict[str, Schema] = {
    "transaction_id": _UUID,
    "state": ref("State"),
    "start": _TIME,
    "until": _or_null(_TIME),
    "command": ref("Content"),
}
_THING = _object({"id": _TEXT, "name": _TEXT, "kind": _TEXT, "items": _list(_TEXT)})
_VALUE: Schema = {"type": ["boolean", "string", "null"]}

ANSWERS: dict[str, Schema] = {
    "Root": _object(
        {
            "api": {"const": "cls/v1"},
            "software": _object({"name": _TEXT, "version": _TEXT}),
            "huid": _or_null(_TEXT),
            "certified": {"const": False},
            "notice": _TEXT,
            "participant": _object(
                {
                    "id": _TEXT,
                    "name": _TEXT,
                    "role": _words(*Role),
                    "tunnel": _words(*TunnelKind),
                }
            ),
            "grants": _list(ref("Grant")),
            "clock": ref("Clock"),
            "ledger": _object(
                {"id": _UUID, "key": _HASH, "point": _TEXT, "newest": _COUNT}
            ),
        }
    ),
    "Thing": _THING,
    "Things": _object({"things": _list(ref("Thing"))}),
    "Item": _object(
        {
            "id": _TEXT,
            "thing": _or_null(_TEXT),
            "name": _TEXT,
            "kind": _words(*ItemKind),
            "access": _words(*Access),
            "unit": _or_null(_TEXT),
            "low": _or_null(_DECIMAL),
            "high": _or_null(_DECIMAL),
            "options": _or_null(_list(_TEXT)),
            "quality": _words("good", "unavailable"),
            "value": _VALUE,
            "at": _or_null(_TIME),
            "held": _or_null(
                _object(
                    {"by": _words("you", "other")},
                    value=_VALUE,
                    until=_or_null(_TIME),
                )
            ),
        }
    ),
    "Items": _object({"items": _list(ref("Item"))}),
    "Limits": _object(
        {
            "limits": _list(
                _object(
                    {
                        "direction": _DIRECTION,
                        "state": _or_null(
                            _words(
                                "init",
                                "controlled",
                                "limited",
                                "failsafe",
                                "autonomous",
                            )
                        ),
                        "watts": _or_null(_DECIMAL),
                        "until": _or_null(_TIME),
                        "failsafe_watts": _or_null(_DECIMAL),
                        "counts": _FLAG,
                    }
                )
            )
        }
    ),
    "Accepted": _object(
        {
            "transaction_id": _UUID,
            "verdict": {"const": "possible"},
            "digest": _HASH,
            "received": _or_null(_TIME),
            "start": _or_null(_TIME),
            "until": _or_null(_TIME),
        }
    ),
    "Commands": _object({"commands": _list(_object(_LINE))}),
    "Command": _object(
        {
            **_LINE,
            "verdict": _words(*Reason),
            "where": _or_null(_TEXT),
            "digest": _HASH,
            "received": _TIME,
            "active": _or_null(_TIME),
            "ended": _or_null(_TIME),
            "end": _or_null(_words(*EndReason)),
            "watts": _or_null(_DECIMAL),
            "effect": _or_null(_EFFECT),
            "power": _or_null(_POWER),
            "history": _list(ref("Row")),
            "receipts": _list(ref("SignedReceipt")),
        }
    ),
    "Schedules": _object({"schedules": _list(_table(_SCHEDULE))}),
    "PriceTables": _object({"prices": _list(_table(_PRICES))}),
    "HeartbeatAnswer": _object(
        {
            "clock": ref("Clock"),
            "ahead_ms": _or_null(_COUNT),
            "revision": _COUNT,
        }
    ),
    "Events": _object({"events": _list(ref("Row")), "next": _COUNT}),
    "Problem": _object(
        {
            "type": _TEXT,
            "title": _TEXT,
            "status": _COUNT,
            "code": _words(*CODES),
        },
        where=_TEXT,
        transaction_id=_UUID,
    ),
}
SCHEMAS: dict[str, Schema] = BASICS | REQUESTS | EVIDENCE | ANSWERS
