"""The gateway's WAN leg: it dials the EMT, with certificates of the mock SM-PKI."""

from OpenSSL import SSL

from simulator.faults import FaultSet
from simulator.tls import Certificate
from simulator.tunnel.context import WAN_CURVES, TlsProfile, tls_context, trust
from simulator.tunnel.pki import MockPki, fingerprint
from simulator.tunnel.stream import TlsError, TlsStream
from simulator.tunnel.wire import dial

from .profiles import Profile
from .socks import Reply


class WanError(Exception):
    """The EMT cannot be had; ``reply`` is what SOCKS says about it."""

    def __init__(self, why: str, reply: Reply, alert: int | None = None) -> None:
        """Keep them."""
        super().__init__(why)
        self.reply = reply
        self.alert = alert


class WanLeg:
    """Dials EMTs for one gateway."""

    def __init__(self, pki: MockPki, own: Certificate, faults: FaultSet) -> None:
        """Take the gateway's WAN certificate."""
        self._pki = pki
        self._own = own
        self._faults = faults

    async def open(self, profile: Profile) -> TlsStream:
        """Return TLS to the EMT of a profile; WanError if there is none."""
        if self._faults.take("wan_down", profile.emt):
            raise WanError("no route", Reply.HOST_UNREACHABLE)
        if self._faults.take("wan_refused", profile.emt):
            raise WanError("port closed", Reply.REFUSED)
        swapped = self._faults.take("wan_swapped", profile.emt)
        wanted = "" if swapped else profile.emt_fingerprint
        try:
            under = await dial(profile.address)
        except ConnectionRefusedError:
            raise WanError("port closed", Reply.REFUSED) from None
        except OSError as err:
            raise WanError(str(err), Reply.HOST_UNREACHABLE) from None
        stream = TlsStream(under, self._context(wanted), server=False)
        try:
            await stream.handshake()
        except OSError as err:
            under.abort()
            alert = err.alert if isinstance(err, TlsError) else None
            raise WanError(str(err), Reply.FAILURE, alert) from None
        except BaseException:
            under.abort()
            raise
        return stream

    def _context(self, wanted: str) -> SSL.Context:
        def judge(_: SSL.Connection, der: bytes, error: int, depth: int) -> bool:
            return error == 0 and (bool(depth) or fingerprint(der) == wanted)

        offer = TlsProfile(curves=WAN_CURVES)
        context = tls_context(self._own, judge, offer, (self._pki.sub,))
        trust(context, self._pki.root)
        return context
