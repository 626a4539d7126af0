"""What people do to the chain of a sandbox: only a simulated one is told anything."""

from decimal import Decimal

from hashrail.bitcoin.addresses import parse
from hashrail.bitcoin.simulated_chain import SandboxChain
from hashrail.custody.withdrawals import AmountPrecisionError, AmountTooSmallError
from hashrail.db import Tx
from hashrail.deployment.opened import Deployment
from hashrail.errors import ConflictError
from hashrail.money import BTC_DECIMALS, decimals, plain
from hashrail.settings import Network


class ChainIsRealError(ConflictError):
    """The sandbox has a Bitcoin node, and nobody tells a real chain what to do."""

    code = "CHAIN_IS_REAL"
    advice = "Mine on the node itself, or start the sandbox without HASHRAIL_BITCOIN_RPC_URL."


def simulated(deployment: Deployment) -> SandboxChain:
    """The simulated chain. Raises ChainIsRealError."""
    if not isinstance(deployment.node, SandboxChain):
        raise ChainIsRealError("this sandbox pays through a node")
    return deployment.node


async def receive(
    chain: SandboxChain, network: Network, *, address: str, amount_btc: Decimal, tx: Tx, within: str = ""
) -> str:
    """Somebody pays an address what nodes would relay; answers the transaction. `within` is where the fields stand.

    Raises AddressInvalidError, AmountPrecisionError, AmountTooSmallError.
    """
    to = parse(address, network, field=f"{within}address")
    field = f"{within}amount"
    if decimals(amount_btc) > BTC_DECIMALS:
        raise AmountPrecisionError(f"{plain(amount_btc)} has more than {BTC_DECIMALS} decimals", field=field)
    if amount_btc < to.dust_btc:
        message = f"nobody relays less than {plain(to.dust_btc)} BTC to such an address"
        raise AmountTooSmallError(message, field=field, minimum=to.dust_btc)
    return await chain.receive(to.text, amount_btc, tx=tx)
