"""Byte streams: a socket, and TLS over any other stream.

TLS is pyOpenSSL's, without a socket of its own: unlike Python's ``ssl`` it can
offer all five curves at once as a gateway must, tells alerts by number, and
runs inside another TLS stream.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
import socket
import struct
from typing import Protocol

from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL

_CHUNK = 64 * 1024
_LAST_WORDS = 0.5
_ALERT = 0x4000  # SSL_CB_ALERT
_READ = 0x04  # SSL_CB_READ


class Stream(Protocol):
    """Bytes both ways; every error is an ``OSError``."""

    async def read(self) -> bytes:
        """Return what came, empty at the end."""
        ...

    async def write(self, data: bytes) -> None:
        """Send all of it."""
        ...

    async def close(self) -> None:
        """Say good-bye and close; never raises."""
        ...

    def abort(self) -> None:
        """Close at once, with a reset."""
        ...


class SocketStream:
    """A non-blocking TCP socket."""

    def __init__(self, sock: socket.socket) -> None:
        """Take a connected socket over."""
        self.sock = sock
        sock.setblocking(False)
        with suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    async def read(self) -> bytes:
        """Return what came, empty at the end."""
        return await asyncio.get_running_loop().sock_recv(self.sock, _CHUNK)

    async def write(self, data: bytes) -> None:
        """Send all of it."""
        await asyncio.get_running_loop().sock_sendall(self.sock, data)

    async def close(self) -> None:
        """Close with a FIN, behind all that was sent.

        What the peer still sends is read for a moment: a socket that is closed
        with bytes unread resets, and the peer might lose our last words.
        """
        try:
            self.sock.shutdown(socket.SHUT_WR)
            async with asyncio.timeout(_LAST_WORDS):
                while await self.read():
                    pass
        except OSError:
            pass  # gone already, or slow
        finally:
            self.sock.close()

    def abort(self) -> None:
        """Close with a RST."""
        with suppress(OSError):
            self.sock.setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
            )
        self.sock.close()


class TlsError(OSError):
    """TLS failed; ``alert`` is the number that was read or written, if any."""

    def __init__(self, text: str, alert: int | None = None) -> None:
        """Keep both."""
        super().__init__(text)
        self.alert = alert


class TlsStream:
    """TLS over another stream; use one task for reading and one for writing."""

    def __init__(
        self, under: Stream, context: SSL.Context, *, server: bool, name: str = ""
    ) -> None:
        """Prepare as server or client; ``name`` is what a client asks for (SNI)."""
        self._under = under
        self._sending = asyncio.Lock()
        self.alerts: list[tuple[str, int]] = []
        context.set_info_callback(_note)
        self.connection = SSL.Connection(context, None)
        self.connection.set_app_data(self)
        if server:
            self.connection.set_accept_state()
        else:
            self.connection.set_connect_state()
            if name:
                self.connection.set_tlsext_host_name(name.encode("idna"))

    @property
    def peer(self) -> bytes:
        """Return the peer's certificate, DER; empty without one."""
        found = self.connection.get_peer_certificate(as_cryptography=True)
        if found is None:
            return b""
        return found.public_bytes(Encoding.DER)

    async def handshake(self, seconds: float = 15) -> None:
        """Shake hands; TlsError or another OSError if it fails."""
        try:
            async with asyncio.timeout(seconds):
                while True:
                    try:
                        with self._errors():
                            self.connection.do_handshake()
                    except SSL.WantReadError:
                        await self._flush()
                        if not await self._fill():
                            raise TlsError("ended in the handshake") from None
                    else:
                        await self._flush()
                        return
        except OSError:
            with suppress(OSError):
                await self._flush()  # the alert
            raise

    async def read(self) -> bytes:
        """Return what came, empty at the end."""
        while True:
            try:
                with self._errors():
                    return self.connection.recv(_CHUNK)
            except SSL.ZeroReturnError:
                return b""
            except SSL.WantReadError:
                await self._flush()  # what a renegotiation or a bad record asks for
                if not await self._fill():
                    return b""
            except TlsError:
                with suppress(OSError):
                    await self._flush()
                raise

    async def write(self, data: bytes) -> None:
        """Send all of it."""
        for start in range(0, len(data), 16_000):
            with self._errors():
                self.connection.send(data[start : start + 16_000])
        await self._flush()

    async def close(self) -> None:
        """Send close_notify and close; never raises."""
        with suppress(SSL.Error, OSError):
            self.connection.shutdown()
        try:
            with suppress(OSError):
                async with asyncio.timeout(2):
                    await self._flush()
        except BaseException:
            self._under.abort()
            raise
        await self._under.close()

    async def say_goodbye(self) -> None:
        """Send close_notify and leave the line open."""
        with suppress(SSL.Error):
            self.connection.shutdown()
        await self._flush()

    async def drop(self) -> None:
        """Close without close_notify, as a line that breaks off."""
        await self._under.close()

    def abort(self) -> None:
        """Close at once, with a reset."""
        self._under.abort()

    async def renegotiate(self) -> None:
        """Ask the peer for another handshake (forbidden by TR-03116-3)."""
        with self._errors():
            self.connection.renegotiate()
            with suppress(SSL.WantReadError):
                self.connection.do_handshake()
        await self._flush()

    async def damage(self) -> None:
        """Send an application record that no key fits."""
        async with self._sending:
            await self._under.write(b"\x17\x03\x03\x00\x28" + bytes(40))

    async def _fill(self) -> bool:
        data = await self._under.read()
        if data:
            self.connection.bio_write(data)
        return bool(data)

    async def _flush(self) -> None:
        async with self._sending:
            parts: list[bytes] = []
            with suppress(SSL.WantReadError):
                while True:
                    parts.append(self.connection.bio_read(_CHUNK))
            if parts:
                await self._under.write(b"".join(parts))

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except SSL.WantReadError, SSL.ZeroReturnError:
            raise
        except SSL.Error as err:
            why = err.args[0] if err.args else ()
            text = why[-1][-1] if why and isinstance(why, list) else "TLS failed"
            alert = self.alerts[-1][1] if self.alerts else None
            raise TlsError(str(text), alert) from None


def _note(connection: SSL.Connection, where: int, value: int) -> None:
    """Keep alerts: OpenSSL tells level and number."""
    if where & _ALERT and isinstance(owner := connection.get_app_data(), TlsStream):
        owner.alerts.append(("read" if where & _READ else "written", value & 0xFF))
