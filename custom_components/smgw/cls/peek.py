"""The peer's certificate, read off the wire while the handshake is under way.

In TLS 1.2 it is sent in clear (RFC 5246, 7.4.2 and 7.4.6). Python shows a server its client's certificate only after OpenSSL has
found it good, and only a fingerprint is known to us: so it is read here, and OpenSSL is then told
to trust exactly this one, if it is the right one. All proofs stay with OpenSSL.
"""

_HANDSHAKE, _CERTIFICATE = 22, 11
_LARGEST = 64 * 1024


class Peek:
    """Reads the cleartext part of one side's handshake, in any pieces."""

    def __init__(self) -> None:
        """Begin with the first record."""
        self._records = b""
        self._messages = b""
        self._over = False
        self.leaf: bytes | None = None
        """The peer's own certificate (DER), once it has come."""

    def feed(self, data: bytes) -> None:
        """Take what came. What is no TLS ends the reading; OpenSSL will say so."""
        if self._over:
            return
        self._records += data
        while not self._over and len(self._records) >= 5:
            kind, size = self._records[0], int.from_bytes(self._records[3:5])
            if kind != _HANDSHAKE:
                # Change of cipher: all that follows is encrypted. Or an alert.
                self._end()
                return
            if len(self._records) < 5 + size:
                break
            self._messages += self._records[5 : 5 + size]
            self._records = self._records[5 + size :]
            self._read()
        if len(self._records) + len(self._messages) > _LARGEST:
            self._end()

    def _read(self) -> None:
        while len(self._messages) >= 4:
            kind, size = self._messages[0], int.from_bytes(self._messages[1:4])
            if len(self._messages) < 4 + size:
                return
            body = self._messages[4 : 4 + size]
            self._messages = self._messages[4 + size :]
            if kind == _CERTIFICATE:
                first = int.from_bytes(body[3:6])
                self.leaf = body[6 : 6 + first] or None
                self._end()
                return

    def _end(self) -> None:
        self._over = True
        self._records = self._messages = b""
