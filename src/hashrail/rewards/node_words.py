"""What the operator's own node says of a day whose figures somebody types: a witness, never a condition.

The node is asked before a transaction opens, so nothing is held while it answers. Where it cannot tell a day (it does
not answer, it is pruned, the day is not buried, the second node says otherwise) that is told as a note, and the figures
are looked at as if there were no node.
"""

from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from hashrail import bounds
from hashrail.bounds import Doubt
from hashrail.errors import HashrailError
from hashrail.market import chain_days
from hashrail.market.chain_days import ChainDay, ChainNotReadyError, NoBlocksError
from hashrail.money import divide_half_even
from hashrail.rewards.formula import RATE_DECIMALS, DayInputs, full_pay_per_share
from hashrail.settings import Settings

# Each day makes the node read all its blocks; of a longer file the newest days are compared.
MOST_DAYS = 31
CHAIN = ("difficulty", "subsidy_btc", "fees_btc")
# Of these the next day may be told all the same.
OF_ONE_DAY = (ChainNotReadyError, NoBlocksError)


@dataclass(frozen=True, slots=True)
class Words:
    """What the node said: the days that it told, and in words why others are not compared."""

    told: Mapping[date, ChainDay] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def sentences(self) -> list[str]:
        """The notes for people."""
        return [f"{each[:1].upper()}{each[1:]}." for each in self.notes]


async def ask(settings: Settings, days: Iterable[date]) -> Words:
    """Ask for the days, the newest first; nothing is raised. Without a node there is nothing to tell."""
    if settings.bitcoin_rpc_url is None:
        return Words()
    newest = sorted(set(days), reverse=True)
    told: dict[date, ChainDay] = {}
    notes: list[str] = []
    if len(newest) > MOST_DAYS:
        notes.append(f"days before {newest[MOST_DAYS - 1]} are not compared with the node: it is asked {MOST_DAYS}")
    try:
        async with AsyncExitStack() as stack:
            node, witness = await stack.enter_async_context(chain_days.opened(settings))
            for day in newest[:MOST_DAYS]:
                try:
                    told[day] = await chain_days.told(node, witness, day, settings)
                except OF_ONE_DAY as why:
                    notes.append(_note(str(day), why))
    except HashrailError as why:
        left = [str(day) for day in newest[:MOST_DAYS] if day not in told]
        notes.append(_note(left[0] if len(left) == 1 else f"{len(left)} days", why))
    return Words(told, tuple(notes))


def doubts(inputs: DayInputs, chain: ChainDay, pool_fee: Decimal) -> list[Doubt]:
    """Figures of a day that are not what its blocks say, beyond `bounds.OF_NODE`; both values are named.

    The pool reward is held against full pay per share less the pool's fee where it was given by itself. A node of a
    network whose blocks have no such figures says nothing of them.
    """
    if not all(bounds.is_possible(name, getattr(chain, name)) for name in CHAIN):
        return []
    reward = chain.subsidy_btc + chain.fees_btc
    if inputs.difficulty is None or inputs.subsidy_btc is None or inputs.fees_btc is None:
        full = full_pay_per_share(chain.difficulty, chain.subsidy_btc, chain.fees_btc, pool_fee=pool_fee)
        found = [bounds.compare_with_node("pool_btc_per_th", inputs.pool_btc_per_th, full, of=full)]
    else:
        found = [
            bounds.compare_with_node("difficulty", inputs.difficulty, chain.difficulty, of=chain.difficulty),
            bounds.compare_with_node("subsidy_btc", inputs.subsidy_btc, chain.subsidy_btc, of=chain.subsidy_btc),
            # What fees do is done to the whole that a block pays.
            bounds.compare_with_node("fees_btc", inputs.fees_btc, chain.fees_btc, of=reward),
        ]
    return [each for each in found if each is not None]


def confirms_subsidy(inputs: DayInputs, chain: ChainDay | None) -> bool:
    """Whether the node says the subsidy that is given, which nobody then needs to look at."""
    if chain is None or inputs.subsidy_btc is None:
        return False
    told = chain.subsidy_btc
    return bounds.compare_with_node("subsidy_btc", inputs.subsidy_btc, told, of=told) is None


def reward_at(subsidy_btc: Decimal | None, before: DayInputs) -> Decimal:
    """BTC per TH that a day would have paid at another subsidy: what a halving alone does."""
    if subsidy_btc is None or before.subsidy_btc is None or before.fees_btc is None:
        return before.pool_btc_per_th
    whole = before.subsidy_btc + before.fees_btc
    if whole == 0:
        return before.pool_btc_per_th
    return divide_half_even(before.pool_btc_per_th * (subsidy_btc + before.fees_btc), whole, RATE_DECIMALS)


def _note(what: str, why: HashrailError) -> str:
    return f"{what}: not compared with the node: {why.code}, {why.message}"
