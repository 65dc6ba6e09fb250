"""The two command lines, as processes, and the console's guard."""

from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from itertools import pairwise
import json
from pathlib import Path
import signal
import socket
import subprocess
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import pytest

pytestmark = pytest.mark.usefixtures("socket_enabled")

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Start ``script/simulator cls`` on free ports; return what it says."""
    kept = tmp_path_factory.mktemp("cls") / "han.pem"
    ports = ("--socks-port", "0", "--sni-port", "0", "--console-port", "0")
    process = subprocess.Popen(
        [
            "script/simulator",
            "cls",
            *ports,
            "--emt",
            "grid",
            "supplier",
            "--cls",
            "11" * 32,
            "--certificate",
            str(kept),
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    yield json.loads(process.stdout.readline())
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    assert kept.stat().st_mode & 0o777 == 0o600
    process.stdout.close()


def test_ready_line(running: dict[str, Any]) -> None:
    """The first line tells where everything is."""
    assert running["console"].startswith("http://127.0.0.1:")
    assert [emt["key"] for emt in running["emts"]] == ["grid", "supplier"]
    assert len(running["fingerprint"]) == 64
    assert "PRIVATE" not in running["certificate"]


def emt(running: dict[str, Any], *words: str) -> subprocess.CompletedProcess[str]:
    """Run ``script/emt``."""
    return subprocess.run(
        ["script/emt", "--url", running["console"], *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_emt_shows_its_homes(running: dict[str, Any]) -> None:
    """Nobody is there yet; a home that is not there cannot be dimmed."""
    done = emt(running, "homes")
    assert done.returncode == 0, done.stderr
    assert [row["homes"] for row in json.loads(done.stdout)["emts"]] == [[], []]
    done = emt(running, "limit", "4200")
    assert (done.returncode, done.stderr) == (
        2,
        "emt: 0 homes fit: choose with --emt and --home\n",
    )


def test_emt_without_a_console() -> None:
    """Nobody answers: code 2 and one line."""
    done = emt({"console": "http://127.0.0.1:1"}, "homes")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 4\r\n\r\n<p>\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[]",
    ],
    ids=["no_http", "no_type", "page", "list"],
)
@pytest.mark.parametrize("word", ["items", "limit"])
def test_emt_at_another_address(answer: bytes, word: str) -> None:
    """Something else than a console answers: code 2 and one line, no traceback."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:

        def serve() -> None:
            line, _ = server.accept()
            with line:
                line.recv(4096)
                line.sendall(answer)

        thread = Thread(target=serve)
        thread.start()
        done = emt({"console": f"http://127.0.0.1:{server.getsockname()[1]}"}, word)
        thread.join()
    assert done.returncode == 2
    assert done.stderr.startswith("emt: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("word", ["", "set", "limit", "schedule", "put-prices"])
def test_emt_help(word: str) -> None:
    """Each word and each of its options is explained, and so are the exit codes."""
    done = emt({"console": "http://127.0.0.1:1"}, *filter(None, (word, "--help")))
    assert done.returncode == 0
    told = done.stdout
    if not word:
        assert "Exit code" in told
    # Explained in its own line, or in the one below it.
    for row, below in pairwise([*told.splitlines(), ""]):
        if row.startswith("  -"):
            assert "  " in row.strip() or below.startswith(" " * 20), row


def http(
    running: dict[str, Any], method: str, path: str, body: Any = None, **headers: str
) -> tuple[int, Any]:
    """Ask console or lab API; return status and JSON or text."""
    url = urlsplit(running["console"])
    with closing(HTTPConnection(url.hostname or "", url.port, timeout=20)) as line:
        data = None if body is None else json.dumps(body)
        fields = {"Content-Type": "application/json", **headers}
        line.request(method, path, data, fields)
        answer = line.getresponse()
        text = answer.read().decode()
        json_there = "json" in answer.headers["Content-Type"]
        return answer.status, json.loads(text) if json_there else text


def test_lab(running: dict[str, Any]) -> None:
    """Profiles, faults, certificates and the journal by HTTP."""
    told = {
        "cls": "22" * 32,
        "emt": "grid",
        "scenario": "dial",
        "home": ["127.0.0.1", 1],
    }
    status, profile = http(running, "POST", "/lab/profiles", told)
    assert (status, profile["session"]) == (201, 172_800)
    one = f"/lab/profiles/{profile['key']}"
    assert http(running, "PATCH", one, {"session": 5})[1]["session"] == 5
    assert http(running, "POST", f"{one}/call", {})[0] == 502
    assert http(running, "PUT", "/lab/faults/socks_reply", {"code": 4})[1] == {
        "faults": ["socks_reply"]
    }
    assert http(running, "DELETE", "/lab/faults/socks_reply")[1] == {"faults": []}
    status, state = http(running, "POST", "/lab/emts/grid", {"silent": True})
    assert state["emts"][0]["silent"] is True
    before = state["fingerprint"]
    status, state = http(running, "POST", "/lab/certificate", {"curve": "prime256v1"})
    assert (state["curve"], state["fingerprint"] != before) == ("prime256v1", True)
    assert len(state["profiles"]) == 5
    assert http(running, "POST", "/lab/cut", {"how": "close"})[1] == {"ended": 0}
    assert len(http(running, "DELETE", one)[1]["profiles"]) == 4
    kinds = {row["kind"] for row in http(running, "GET", "/lab/journal")[1]["events"]}
    assert kinds >= {"profile", "dial_failed", "certificate"}


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/lab/profiles", {"cls": "nothing"}, 400),
        ("POST", "/lab/profiles", {"cls": "33" * 32, "emt": "nobody"}, 404),
        ("POST", "/lab/profiles", {"colour": "red"}, 400),
        ("POST", "/lab/profiles", [], 400),
        ("PATCH", "/lab/profiles/none", {"idle": 1}, 404),
        ("POST", "/lab/profiles/none/call", {}, 404),
        ("PUT", "/lab/faults/none", {}, 400),
        ("POST", "/lab/emts/none", {"silent": True}, 404),
        ("GET", "/emt/grid/none", None, 404),
        ("GET", "/elsewhere", None, 404),
    ],
)
def test_wrong_requests(
    running: dict[str, Any], method: str, path: str, body: Any, status: int
) -> None:
    """What makes no sense changes nothing."""
    assert http(running, method, path, body)[0] == status


def test_console_page(running: dict[str, Any]) -> None:
    """The page and its parts come from here, and from nowhere else."""
    for path, part in (
        ("/", "<title>EMT console"),
        ("/console.js", "fetch("),
        ("/console.css", "table"),
    ):
        status, text = http(running, "GET", path)
        assert (status, part in text) == (200, True)
        assert "//" not in text.replace("// ", "") or "http" not in text


def test_only_this_machine_and_its_own_page(running: dict[str, Any]) -> None:
    """Another name (rebinding), another page, another kind of body: refused."""
    assert http(running, "GET", "/emt", Host="evil.example")[0] == 403
    assert http(running, "GET", "/emt", Origin="http://evil.example")[0] == 403
    assert http(running, "GET", "/emt", Origin=running["console"])[0] == 200
    wrong = {"Content-Type": "text/plain"}
    assert http(running, "POST", "/lab/cut", {"how": "reset"}, **wrong)[0] == 415


def test_list_of_faults() -> None:
    """Each fault in a line; a port that is taken is code 2."""
    done = subprocess.run(
        ["script/simulator", "cls", "--list-faults"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "socks_reply:code=1\t" in done.stdout
    done = subprocess.run(
        [
            "script/simulator",
            "cls",
            "--socks-port",
            "0",
            "--sni-port",
            "0",
            "--console-port",
            "0",
            "--host",
            "192.0.2.1",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("simulator cls: ")
