"""For whom there is something new: never later known than in the file."""

from collections.abc import Awaitable, Callable

from custom_components.smgw.control.ledger import Ledger

from .helpers import GRID, FakeClock, fill

type Reopen = Callable[[], Awaitable[Ledger]]
DAY = 86400


async def test_news(reopened: Reopen, clock: FakeClock) -> None:
    """What is known without a question to the file is what the file would answer, and who waits is told."""
    ledger, people = await reopened(), (GRID, "supplier", "service")

    async def check() -> None:
        for who in people:
            seen = await ledger.rows(0, participant=who)
            assert ledger.news.upto(who) == seen[-1]["seq"], who
        assert ledger.news.newest == ledger.newest

    await check()
    await fill(ledger, clock, 3)
    with ledger.news.following("supplier") as something:
        await fill(ledger, clock, 2, who="service")
        assert not something.is_set()
        await check()
        await fill(ledger, clock, 1, who="supplier")
        assert something.is_set()
        something.clear()
        # the head of a day that is over is for everybody, signed on its own or before the next row
        for _ in range(2):
            clock.move(DAY)
            await ledger.seal(clock.stamp())
            assert something.is_set()
            await check()
            await fill(ledger, clock, 1, who="service")
            something.clear()
        clock.move(DAY)
        await fill(ledger, clock, 1)
        assert something.is_set()
    await check()
    ledger = await reopened()
    # of what was before nobody remembers whose it was
    assert all(ledger.news.upto(who) == ledger.newest for who in people)
