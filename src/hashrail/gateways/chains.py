"""Which chain a deployment has: its Bitcoin node, the simulated one of a sandbox without a node, or none."""

from hashrail.db import Pool
from hashrail.gateways.bitcoin_records import FeeTerms
from hashrail.gateways.chain import Chain, open_chain
from hashrail.gateways.sandbox import SandboxChain
from hashrail.settings import Settings


def open_for(pool: Pool, settings: Settings, *, signs: bool) -> Chain | None:
    """The chain; None where withdrawals wait for an export. Who does not sign never reads the signer's keys.

    Raises SignerKeyError, NoNodeError for half a node.
    """
    if settings.simulates_chain:
        fees = FeeTerms(settings.bitcoin_fee_fallback, settings.bitcoin_fee_minimum, settings.bitcoin_fee_cap)
        return SandboxChain(pool, fees=fees, network=settings.network)
    if settings.bitcoin_rpc_url is None:
        return None
    return open_chain(settings, signs=signs)
