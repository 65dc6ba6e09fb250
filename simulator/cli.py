"""The command line: one gateway, one JSON line when ready, a log on stderr."""

import argparse
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
import sys

from . import emh, ppc, theben
from .announce import announce
from .box import BoxGateway
from .clock import BERLIN, SimClock
from .running import Running, fault_table
from .scenario import Scenario, load
from .tls import CURVES, Certificate, self_signed

type Gateway = ppc.PpcGateway | BoxGateway


@dataclass(frozen=True, slots=True)
class Vendor:
    """What the command line needs of a maker's gateway."""

    gateway: type[ppc.PpcGateway | theben.ThebenGateway | emh.EmhGateway]
    scenarios: Mapping[str, Callable[[], Scenario]]
    user: str
    curve: str


VENDORS = {
    "ppc": Vendor(ppc.PpcGateway, ppc.SCENARIOS, "1234567890", "prime256v1"),
    "theben": Vendor(
        theben.ThebenGateway,
        theben.SCENARIOS,
        theben.ThebenGateway.default_user,
        theben.ThebenGateway.default_curve,
    ),
    "emh": Vendor(
        emh.EmhGateway,
        emh.SCENARIOS,
        emh.EmhGateway.default_user,
        emh.EmhGateway.default_curve,
    ),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until SIGINT or SIGTERM; return the exit code (2: could not start)."""
    options = _parser().parse_args(arguments)
    if options.list_faults:
        sys.stdout.write(fault_table(VENDORS[options.vendor].gateway.fault_table))
        return 0
    running = Running()
    try:
        with _gateway(options) as gateway, _announced(gateway, options):
            running.ready(describe(gateway))
    except (OSError, ValueError) as err:
        sys.stderr.write(f"simulator: {_reason(err, options)}\n")
        return 2
    return 0


def describe(gateway: Gateway) -> dict[str, str]:
    """Return what a caller needs to connect."""
    return {
        "vendor": gateway.vendor,
        "url": gateway.url,
        "gateway_id": gateway.gateway_id,
        "fingerprint": gateway.fingerprint,
        "user": gateway.user,
        "password": gateway.password,
    }


def _gateway(options: argparse.Namespace) -> Gateway:
    vendor = VENDORS[options.vendor]
    scenario = vendor.scenarios[options.scenario]()
    if options.meters is not None:
        scenario = load(options.meters)
    clock = SimClock()
    if options.clock is not None:
        clock.set(_moment(options.clock), running=options.clock_runs)
    given = {
        "user": options.user,
        "password": options.password,
        "gateway_id": options.gateway_id,
        "firmware": options.firmware,
        "curve": options.curve,
        "max_tls12": options.max_tls12 or None,
    }
    if options.client_p12 is not None:
        curve = options.curve or vendor.curve
        own = self_signed("consumer", curve=curve)
        _write_p12(options.client_p12, own, options.client_p12_password)
        given["client_certificates"] = {options.user or vendor.user: own}
    kept: Path | None = options.certificate
    if kept is not None and kept.exists():
        given["certificate"] = _read_certificate(kept)
    gateway = vendor.gateway(
        host=options.host,
        port=options.port,
        seed=options.seed,
        clock=clock,
        anchor=_moment(options.anchor) if options.anchor else None,
        scenario=scenario,
        faults=options.fault,
        expired=options.expired,
        **{key: value for key, value in given.items() if value is not None},
    )
    if kept is not None and not kept.exists():
        own = gateway.certificate
        _write_private(kept, (own.pem + own.key_pem).encode())
    return gateway


def _announced(
    gateway: Gateway, options: argparse.Namespace
) -> AbstractContextManager[None]:
    if not options.announce:
        return nullcontext()
    said = gateway.announcement if isinstance(gateway, emh.EmhGateway) else None
    if said is None:
        raise ValueError("this gateway does not announce itself")
    return announce(said)


def _read_certificate(path: Path) -> Certificate:
    try:
        return Certificate.from_pem(path.read_text(encoding="ascii"))
    except (OSError, ValueError) as err:
        raise ValueError(f"{path} holds no certificate with its key") from err


def _write_p12(path: Path, own: Certificate, password: str | None) -> None:
    _write_private(path, own.pkcs12(password.encode() if password else None))


def _write_private(path: Path, content: bytes) -> None:
    """Write a key that only its owner may read."""
    try:
        path.unlink(missing_ok=True)
        path.touch(mode=0o600)
        path.write_bytes(content)
    except OSError as err:
        raise ValueError(f"cannot write {path}: {err.strerror}") from err


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=BERLIN)


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65_535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port (0-65535)")
    return int(text)


def _reason(err: OSError | ValueError, options: argparse.Namespace) -> str:
    if isinstance(err, OSError):
        where = f"{options.host}:{options.port}"
        return f"cannot listen on {where}: {err.strerror or err}"
    return str(err)


class _Parser(argparse.ArgumentParser):
    """Errors are one line, without the usage."""

    def error(self, message: str) -> None:  # type: ignore[override]
        """End with code 2."""
        self.exit(2, f"{self.prog}: {message}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="simulator", description="A simulated gateway.")
    add = parser.add_argument
    add("vendor", choices=tuple(VENDORS), nargs="?", default="ppc")
    add("--host", default="127.0.0.1")
    add("--port", type=_port, default=8443, help="0 takes a free one")
    add("--user")
    add("--password")
    add("--scenario", choices=sorted(ppc.SCENARIOS), default="house")
    add("--meters", type=Path, metavar="FILE", help="JSON; see simulator/scenarios/")
    add("--seed", type=int, default=1)
    add(
        "--fault",
        action="extend",
        nargs="+",
        default=[],
        metavar="NAME[:KEY=VALUE,...]",
        help="one or several; see --list-faults",
    )
    add("--clock", metavar="ISO8601", help="a clock that stands there")
    add("--clock-runs", action="store_true", help="the set clock runs on")
    add("--anchor", metavar="ISO8601", help="when start values hold (default: now)")
    add("--gateway-id")
    add("--firmware")
    add("--curve", choices=tuple(CURVES), help="of the key; default: the maker's")
    add(
        "--certificate",
        type=Path,
        metavar="FILE",
        help="keep certificate and key there, so that the next start shows the same",
    )
    add("--expired", action="store_true", help="a certificate past its validity")
    add("--max-tls12", action="store_true", help="no TLS 1.3")
    add(
        "--client-p12",
        type=Path,
        metavar="FILE",
        help="write a new client key there that lets the user in without password",
    )
    add("--client-p12-password", metavar="TEXT", help="of that file; default: none")
    add(
        "--announce",
        action="store_true",
        help="say by mDNS where it is, as EMH's do (needs the package zeroconf)",
    )
    add("--list-faults", action="store_true")
    return parser
