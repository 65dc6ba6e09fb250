"""The table and the page around it, Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from .measure import BYTE_POLLS, POLLS, WARM_UP
from .verdict import Line

_HEAD = ("case", "measure", "smgw", "peer", "ratio", "goal", "verdict")

_PAGE = """\
# Benchmarks

Made by `script/bench --write`; do not edit by hand. `script/bench` alone prints the
table, and exits with 1 if a goal is missed.

Our drivers (`custom_components/smgw/han/`) beside published clients
(requirements/peers.txt): `py-ppc-smgw` for PPC, `theben-conexa-smgw` for Theben. EMH has
no published client, so ours stands alone. Same machine, same run, same simulated gateway,
the gateway and each client in a process of its own, polls in turn.

{table}

{facts}

## What is measured

- **A poll** is login, lists, newest values of all meters, firmware, logout where there is
  one, over a new TLS connection with a certificate on the maker's curve. Both clients read
  the same values, or the run fails. We pin the certificate; the peers verify none.
  - **PPC**: we take the firmware from the foot of a page; the peer makes the calls that its
    users make (GET, `meterform`, `showMeterProfile` per meter, `swversions`, `logout`).
  - **Theben**: a first poll looks for path, usage points and their registers; a steady one
    only reads. We look for them again once a day, and ask at each poll who answers, what its
    clock says and what firmware it has (`smgw-info`), with a challenge of its own. The peer
    asks for all that once, when it is created, and then sends one request with an old
    nonce, by which it hopes the gateway knows it. It reads one usage point: where there are
    more, ours stands alone.
  - **EMH**: challenge, list of meters, system information, one request per meter.
- **Requests** are counted by the gateway; the answer to the first, 401, is one of them.
- **CPU** is user and system time of the client's process, all threads, imports excluded:
  median of {polls} polls after {warm_up} to warm up, with quartiles. The peers' HTTP clients
  are made outside the measured time. On Linux both run on the same core for this.
- **Bytes** pass a counting TCP relay, TLS included, TCP and IP headers not: median of
  {byte_polls} polls, in a pass of its own.
- **Hold** is the longest single callback of the event loop in a poll, median of {polls}.
  Judged is the time on the clock, which on a busy machine includes what other processes
  took; beside it the CPU time of the loop's thread. Home Assistant's own work with the
  values is not in it. The peer for PPC parses in a worker thread.
- **Parsing** is one page of `showMeterValues`, from bytes to checked readings (ours) or
  to readings (the peer's), median of {polls}.

The simulated gateway answers at once; a real one takes seconds, which neither client can
change. Requests are what it feels: on a PPC gateway each is a CGI process.
"""


def table(lines: Sequence[Line]) -> str:
    """Return the table, its columns aligned."""
    rows = [_HEAD, *(_cells(line) for line in lines)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    rule = tuple("-" * width for width in widths)
    return "\n".join(
        "| "
        + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        + " |"
        for row in (rows[0], rule, *rows[1:])
    )


def page(lines: Sequence[Line], facts: Sequence[tuple[str, str]]) -> str:
    """Return the whole document."""
    return _PAGE.format(
        table=table(lines),
        facts=listing(facts),
        polls=POLLS,
        warm_up=WARM_UP,
        byte_polls=BYTE_POLLS,
    )


def listing(facts: Sequence[tuple[str, str]]) -> str:
    """Return the facts as a list."""
    return "\n".join(f"- {name}: {value}" for name, value in facts)


def _cells(line: Line) -> tuple[str, ...]:
    return (
        line.case,
        line.measure,
        line.ours,
        line.peer,
        "" if line.ratio is None else f"{line.ratio:.2f}",
        line.goal,
        line.verdict,
    )
