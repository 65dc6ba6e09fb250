"""``script/simulator cls``: gateway proxy, EMTs and console until Ctrl-C."""

import argparse
from collections.abc import Sequence
from pathlib import Path
import sys

from simulator.running import Running, fault_table
from simulator.tls import CURVES, Certificate, self_signed

from .faults import CLS_FAULTS
from .world import World


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until SIGINT or SIGTERM; return the exit code (2: could not start)."""
    options = _parser().parse_args(arguments)
    if options.list_faults:
        sys.stdout.write(fault_table(CLS_FAULTS))
        return 0
    running = Running()
    try:
        with _world(options) as world:
            for cls in options.cls:
                for emt in world.emts:
                    for scenario in ("socks", "sni"):
                        world.admit(_content(cls), emt, scenario)
            running.ready(world.described())
    except (OSError, ValueError) as err:
        sys.stderr.write(f"simulator cls: {err}\n")
        return 2
    return 0


def _world(options: argparse.Namespace) -> World:
    return World(
        host=options.host,
        curve=options.curve,
        emts=options.emt or ["grid"],
        gateway_id=options.gateway_id,
        socks_port=options.socks_port,
        sni_port=options.sni_port,
        console_port=options.console_port,
        faults=options.fault,
        certificate=_kept(options) if options.certificate else None,
    )


def _kept(options: argparse.Namespace) -> Certificate:
    """Return the HAN certificate of a file, made and written if it is not there."""
    path: Path = options.certificate
    if path.exists():
        return Certificate.from_pem(path.read_text(encoding="ascii"))
    made = self_signed(options.gateway_id, curve=options.curve)
    path.touch(mode=0o600)
    path.write_text(made.pem + made.key_pem, encoding="ascii")
    return made


def _content(text: str) -> str:
    """Return a fingerprint as it is, of a file what is in it."""
    path = Path(text)
    return path.read_text(encoding="ascii") if path.is_file() else text


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="simulator cls",
        description="A gateway's CLS proxy, EMTs behind it, and their console.",
    )
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="of the gateway in the HAN")
    add("--socks-port", type=int, default=9443, help="0 takes a free one")
    add("--sni-port", type=int, default=9444)
    add("--console-port", type=int, default=9480, help="on 127.0.0.1")
    add("--curve", choices=tuple(CURVES), default="brainpoolP256r1")
    add("--gateway-id", default="ESIM0000000001")
    add(
        "--emt",
        action="extend",
        nargs="+",
        metavar="KEY",
        help="one or several; default: grid",
    )
    add(
        "--cls",
        action="extend",
        nargs="+",
        default=[],
        metavar="FINGERPRINT|FILE",
        help="CLS certificates that may reach all EMTs, by SOCKS and by SNI",
    )
    add(
        "--certificate",
        type=Path,
        metavar="FILE",
        help="keep the HAN certificate and key there for the next start",
    )
    add(
        "--fault",
        action="extend",
        nargs="+",
        default=[],
        metavar="NAME[:KEY=VALUE,...]",
    )
    add("--list-faults", action="store_true")
    return parser
