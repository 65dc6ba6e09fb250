"""``script/emt``: an EMT's command line, through the console of ``script/simulator cls``."""

import argparse
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from http.client import HTTPConnection, HTTPException
import json
import sys
from typing import Any
from urllib.parse import quote, urlsplit

from . import calls
from .calls import Call, Span

_PREFIX = len(calls.BASE)
_JSON, _TEXT = "application/json", "text/plain"


class _Refused(Exception):
    """The console or the home said no."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do one thing; print JSON (or text). 0 good, 1 refused or false, 2 not reached."""
    options = _parser().parse_args(arguments)
    try:
        told, good = options.run(options)
    except _Refused as err:
        sys.stderr.write(f"{err}\n")
        return 1
    except HTTPException:
        sys.stderr.write(f"emt: {options.url} is not an EMT console\n")
        return 2
    except (OSError, ValueError) as err:
        sys.stderr.write(f"emt: {err}\n")
        return 2
    text = told if isinstance(told, str) else json.dumps(told, indent=2) + "\n"
    sys.stdout.write(text)
    return 0 if good else 1


def _ask(options: argparse.Namespace, path: str, body: Any = None) -> Any:
    """Ask the console; return JSON or text."""
    url = urlsplit(options.url)
    line = HTTPConnection(url.hostname or "", url.port, timeout=90)
    try:
        if body is None:
            line.request("GET", path)
        else:
            header = {"Content-Type": _JSON}
            line.request("POST", path, json.dumps(body), header)
        answer = line.getresponse()
        text = answer.read().decode()
    finally:
        line.close()
    kind = answer.headers.get_content_type()
    if kind not in (_JSON, _TEXT):
        raise ValueError(f"{options.url} is not an EMT console")
    told = json.loads(text) if kind == _JSON else text
    if answer.status >= 400:
        raise _Refused(json.dumps(told, indent=2))
    return told


def _emts(options: argparse.Namespace) -> Any:
    """Return what the console knows; ValueError if it is none."""
    known = _ask(options, "/emt")
    if not isinstance(known, dict) or "emts" not in known:
        raise ValueError(f"{options.url} is not an EMT console")
    return known


def _home(options: argparse.Namespace) -> str:
    """Return the console's path of the home that is meant; ValueError if none is."""
    known = _emts(options)
    found = [
        f"/emt/{quote(emt['key'], safe='')}/{quote(home['id'], safe='')}"
        for emt in known["emts"]
        for home in emt["homes"]
        if options.emt in ("", emt["key"]) and home["id"].startswith(options.home)
    ]
    if len(found) != 1:
        raise ValueError(f"{len(found)} homes fit: choose with --emt and --home")
    return found[0]


_START = "when the first quarter hour begins, ISO 8601; local time if no zone is said"
_EXIT = "Exit code: 0 done and good, 1 refused or not good, 2 not reached or not understood."


type Result = tuple[Any, bool]


def _overview(options: argparse.Namespace) -> Result:
    return _emts(options), True


def _verify(options: argparse.Namespace) -> Result:
    told = _ask(options, f"{_home(options)}/verify")
    return told, bool(told["good"])


def _audit(options: argparse.Namespace) -> Result:
    return _ask(options, f"{_home(options)}/audit"), True


def _receipts(options: argparse.Namespace) -> Result:
    told = _ask(options, _home(options))["receipts"]
    return told, all(row["good"] for row in told)


def _caller(make: Callable[[argparse.Namespace], Call]) -> Callable[..., Result]:
    def run(options: argparse.Namespace) -> Result:
        call = make(options)
        body = {"method": call.method, "path": call.path[_PREFIX:], "body": call.body}
        return _ask(options, f"{_home(options)}/call", body), True

    return run


def _getter(name: str) -> Callable[[argparse.Namespace], Call]:
    return lambda _: calls.get(f"/{name}")


def _span(options: argparse.Namespace) -> Span:
    if options.endless:
        return Span(endless=True)
    return Span(seconds=int(options.minutes * 60))


def _value(text: str) -> bool | str:
    return {"on": True, "true": True, "off": False, "false": False}.get(text, text)


def _slots(options: argparse.Namespace) -> list[tuple[datetime, datetime, str]]:
    start = options.start.astimezone()
    quarter = timedelta(minutes=15)
    return [
        (start + place * quarter, start + (place + 1) * quarter, value)
        for place, value in enumerate(options.values)
    ]


class _Words:
    """The words of the command line."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        self._things = parser.add_subparsers(required=True, metavar="WHAT")

    def add(
        self, name: str, text: str, run: Callable[..., Result]
    ) -> argparse.ArgumentParser:
        """Add a word that does something."""
        made = self._things.add_parser(name, help=text, description=text)
        made.set_defaults(run=run)
        return made

    def call(
        self, name: str, text: str, make: Callable[[argparse.Namespace], Call]
    ) -> argparse.ArgumentParser:
        """Add a word that sends a call."""
        return self.add(name, text, _caller(make))


def _timed(made: argparse.ArgumentParser) -> None:
    made.add_argument(
        "--minutes", type=float, default=15, help="how long it holds; 15 if not said"
    )
    made.add_argument("--endless", action="store_true", help="until it is released")


def _directed(made: argparse.ArgumentParser) -> None:
    made.add_argument(
        "--direction",
        choices=("consumption", "production"),
        default="consumption",
        help="which way the power flows; consumption if not said",
    )


def _kinded(made: argparse.ArgumentParser) -> None:
    made.add_argument(
        "--kind",
        choices=("para14a", "para9", "contract", "test"),
        default="para14a",
        help="on what ground; para14a if not said",
    )


def _reading(words: _Words) -> None:
    words.add("homes", "EMTs and their homes", _overview)
    words.call("info", "who the home is, and what we may", lambda _: calls.get())
    for name in ("things", "items", "limits", "commands", "schedules", "prices"):
        words.call(name, f"ask for {name}", _getter(name))
    made = words.call(
        "command", "what has become of a command", lambda told: calls.command(told.id)
    )
    made.add_argument("id", help="the transaction id that the order was answered with")
    words.add("receipts", "the newest receipts, checked", _receipts)
    words.add("verify", "check all evidence of a home", _verify)
    words.add("audit", "the evidence itself", _audit)


def _setting(words: _Words) -> None:
    made = words.call(
        "set",
        "set an item",
        lambda told: calls.set_item(
            told.item, _value(told.value), _span(told), told.unit
        ),
    )
    made.add_argument("item", help="its id, as items tells it")
    made.add_argument("value", help="on, off, a number or a text")
    made.add_argument("--unit", default="", help="of a number, as items tells it")
    _timed(made)
    made = words.call(
        "limit",
        "limit the home",
        lambda told: calls.limit(
            told.direction, _span(told), watts=told.watts, kind=told.kind
        ),
    )
    made.add_argument(
        "watts", nargs="?", default="4200", help="at most; 4200 if not said"
    )
    _kinded(made)
    _directed(made)
    _timed(made)
    made = words.call(
        "release",
        "end limits and schedules of a direction",
        lambda told: calls.release_limit(told.direction),
    )
    _directed(made)
    words.call("release-all", "end all commands", lambda _: calls.release_all())
    made = words.call(
        "failsafe",
        "what holds in silence",
        lambda told: calls.failsafe(
            told.direction, watts=told.watts, minimum=told.minimum
        ),
    )
    made.add_argument("--watts", help="what holds in silence")
    made.add_argument(
        "--minimum", type=int, metavar="SECONDS", help="how long it holds at least"
    )
    _directed(made)


def _tables(words: _Words) -> None:
    made = words.call(
        "schedule",
        "limits for quarter hours, in W, one after the other",
        lambda told: calls.schedule(told.direction, _slots(told), told.kind),
    )
    _kinded(made)
    _directed(made)
    other = words.call(
        "put-prices",
        "prices of quarter hours, one after the other",
        lambda told: calls.prices(_slots(told), told.unit),
    )
    other.add_argument(
        "--unit", default="EUR/kWh", help="of the prices; EUR/kWh if not said"
    )
    for one in (made, other):
        one.add_argument("start", type=datetime.fromisoformat, help=_START)
        one.add_argument("values", nargs="+", help="one for each quarter hour")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="emt",
        description="A simulated EMT: see and set homes that are connected.",
        epilog=_EXIT,
    )
    parser.add_argument(
        "--url",
        default="http://127.0.0.1:9480",
        help="the console, as script/simulator cls prints it",
    )
    parser.add_argument("--emt", default="", help="which EMT, if there are several")
    parser.add_argument("--home", default="", help="which home: how its id begins")
    words = _Words(parser)
    _reading(words)
    _setting(words)
    _tables(words)
    return parser
