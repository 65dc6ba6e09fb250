"""The table and the page around it, Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain

from .cls import Scale
from .flats import FLATS, SESSIONS, STARTS
from .history import TIMES
from .measure import BYTE_POLLS, POLLS, WARM_UP
from .verdict import FlatsLine, Line

PARTS = ("clients", "history", "imports", "ledger", "cls", "flats")
_HEAD = ("case", "measure", "smgw", "peer", "ratio", "goal", "verdict")
_BARE_HEAD = ("case", "measure", "smgw", "bare", "ratio", "goal", "verdict")
_LEDGER_HEAD = ("case", "measure", "smgw", "goal", "verdict")

_FLATS_HEAD = (
    *("case", "measure", "no gateway", "1 flat", f"{FLATS} flats"),
    *("ratio", "goal", "verdict"),
)

_PAGE = """\
# Benchmarks

Made by `script/bench --write`; do not edit by hand. `script/bench` alone prints the
table, and exits with 1 if a goal is missed.

All of it is measured in one run on one machine; `script/bench PART` measures one part of
it ({parts}).

{facts}

## Clients

Our drivers (`custom_components/smgw/han/`) beside published clients
(requirements/peers.txt): `py-ppc-smgw` for PPC, `theben-conexa-smgw` for Theben. EMH has
no published client, so ours stands alone. Same machine, same run, same simulated gateway,
the gateway and each client in a process of its own, polls in turn.

{table}

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

The simulated gateway answers at once; a real one takes seconds, which no client can
change. Requests are what it feels: on a PPC gateway each is a CGI process.

## History

Two years of quarter hours of one meter with two registers, from the bytes that a gateway
has sent to checked load profiles, in the slices a gateway hands out: PPC signed exports of
31 days, Theben JSON of 30 days, EMH JSON of a month. Beside it the peer that reads such
exports (`py-ppc-smgw`; it takes the XML out of the container and checks neither digest nor
signature). `theben-conexa-smgw` reads no load profiles, and EMH has no published client.

{history_table}

- The answers come from the simulated gateway over a real socket, once, and are kept in files.
  Measured is the driver with answers from these files instead of the network: opening the
  container, digest and signature, XML or JSON, status words, units, slots, profiles. One
  slice is dropped before the next is read. (The simulated Theben and EMH have a few gaps.)
- **Speed** is readings by CPU time of the process, all threads, on one core; median of
  {history_times}. Memory, clock and gaps are from a pass of their own.
- **Memory** is the peak of the resident set above what it was before.
- **A gap** is how late a task is that wants to run every millisecond. It counts what holds the
  loop, what holds the interpreter in other threads, and what other processes on the machine
  take. **Hold** is the longest single callback in CPU time of the loop's thread, without the
  interpreter's collection of garbage.

## Import

The hourly rows of these two years into the recorder (SQLite, a new database) of a real Home
Assistant process, slice after slice of 31 days, the next one after the recorder has taken the
last. Ours is the integration's writer, newest slice first as the history reader works, so
that each older slice lifts the sums of all rows that are stored. *Bare* are the same rows handed to
Home Assistant as they are, oldest first.

{imports_table}

- Clock and CPU are from the first slice until the recorder has written the last; making the
  readings is in it. Afterwards all rows are counted and the last sum is compared.
- The longest gaps are made by the recorder's own thread, and by the interpreter's full
  collections of garbage, which go through all of Home Assistant's objects, in whatever thread.

## Ledger

Commands go through the one entrance as a door would hand them over: judged, written, carried
out in a home that takes a value at once, ended by the next one; six rows each, one a signed
receipt. Then the file is exported and checked by the independent verifier.

{ledger_table}

- **Append** is one transaction with its sync to disk: median, quartiles, 99 %; then its CPU
  time alone. So for the verifier, which is a process of its own.

## CLS

From a market participant's command, through the gateway's CLS proxy and our tunnel (`out_socks`, TLS on
P-256), to a state of Home Assistant. Home Assistant, with its recorder, the proxy and the
participants are three processes; the proxy and the participants are the simulator's. Beside our API
*bare*: an aiohttp handler that reads a JSON body and sets a state, in tunnels of the same kind in
the same Home Assistant, asked by the same client.

{cls_table}

- **Command to state**: from the moment before the participant makes up the request (its
  digest and TLS are in it) until Home Assistant tells of the changed state, by the
  monotonic clock that all processes share: median, quartiles, 99 %. Commands come one after
  the other, 10 ms after the answer to the one before, {cls.group} of each kind in turn, {cls.rounds} times,
  every second time with a rest. **Our share** is the difference of the medians: form, digest,
  judgement, the ledger's transaction with its sync to disk, and Home Assistant's own work with the
  state. A switch that stands alone and a limit show as soon as they are on disk; of the switch
  that drives an entity, that entity's state counts.
- **After a rest** of 50 ms everything takes longer, bare too: presumably processors sleep and caches
  are cold. As a home is idle most of the time, that is what its owner meets.
- **Command and answer** is until the participant has the answer.
- **CPU** is that of Home Assistant's process, all threads, until everything about the command is
  done: the end of the one before with its receipt, effect, entities, events, recorder.
- **A transaction of the ledger** is an SQLite transaction with its sync; a command makes two or three.
- **One command a second each**: {cls.group} other participants at any moment of each second, which
  also give signs of life and follow the events as a real one does, in {cls.turns} turns of {cls.seconds} s;
  in between as many bare commands.
- **Listed**: `GET /cls/v1/items` until the whole answer is there, median of {cls.listings};
  bare are as many bytes.
- **{cls.participants} participants connected** give a sign of life every 5 s, follow the events, and each gives
  one command at a moment of its own.

## An apartment house

One gateway, {flats} accounts, five meters each with four registers; beside it a house of
one flat. PPC is the maker whose portals give each tenant an account of his own (an
assumption for the others), and it costs most; the other two are measured because their
accounts are read in the same way.

{flats_table}

- Home Assistant runs in a process of its own, with its recorder (SQLite) and what a new
  installation has besides; the simulated gateway in another.
- **A round** reads each account once. By the clock it takes ten hours, at four sessions an
  hour. Here the clock is moved by a quarter hour at a time, of Home Assistant and of the
  gateway, and the coordinator is asked to refresh: each time it reads whose turn it is. What
  counts is from there until Home Assistant has nothing left to do; the session with a gateway
  that answers at once is in it. The first round makes the devices and sensors, further ones
  are the steady state: {sessions} sessions in either house. With one flat a round is one
  session. The history, which rides in these sessions until it is read, is left out.
- **CPU** is that of the whole process until the recorder has written all; then that of the
  event loop's thread alone, of each session (median, quartiles).
- **Hold** is the longest single callback of the loop in a session. Judged is the time on the
  clock; its CPU time is without the interpreter's collection of garbage. What was read is
  stored some seconds later; this is measured apart.
- **Memory** is what the resident set of the process grew by.
- **Restart**: from the call to Home Assistant's bootstrap until nothing is left to do, median
  of {starts}; the imports of Python before that are not in it. The sensors show what was read
  before, no session is opened. **Cold start**: the same with nothing but the configuration:
  no memory of the gateway, no registries, no database, no compiled code of ours. It reads as
  many accounts as the hour allows.
"""


type AnyLine = Line | FlatsLine


@dataclass
class Findings:
    """All that was measured."""

    about: list[tuple[str, str]]
    """Machine and programs."""
    clients: list[Line] = field(default_factory=list)
    history: list[Line] = field(default_factory=list)
    imports: list[Line] = field(default_factory=list)
    ledger: list[Line] = field(default_factory=list)
    cls: list[Line] = field(default_factory=list)
    flats: list[FlatsLine] = field(default_factory=list)

    @property
    def lines(self) -> Iterable[AnyLine]:
        """Return the lines of all tables."""
        return chain(
            *(self.clients, self.history, self.imports, self.ledger, self.cls),
            self.flats,
        )


def tables(findings: Findings) -> str:
    """Return all tables that have lines, and the facts."""
    written = [text for text in _tables(findings).values() if text.count("\n") > 1]
    return "\n\n".join([*written, _listing(findings.about)])


def page(findings: Findings) -> str:
    """Return the whole document."""
    return _PAGE.format(
        **_tables(findings),
        facts=_listing(findings.about),
        parts=", ".join(f"`{part}`" for part in PARTS),
        polls=POLLS,
        warm_up=WARM_UP,
        byte_polls=BYTE_POLLS,
        history_times=TIMES,
        flats=FLATS,
        starts=STARTS,
        sessions=SESSIONS,
        cls=Scale(),
    )


def _tables(findings: Findings) -> dict[str, str]:
    """Return each table by its place in the page."""
    return {
        "table": _aligned([_HEAD, *map(_cells, findings.clients)]),
        "history_table": _aligned([_HEAD, *map(_cells, findings.history)]),
        "imports_table": _aligned([_BARE_HEAD, *map(_cells, findings.imports)]),
        "ledger_table": _aligned([_LEDGER_HEAD, *map(_own_cells, findings.ledger)]),
        "cls_table": _aligned([_BARE_HEAD, *map(_cells, findings.cls)]),
        "flats_table": _aligned([_FLATS_HEAD, *map(_flats_cells, findings.flats)]),
    }


def _aligned(rows: Sequence[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rule = tuple("-" * width for width in widths)
    return "\n".join(
        "| "
        + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        + " |"
        for row in (rows[0], rule, *rows[1:])
    )


def _listing(facts: Sequence[tuple[str, str]]) -> str:
    return "\n".join(f"- {name}: {value}" for name, value in facts)


def _ratio(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.2f}"


def _cells(line: Line) -> tuple[str, ...]:
    return (
        line.case,
        line.measure,
        line.ours,
        line.peer,
        _ratio(line.ratio),
        line.goal,
        line.verdict,
    )


def _own_cells(line: Line) -> tuple[str, ...]:
    return line.case, line.measure, line.ours, line.goal, line.verdict


def _flats_cells(line: FlatsLine) -> tuple[str, ...]:
    return (
        line.case,
        line.measure,
        line.none,
        line.one,
        line.many,
        _ratio(line.ratio),
        line.goal,
        line.verdict,
    )
