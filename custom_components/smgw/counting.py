"""What the gateway itself has counted in a billing period, asked for in a session."""

from . import billing
from .errands import Time, Unfinished
from .han.history import Contract, HistorySession
from .han.obis import Obis
from .readout import Readout
from .tariff.bill import Period


class Counting:
    """Reads a contract's derived registers at both ends of a period."""

    def __init__(self, code: str | None, period: Period) -> None:
        """Take the register that was counted, and the period."""
        self._obis = Obis.parse(code or "")
        self._period = period
        self._key = code, period

    def found(self, readout: Readout) -> billing.Counted:
        """Return what was found."""
        return readout.counted.get(self._key, billing.NOTHING_COUNTED)

    def wanted(self, readout: Readout) -> bool:
        """Say whether the gateway is still to be asked."""
        if self._obis is None or self._key in readout.counted:
            return False
        return readout.contracts is None or bool(self._ends(readout))

    async def run(self, readout: Readout, session: HistorySession, time: Time) -> None:
        """Ask the contracts that the gateway counts by, for the total and the stages.

        Raises `SmgwError`, and `Unfinished` where the time of a session does not suffice.
        """
        if self._obis is None:
            return
        found = billing.NOTHING_COUNTED
        for contract, ends in self._ends(readout):
            if not time():
                raise Unfinished
            last = await session.derived(contract, ends[0])
            first = await session.derived(contract, ends[1])
            found = found.with_more(
                billing.counted(self._obis, self._period, first, last)
            )
            if found.stages and found.total is not None:
                break
        readout.counted[self._key] = found

    def _ends(self, readout: Readout) -> list[tuple[Contract, billing.Ends]]:
        own = billing.by_stages(readout.contracts or (), readout.meter_id)
        return [
            (contract, ends)
            for contract in own
            if (ends := billing.ends_of(contract, self._period))
        ]
