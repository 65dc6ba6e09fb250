"""The independent checker finds whatever was done to an export."""

import asyncio
from asyncio.subprocess import PIPE
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
import json
from pathlib import Path
import re
import subprocess
import sys
from types import ModuleType
from typing import Any

from hypothesis import given, settings, strategies as st
import pytest

from custom_components.smgw.control.chain import Kind
from custom_components.smgw.control.errors import LedgerUnavailable
from custom_components.smgw.control.keys import LedgerKey, key_id
from custom_components.smgw.control.ledger import Ledger
from custom_components.smgw.control.store import Batch, Store

from .conftest import SCRIPTS
from .helpers import GRID, FakeClock, entry, exported, fill, kept

DAY = 86400
PROGRAM = SCRIPTS / "verify_ledger.py"
type Verify = Callable[[bytes], Any]


@pytest.fixture
def verify(verifier: ModuleType, tmp_path: Path) -> Verify:
    """Return a function that checks an export."""

    def check(*contents: bytes) -> Any:
        files = []
        for number, content in enumerate(contents):
            files.append(tmp_path / f"{number}.ledger")
            files[-1].write_bytes(content)
        return verifier.verify(files)

    return check


@pytest.fixture
async def export(ledger: Ledger, clock: FakeClock) -> bytes:
    """Four days of two participants."""
    for day in range(4):
        await fill(ledger, clock, 4, who="supplier" if day % 2 else GRID)
        clock.move(DAY)
    return await exported(ledger, clock)


def sealed(lines: list[bytes], key: LedgerKey | None = None) -> bytes:
    """Return an export whose seal was made anew; without a key, with the old signature."""
    content = b"".join(line + b"\n" for line in lines[:-2])
    seal = json.loads(lines[-2])
    seal["sha256"] = sha256(content).hexdigest()
    if key is not None:
        signed = b"smgw-export/1\n" + f'{{"sha256":"{seal["sha256"]}"}}'.encode()
        seal["signature"] = key.sign(signed)
    text = json.dumps(seal, separators=(",", ":"), sort_keys=True)
    return content + text.encode() + b"\n"


def rehashed(lines: list[bytes]) -> list[bytes]:
    """Return an export whose chain was calculated anew, as whoever changed it would do."""
    header = json.loads(lines[0])
    before = bytes.fromhex(header["before"])
    header["last"] = header["first"] + len(lines) - 4
    out = [json.dumps(header, separators=(",", ":"), sort_keys=True).encode()]
    for line in lines[1:-2]:
        body = line[65:]
        before = sha256(before + sha256(body).digest()).digest()
        out.append(before.hex().encode() + b" " + body)
    return [*out, *lines[-2:]]


def test_good(verify: Verify, export: bytes, ledger: Ledger) -> None:
    """An untouched export is found good, with what is in it."""
    found = verify(export)
    assert (found.ledger, found.seq) == (ledger.ledger_id, ledger.newest)
    assert (found.rows, found.hidden) == (ledger.newest, 0)
    assert (found.heads, len(found.receipts)) == (3, 4)
    assert found.sealed_by == {key_id(ledger.point)}


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, LedgerKey]:
    """One export for many examples."""
    import asyncio

    key, clock = LedgerKey.made(), FakeClock()

    async def make() -> bytes:
        ledger = Ledger(Store(tmp_path_factory.mktemp("sample") / "x.db", key))
        await ledger.open(clock.stamp())
        for who in (GRID, "supplier"):
            await fill(ledger, clock, 4, who=who)
            clock.move(DAY)
        content = await exported(ledger, clock, participant=GRID)
        content = await exported(ledger, clock)
        await ledger.close()
        return content

    return asyncio.run(make()), key


@settings(max_examples=400)
@given(place=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255))
def test_any_byte(
    sample: tuple[bytes, LedgerKey],
    verifier: ModuleType,
    tmp_path_factory: pytest.TempPathFactory,
    place: float,
    flip: int,
) -> None:
    """Change any byte to any other: it is found."""
    content = bytearray(sample[0])
    content[int(place * len(content))] ^= flip
    found_in(verifier, tmp_path_factory, bytes(content))


def found_in(
    verifier: ModuleType, tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    """Check that a changed export is found out."""
    file = tmp_path_factory.getbasetemp() / "changed.ledger"
    file.write_bytes(content)
    with pytest.raises(verifier.Tampered):
        verifier.verify([file])


@settings(max_examples=200)
@given(data=st.data())
def test_rows(
    sample: tuple[bytes, LedgerKey],
    verifier: ModuleType,
    tmp_path_factory: pytest.TempPathFactory,
    data: st.DataObject,
) -> None:
    """Leave out, repeat, swap or change rows and calculate chain and seal anew: without the key it is found."""
    lines = sample[0].split(b"\n")
    rows = lines[1:-2]
    one = data.draw(st.integers(0, len(rows) - 1))
    other = data.draw(st.integers(0, len(rows) - 1))
    match data.draw(st.sampled_from(["leave", "repeat", "swap", "change", "cut"])):
        case "leave":
            del rows[one]
        case "repeat":
            rows.insert(other, rows[one])
        case "swap":
            if one == other:
                return
            rows[one], rows[other] = rows[other], rows[one]
        case "change":
            rows[one] = re.sub(rb'"salt":"..', b'"salt":"zz', rows[one])
        case "cut":
            rows = rows[:one]
    changed = [lines[0], *rows, *lines[-2:]]
    for attempt in (changed, rehashed(changed)):
        found_in(verifier, tmp_path_factory, sealed(attempt))


@given(cut=st.floats(0, 1, exclude_max=True))
def test_cut_off(
    sample: tuple[bytes, LedgerKey],
    verifier: ModuleType,
    tmp_path_factory: pytest.TempPathFactory,
    cut: float,
) -> None:
    """Cut the file anywhere: it is found."""
    content = sample[0]
    found_in(verifier, tmp_path_factory, content[: int(cut * len(content))])


def test_another_key(
    sample: tuple[bytes, LedgerKey], verify: Verify, verifier: ModuleType
) -> None:
    """Who seals with a key of their own is found by the key a participant registered, and by heads and receipts."""
    content, _ = sample
    lines, other = content.split(b"\n"), LedgerKey.made()
    header = json.loads(lines[0])
    header["key"] = key_id(other.point)
    header["points"] = sorted([*header["points"], other.point])
    text = json.dumps(header, separators=(",", ":"), sort_keys=True).encode()
    found = verify(sealed([text, *lines[1:]], other))
    assert found.sealed_by == {key_id(other.point)}
    changed = [text, *(b.replace(b'"watts":"1"', b'"watts":"9"') for b in lines[1:])]
    with pytest.raises(verifier.Tampered, match="stands elsewhere"):
        verify(sealed(rehashed(changed), other))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda body: body.update(seq=99), "another row"),
        (lambda body: body.update(at="2020-01-01T00:00:00.000000Z"), "time goes back"),
        (lambda body: body.update(extra=1), "other fields"),
        (lambda body: body.pop("salt"), "other fields"),
        (lambda body: body.update(kind="opened"), "another shape"),
        (lambda body: body.update(kind="key", data={"point": "04"}), "no key"),
        (lambda body: body.update(kind="head", data=[]), "another shape"),
    ],
)
def test_even_with_the_key(
    sample: tuple[bytes, LedgerKey],
    verify: Verify,
    verifier: ModuleType,
    change: Callable[[dict[str, Any]], None],
    message: str,
) -> None:
    """What contradicts itself is found even if the key's holder made it."""
    content, key = sample
    lines = content.split(b"\n")
    body = json.loads(lines[-3][65:])
    change(body)
    text = json.dumps(body, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
    lines[-3] = lines[-3][:65] + text.encode()
    with pytest.raises(verifier.Tampered, match=message):
        verify(sealed(rehashed(lines), key))


async def test_seen_by_a_participant(
    verify: Verify, export: bytes, ledger: Ledger, clock: FakeClock
) -> None:
    """A participant sees its own rows and the ledger's; of others a digest, and the chain still holds."""
    own = await exported(ledger, clock, participant=GRID)
    found = verify(own)
    assert found.rows == ledger.newest
    assert found.hidden == 2 * 5
    assert b"supplier" not in own
    assert own.count(b'"participant":"grid"') == 2 * 5 + 1
    assert found.hash == verify(export).hash


async def test_spans(
    verify: Verify, verifier: ModuleType, export: bytes, ledger: Ledger
) -> None:
    """Parts of the ledger are good by themselves and follow each other."""
    clock = FakeClock()
    clock.move(DAY)
    middle = clock.wall
    first = await exported(ledger, clock, until=middle)
    second = await exported(ledger, clock, since=middle)
    assert verify(first).rows + verify(second).rows == ledger.newest
    both = verify(first, second)
    assert (both.rows, both.hash) == (ledger.newest, verify(export).hash)
    with pytest.raises(verifier.Tampered, match="does not follow"):
        verify(second, first)
    clock.move(100 * DAY)
    nothing = await exported(ledger, clock, since=clock.wall)
    assert verify(nothing).rows == 0
    nothing = await exported(ledger, clock, until=middle - (clock.wall - middle))
    assert verify(nothing).rows == 0


async def test_other_ledger(
    verify: Verify, verifier: ModuleType, export: bytes, tmp_path: Path
) -> None:
    """Files of two ledgers are not one."""
    other = Ledger(Store(tmp_path / "other.db", LedgerKey.made()))
    await other.open(FakeClock().stamp())
    foreign = await exported(other, FakeClock())
    await other.close()
    with pytest.raises(verifier.Tampered, match="another ledger"):
        verify(export, foreign)


async def test_written_while_exporting(
    ledger: Ledger, clock: FakeClock, verify: Verify
) -> None:
    """Rows that come while an export is on its way are not in it, and do not disturb it."""
    await fill(ledger, clock, 600, step=1)
    newest, pieces = ledger.newest, []
    async for piece in ledger.export(clock.stamp()):
        pieces.append(piece)
        await fill(ledger, clock, 1)
    assert len(pieces) == 4
    assert verify(b"".join(pieces)).seq == newest < ledger.newest


async def test_receipts(
    verify: Verify,
    verifier: ModuleType,
    export: bytes,
    ledger: Ledger,
    clock: FakeClock,
) -> None:
    """A receipt that somebody kept is checked against an export, also one of a rewritten ledger."""
    found = verify(export)
    name = "00000000-0000-0000-0000-000000000002"
    receipts = await ledger.receipts(GRID, name)
    assert len(receipts) == 2
    text = verifier._canonical(receipts[0])
    assert "has it" in verifier.verify_receipt(found, text + b"\n")
    before = verify(await exported(ledger, clock, until=FakeClock().wall))
    before.keys.update(found.keys)
    assert "do not cover" in verifier.verify_receipt(before, text)
    with pytest.raises(verifier.Tampered, match="signature is wrong"):
        verifier.verify_receipt(found, text.replace(b'"seq":4', b'"seq":5'))
    with pytest.raises(verifier.Tampered, match="canonical"):
        verifier.verify_receipt(found, text.replace(b",", b", ", 1))
    found.receipts.clear()
    with pytest.raises(verifier.Tampered, match="no longer"):
        verifier.verify_receipt(found, text)


async def test_archive(
    ledger: Ledger, clock: FakeClock, verify: Verify, tmp_path: Path
) -> None:
    """What is older than two years moves into a file; file and rest are one ledger."""
    folder = tmp_path / "archive"
    for _ in range(3):
        await fill(ledger, clock, 5)
        clock.move(DAY)
    assert await ledger.archive(clock.wall, folder, clock.stamp()) is None
    clock.move(729 * DAY)
    await fill(ledger, clock, 2)
    newest = ledger.newest
    path = await ledger.archive(clock.wall, folder, clock.stamp())
    assert path is not None
    assert [*folder.iterdir()] == [path]
    assert path.stat().st_mode & 0o777 == 0o600
    rows = await ledger.rows(0)
    assert rows[0]["seq"] == verify(path.read_bytes()).seq + 1
    assert rows[-1]["seq"] == newest + 1
    noted = rows[-1]["data"]
    assert (rows[-1]["kind"], noted["file"]) == ("archived", path.name)
    assert noted["sha256"] == sha256(path.read_bytes()).hexdigest()
    rest = await exported(ledger, clock)
    assert verify(rest).rows == len(rows)
    assert verify(path.read_bytes(), rest).rows == newest + 1
    assert await ledger.check() is None
    assert await ledger.archive(clock.wall, folder, clock.stamp()) is None
    # it opens without the rows that went, and the next archive follows the first
    await ledger._run(ledger._store.close)
    await ledger.open(clock.stamp())
    await fill(ledger, clock, 1, step=800 * DAY)
    await fill(ledger, clock, 1)
    later = await ledger.archive(clock.wall, folder, clock.stamp())
    assert later is not None
    rest = await exported(ledger, clock)
    assert verify(path.read_bytes(), later.read_bytes(), rest).seq == ledger.newest


async def test_archive_cut_short(
    ledger: Ledger, clock: FakeClock, verify: Verify, tmp_path: Path
) -> None:
    """Stopped between the file and the removal of its rows: the next attempt does it again."""
    command = kept(1, order=2)
    over = replace(command, open=False)
    await ledger.append(Batch(stamp=clock.stamp(), commands=(over, kept(2, order=3))))
    await fill(ledger, clock, 5)
    clock.move(DAY)
    await fill(ledger, clock, 1)
    clock.move(800 * DAY)
    await fill(ledger, clock, 1)
    drop = ledger._store.drop

    def stop(*_: object) -> None:
        raise LedgerUnavailable

    ledger._store.drop = stop  # type: ignore[method-assign]
    with pytest.raises(LedgerUnavailable):
        await ledger.archive(clock.wall, tmp_path, clock.stamp())
    assert (await ledger.rows(0))[0]["seq"] == 1
    ledger._store.drop = drop  # type: ignore[method-assign]
    path = await ledger.archive(clock.wall, tmp_path, clock.stamp())
    assert path is not None
    rest = await exported(ledger, clock)
    assert verify(path.read_bytes(), rest).seq == ledger.newest
    # commands whose rows are archived are forgotten, unless they are open
    assert await ledger.find(GRID, over.id) is None
    assert await ledger.find(GRID, kept(2).id)


def run(*arguments: str | Path) -> tuple[int, str]:
    """Run the program as a stranger would: by itself, from anywhere."""
    done = subprocess.run(
        [sys.executable, "-I", PROGRAM, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
    )
    return done.returncode, done.stdout + done.stderr


async def test_program(
    export: bytes, ledger: Ledger, tmp_path: Path, verifier: ModuleType
) -> None:
    """The program says what it found and ends accordingly."""
    file = tmp_path / "export.ledger"
    file.write_bytes(export)
    (receipt, _) = await ledger.receipts(GRID, "00000000-0000-0000-0000-000000000002")
    paper = tmp_path / "receipt.json"
    paper.write_bytes(verifier._canonical(receipt))
    code, text = run(file, "--key", key_id(ledger.point), "--receipt", paper)
    assert code == 0, text
    assert "Nothing was changed." in text
    assert "the ledger has it" in text
    code, text = run(file)
    assert code == 0
    assert "not compared" in text
    code, text = run(file, "--key", "00" * 32)
    assert code == 1
    assert "another key" in text
    file.write_bytes(export.replace(b'"watts":"1"', b'"watts":"2"', 1))
    code, text = run(file)
    assert code == 1
    assert (
        text
        == "CHANGED: export.ledger: row 3: changed, or not the one that was there\n"
    )
    assert run(tmp_path / "nothing")[0] == 2


async def test_many_receipts(
    ledger: Ledger, clock: FakeClock, key: LedgerKey, tmp_path: Path
) -> None:
    """Signatures that other processors check are checked as well: the last one of a full part is wrong."""
    receipts = [entry(number, Kind.RECEIPT) for number in range(500)]
    await ledger.append(Batch(stamp=clock.stamp(), entries=receipts))
    export = await exported(ledger, clock)
    file = tmp_path / "export.ledger"
    file.write_bytes(export)
    code, text = run(file)
    assert code == 0, text
    assert "receipts 500," in text
    lines = export.split(b"\n")
    head, tail = lines[-3].rsplit(b'"signature":"', 1)
    lines[-3] = (
        head + b'"signature":"' + (b"1" if tail[:1] == b"0" else b"0") + tail[1:]
    )
    file.write_bytes(sealed(rehashed(lines), key))
    assert run(file) == (
        1,
        f"CHANGED: export.ledger: row {ledger.newest}: the signature is wrong\n",
    )


async def test_script(export: bytes, tmp_path: Path) -> None:
    """The script finds a Python for it."""
    file = tmp_path / "export.ledger"
    file.write_bytes(export)
    script = SCRIPTS.parent / "verify_ledger"
    done = await asyncio.create_subprocess_exec(script, file, stdout=PIPE)
    assert b"Nothing was changed." in (await done.communicate())[0]
    assert done.returncode == 0


def test_program_is_independent() -> None:
    """It shares no line with the integration: only the standard library and cryptography."""
    text = PROGRAM.read_text(encoding="utf-8")
    found = re.findall(r"^(?:from|import) (\w+)", text, re.MULTILINE)
    assert set(found) - set(sys.stdlib_module_names) <= {"cryptography", "__future__"}
