"""Which chain a deployment has: its Bitcoin node, the simulated one of a sandbox without a node, or none."""

from typing import Literal

from hashrail.bitcoin.chain import Chain
from hashrail.bitcoin.node_chain import open_chain
from hashrail.bitcoin.records import FeeTerms
from hashrail.bitcoin.simulated_chain import SandboxChain
from hashrail.db import Pool
from hashrail.settings import Settings

Kind = Literal["none", "simulated", "node"]


def open_for(pool: Pool, settings: Settings, kind: Kind, *, signs: bool) -> Chain | None:
    """The chain; None where withdrawals wait for an export. Who does not sign never reads the signer's keys.

    Raises SignerKeyError, NoNodeError for half a node.
    """
    if kind == "simulated":
        fees = FeeTerms(settings.bitcoin_fee_fallback, settings.bitcoin_fee_minimum, settings.bitcoin_fee_cap)
        return SandboxChain(pool, fees=fees, network=settings.network)
    return open_chain(settings, signs=signs) if kind == "node" else None
