"""What stops everything new: a chain in doubt, the kill switch, a spend that nobody knows.

While the node or its wallet is in doubt, its view of the chain is not believed either. A run asks at its beginning, a
payment once more when it is signed, a raised fee before it is planned.
"""

from hashrail.bitcoin.chain import Chain
from hashrail.bitcoin.findings import Finding
from hashrail.bitcoin.rpc import NodeRefusedError, NodeUnknownError, NodeUnreachableError
from hashrail.custody import foreign_spends, hot_wallet, payout_policy, wallet_history
from hashrail.custody.foreign_spends import ForeignSpendError
from hashrail.db import Reader
from hashrail.deployment.opened import Deployment
from hashrail.errors import ConflictError
from hashrail.payouts.batches import PayoutsPausedError


class ChainInDoubtError(ConflictError):
    """The node or its wallet is in doubt, so nothing rests on what it says; `details.codes` are the findings."""

    code = "CHAIN_IN_DOUBT"
    advice = "Nothing was done. What each finding means: docs/how-to/connect-a-bitcoin-node.md"


# What ends a run early and is tried again with the next one.
PASSING = (NodeUnknownError, NodeUnreachableError, ChainInDoubtError, PayoutsPausedError, ForeignSpendError)


async def findings(deployment: Deployment) -> list[Finding]:
    """Everything that stops a new batch now."""
    pool, chain = deployment.pool, deployment.chain
    try:
        return [*await of_chain(pool, chain), *await of_books(pool)]
    except (*PASSING, NodeRefusedError) as error:
        return [Finding(error.code, error.message), *await of_books(pool)]


async def once_signed(deployment: Deployment) -> list[Finding]:
    """What stops a payment that is signed: the wallet may have found old spends since the run began."""
    pool, chain, depth = deployment.pool, deployment.chain, deployment.settings.bitcoin_final_depth
    doubts = await of_chain(pool, chain)
    if not doubts:
        history = await wallet_history.read_history(pool, chain, depth)
        await foreign_spends.look(pool, chain, history, final_depth=depth)
    return doubts or await of_books(pool)


async def assert_believed(tx: Reader, chain: Chain) -> None:
    """Raises ChainInDoubtError while the chain's view is not believed."""
    doubts = await of_chain(tx, chain)
    if doubts:
        raise ChainInDoubtError(f"{doubts[0].code}: {doubts[0].message}", codes=[each.code for each in doubts])


async def of_chain(tx: Reader, chain: Chain) -> list[Finding]:
    """Why the node's view of the chain is not believed."""
    return [each for each in await told_of_chain(tx, chain) if each.stops]


async def told_of_chain(tx: Reader, chain: Chain) -> list[Finding]:
    """The same, and what stops nothing and is told all the same."""
    found = await chain.findings()
    return found if any(each.stops for each in found) else [*found, *await hot_wallet.look(tx, chain)]


async def of_books(tx: Reader) -> list[Finding]:
    """What the books know that stops everything new."""
    policy = await payout_policy.get(tx)
    found = []
    if policy.paused_reason is not None:
        found.append(Finding(PayoutsPausedError.code, f"payouts are paused: {policy.paused_reason}"))
    foreign = await foreign_spends.stopping(tx)
    return found + [
        Finding(ForeignSpendError.code, f"{txid} spends our coins, and no batch knows it") for txid in foreign
    ]
