"""Reading what a user has: his balance and his income, of many miners over many days."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from benchmarks import dataset
from benchmarks.dataset import USUAL, Dataset, Shape
from benchmarks.measure import Table, median_of, milliseconds
from benchmarks.stage import Stage
from hashrail import db
from hashrail.books import fence, ledger
from hashrail.rewards import income_records, portfolios, record_pages, settling

CALLS_A_RUN = 10
PAGE = 100
SMALL_BOUND_MS = 5
LARGE_BOUND_MS = 10
WHALE_BOUND_MS = 100
# Readers are measured when they are about to be settled, as they are for having so many new stints.
SINCE_SETTLED = 0.95


@dataclass(frozen=True, slots=True)
class Sizes:
    """The users that read, and those around them; `deep` is the offset of the deep page."""

    shape: Shape = USUAL
    days: int = 1_000
    stints: int = 10
    others: int = 10_000
    small: int = 10
    large: int = 1_000
    whale: int = 100_000
    deep: int = 90_000


@dataclass(frozen=True, slots=True)
class Reader:
    """A user who reads: his id, what he holds in words, and in how many milliseconds he may wait."""

    user_id: int
    holds: str
    bound_ms: int
    deep: int


async def run(stage: Stage, sizes: Sizes = Sizes()) -> list[Table]:
    """The table of balances and pages."""
    table = Table(
        "Reading balances and income",
        ("what", "user", "takes"),
        notes=[
            f"{sizes.days:,} closed days, {sizes.shape.classes:,} rate classes, {sizes.others:,} other users.",
            "Time of the verbs in one snapshot, round trips and Python included.",
            f"Each run is the mean of {CALLS_A_RUN} calls. A page has {PAGE} records.",
            "Who is upgraded again and again is read when the worker is about to settle them for their new stints.",
        ],
    )
    async with stage.pool() as pool:
        stage.tell(f"building {sizes.days:,} days")
        made, readers = await build(pool, sizes)
        for reader in readers:
            stage.tell(f"reading as a user with {reader.holds}")
            for name, work in _reads(made, reader):
                seconds = await median_of(work, stage.runs, CALLS_A_RUN)
                table.add(
                    name,
                    reader.holds,
                    milliseconds(seconds),
                    target=f"at most {reader.bound_ms} ms",
                    verdict=seconds * 1000 <= reader.bound_ms,
                )
    return [table]


async def build(pool: db.Pool, sizes: Sizes) -> tuple[Dataset, list[Reader]]:
    """The closed days, and who reads: few miners, many, many that were upgraded again and again, and very many."""
    made = await dataset.build(pool, sizes.shape, days=sizes.days)
    await made.register(sizes.others)
    await made.buy(sizes.others, days=sizes.days, stints=sizes.stints)
    readers = []
    for miners, stints, bound in (
        (sizes.small, 1, SMALL_BOUND_MS),
        (sizes.large, 1, LARGE_BOUND_MS),
        (sizes.large, sizes.stints, LARGE_BOUND_MS),
        (sizes.whale, 1, WHALE_BOUND_MS),
    ):
        number = made.users
        await made.register(1)
        await made.buy(miners, days=sizes.days, stints=stints, user=number)
        async with db.transaction(pool) as tx:
            books = await fence.share(tx, made.partner_ids[0])
            await ledger.open_user_accounts(tx, made.partner_ids[0], number + 1, at=books.now)
        holds = f"{miners:,} miners, {sizes.days:,} days" + ("" if stints == 1 else f", upgraded {stints - 1} times")
        # The small user has fewer records than the deep offset: his last page stands for it.
        readers.append(Reader(number + 1, holds, bound, min(sizes.deep, miners * sizes.days - PAGE)))
    await dataset.close_past(made)
    begun_a_day = sizes.large * sizes.stints / sizes.days
    new_days = int(SINCE_SETTLED * portfolios.MOST_UNSETTLED / begun_a_day)
    await dataset.settle_past(made, days=min(new_days, sizes.days - 1))
    return made, readers


async def balance(made: Dataset, user_id: int) -> Decimal:
    """The BTC that a user owns, with his unsettled income."""
    async with db.snapshot(made.pool) as tx:
        accounts = await ledger.balances_of_user(tx, made.partner_ids[0], user_id)
        unsettled = await settling.unsettled(tx, made.partner_ids[0], user_id)
    return unsettled + next(account.owned for account in accounts if account.currency == "BTC")


async def page(
    made: Dataset, user_id: int, *, limit: int, offset: int = 0, after: income_records.Position | None = None
) -> Sequence[income_records.Record]:
    """A page of a user's single records, from an offset or behind a position as a cursor names it."""
    async with db.snapshot(made.pool) as tx:
        found = await record_pages.read(tx, made.partner_ids[0], user_id, limit=limit, offset=offset, after=after)
    return found.records


def _reads(made: Dataset, reader: Reader) -> list[tuple[str, Callable[[], Awaitable[object]]]]:
    async def read_balance() -> None:
        assert await balance(made, reader.user_id) > 0

    def read_page(offset: int) -> Callable[[], Awaitable[None]]:
        async def read() -> None:
            assert len(await page(made, reader.user_id, limit=PAGE, offset=offset)) == PAGE

        return read

    async def read_behind_cursor() -> None:
        if not positions:
            (last,) = await page(made, reader.user_id, limit=1, offset=reader.deep - 1)
            positions.append(last.position)
        assert len(await page(made, reader.user_id, limit=PAGE, after=positions[0])) == PAGE

    # Found by the first run, which is not measured.
    positions: list[income_records.Position] = []
    return [
        ("balance", read_balance),
        ("first page of income (#16)", read_page(0)),
        (f"page of income at offset {reader.deep:,} (#16)", read_page(reader.deep)),
        ("the same page behind a cursor (#16)", read_behind_cursor),
    ]
