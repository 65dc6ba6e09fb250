"""Which certificates the gateway shows in the HAN, and which it takes there."""

from OpenSSL import SSL

from simulator.faults import FaultSet
from simulator.tls import Certificate, TlsOptions
from simulator.tunnel.context import TlsProfile, tls_context
from simulator.tunnel.pki import fingerprint
from simulator.tunnel.stream import Stream, TlsStream

from .profiles import ProfileTable

# X509_V_ERR_CERT_NOT_YET_VALID and X509_V_ERR_CERT_HAS_EXPIRED: OpenSSL judges
# the time last, and has an alert of its own for it
_NOT_NOW = (9, 10)


class HanTls:
    """TLS of the HAN leg, as server and as client."""

    def __init__(
        self,
        gateway_id: str,
        curve: str,
        profiles: ProfileTable,
        faults: FaultSet,
        certificate: Certificate | None = None,
    ) -> None:
        """Make a HAN certificate on one of the five curves, or take one."""
        self._gateway_id = gateway_id
        self._profiles = profiles
        self._faults = faults
        self.curve = curve
        self.certificate = certificate or self._make()
        self._stand_ins: dict[str, Certificate] = {}

    def rotate(self, curve: str = "") -> Certificate:
        """Use a new key and certificate from now on."""
        self.curve = curve or self.curve
        self._stand_ins.clear()
        self.certificate = self._make()
        return self.certificate

    def server(self, under: Stream, name: str) -> TlsStream:
        """Return the server's side of a connection; ``name`` was asked for by SNI."""

        def judge(_: SSL.Connection, der: bytes, error: int, depth: int) -> bool:
            if depth or error in _NOT_NOW:
                return bool(depth)
            cls = fingerprint(der)
            if name:
                return self._profiles.sni(name, cls) is not None
            return self._profiles.knows(cls)

        context = tls_context(self._shown("han"), judge, self._offer(), ())
        return TlsStream(under, context, server=True)

    def client(self, under: Stream, cls: str) -> TlsStream:
        """Return the client's side towards a CLS that listens."""

        def judge(_: SSL.Connection, der: bytes, error: int, depth: int) -> bool:
            return bool(depth) or (fingerprint(der) == cls and error not in _NOT_NOW)

        context = tls_context(self._shown("dial"), judge, TlsProfile(), ())
        return TlsStream(under, context, server=False)

    def _make(self, *, past: bool = False) -> Certificate:
        return TlsOptions(curve=self.curve).certificate(self._gateway_id, expired=past)

    def _shown(self, way: str) -> Certificate:
        for name in (f"{way}_swapped", f"{way}_expired"):
            if self._faults.take(name):
                if name not in self._stand_ins:
                    self._stand_ins[name] = self._make(past=name.endswith("expired"))
                return self._stand_ins[name]
        return self.certificate

    def _offer(self) -> TlsProfile:
        faults = self._faults
        if fault := faults.take("han_suite"):
            return TlsProfile(suites=(str(fault["name"]),))
        if fault := faults.take("han_curve"):
            return TlsProfile(curves=(str(fault["name"]),))
        if faults.take("han_tls11"):
            return TlsProfile(version=SSL.TLS1_1_VERSION)
        if faults.take("han_tls13"):
            return TlsProfile(version=SSL.TLS1_3_VERSION)
        return TlsProfile(renegotiates="han_renegotiate" in faults)
