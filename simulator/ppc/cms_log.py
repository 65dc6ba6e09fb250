"""The XML of a log export: running numbers, UTC, the message as a comment."""

from simulator.clock import utc_text

from .cms_values import EXTENSION, GENERIC, HEAD
from .logbook import LogEntry
from .markup import text


def log_xml(gateway_id: str, entries: list[LogEntry], prefixes: tuple[str, str]) -> str:
    """Return the logbook object, newest entry first.

    Observed on gateways: the message text is an XML comment with [Placeholder]
    marks that the extensions fill in order; without extensions the comment
    stands after the empty element.
    """
    p, e = prefixes
    name = f"0000636203ff.{gateway_id.lower()}.sm"
    body = "\n".join(_entry(entry, p, e) for entry in entries)
    return (
        f'{HEAD}<{p}:object xmlns:{p}="{GENERIC}" xmlns:{e}="{EXTENSION}" '
        f'id="{name}" class_id="7">\n<{p}:attributes>'
        f"<{e}:logical_name>{name}</{e}:logical_name>\n"
        f"<{p}:buffer><{p}:logbook>\n{body}\n</{p}:logbook></{p}:buffer>"
        f"</{p}:attributes></{p}:object>\n"
    )


def _entry(entry: LogEntry, p: str, e: str) -> str:
    comment = f"<!-- {entry.template.replace('--', '- -')} -->"
    tag = f"{e}:message_extensions"
    if entry.values:
        items = "".join(
            f'<{e}:message_extension id="{number}">{text(value)}</{e}:message_extension>'
            for number, value in enumerate(entry.values, 1)
        )
        message = f"<{tag}>{comment}{items}</{tag}>"
    else:
        message = f"<{tag}/>{comment}"
    return (
        f"<{p}:entry><{e}:record_number>{entry.number}</{e}:record_number><{e}:event>"
        f"<{e}:timestamp>{utc_text(entry.at)}</{e}:timestamp>"
        f"<{e}:level>{entry.level}</{e}:level>"
        f"<{e}:type><{e}:event_id>{entry.event}</{e}:event_id></{e}:type>"
        f"<{e}:outcome>{'SUCCESS' if entry.good else 'FAILURE'}</{e}:outcome>"
        f"{message}</{e}:event></{p}:entry>"
    )
