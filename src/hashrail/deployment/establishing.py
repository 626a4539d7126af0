"""How a deployment comes to be what it is: whoever migrates its database first says it, and the row keeps it.

A database that was used before it had the row is not what an environment happens to say: what stands in its books must
not contradict it. A clock that was moved, a generated rate and a simulated chain are a sandbox's; books without any of
them are not; payouts by a node are of a deployment with one.
"""

from dataclasses import dataclass, replace

from hashrail import db
from hashrail.bitcoin import addresses, public_descriptors
from hashrail.bitcoin.addresses import AddressInvalidError
from hashrail.bitcoin.signer import signer_of
from hashrail.db import Reader, record
from hashrail.deployment import comparing, facts
from hashrail.deployment.comparing import NODE
from hashrail.deployment.facts import ChainKind, Facts, Nature
from hashrail.errors import ConflictError
from hashrail.settings import Mode, Network, Settings


class DeploymentContradictedError(ConflictError):
    """The environment makes of a database what its books say that it is not; `details.fact` names it."""

    code = "DEPLOYMENT_CONTRADICTED"
    advice = "Is it the right database? Then set or unset the variable that is named, and run it again."


@dataclass(frozen=True, slots=True)
class Traces:
    """What the books say of a deployment: of a sandbox, of anything at all, of a node, and the newest addresses."""

    clock_moved: bool
    generated_rates: bool
    simulated_chain: bool
    used: bool
    paid_by_node: bool
    addresses: list[str]

    @property
    def of_a_sandbox(self) -> list[str]:
        """What no production deployment has."""
        found = {
            "its business clock was moved": self.clock_moved,
            "it has generated rates": self.generated_rates,
            "it has a simulated chain": self.simulated_chain,
        }
        return [text for text, is_there in found.items() if is_there]


UNTOUCHED = Traces(
    clock_moved=False, generated_rates=False, simulated_chain=False, used=False, paid_by_node=False, addresses=[]
)


async def compare(reader: Reader, settings: Settings) -> Nature:
    """What the deployment is, or will be; for whoever is about to migrate its database.

    Raises DeploymentDiffersError, DeploymentContradictedError, SignerKeyError.
    """
    known = await facts.find(reader)
    if known is None:
        return nature_of(settings, await traces(reader))
    comparing.resolve(known, settings)
    return known


async def establish(pool: db.Pool, settings: Settings) -> Facts:
    """The deployment's facts, which are written from the settings where nobody has written them. Commits.

    Raises what `compare` does.
    """
    nature = await compare(pool, settings)
    if isinstance(nature, Facts):
        return nature
    named = settings.model_copy(update={"bitcoin_network": nature.network})
    signer = None if nature.signer is None else signer_of(named)
    async with db.transaction(pool) as tx:
        if signer is not None:
            # For processes that give out addresses, and never read the keys.
            await public_descriptors.keep(tx, *signer.descriptors())
        return await facts.establish(tx, nature)


def nature_of(settings: Settings, left: Traces = UNTOUCHED) -> Nature:
    """What the settings make of a deployment that has left these traces.

    Raises DeploymentContradictedError, SignerKeyError.
    """
    mode = _mode(settings, left)
    resolved = settings.model_copy(update={"mode": mode})
    chain = _chain(resolved, left)
    network = resolved.network
    if mode == "sandbox" and chain == "node" and network == "bitcoin":
        _contradict("network", "a sandbox has generated rates and a clock that moves: it pays on no real network")
    for address in left.addresses:
        _check_network(address, network)
    nature = Nature(mode, network, chain)
    if chain != "node":
        return nature
    return replace(nature, wallet=settings.bitcoin_wallet, signer=comparing.signer_in(resolved, network))


async def traces(reader: Reader) -> Traces:
    """What the books say. A database whose schema is not whole was never used."""
    if not await reader.fetchval("SELECT to_regclass('public.sandbox_chain') IS NOT NULL"):
        return UNTOUCHED
    row = await reader.fetchrow(
        """SELECT (SELECT offset_us <> 0 FROM business_clock WHERE id = 1) AS clock_moved,
                  EXISTS (SELECT 1 FROM mining_day WHERE source LIKE 'generated%') AS generated_rates,
                  EXISTS (SELECT 1 FROM sandbox_chain) AS simulated_chain,
                  EXISTS (SELECT 1 FROM partner) OR EXISTS (SELECT 1 FROM mining_day)
                      OR EXISTS (SELECT 1 FROM collection) OR EXISTS (SELECT 1 FROM operator_account) AS used,
                  NOT EXISTS (SELECT 1 FROM sandbox_chain) AND EXISTS (SELECT 1 FROM payout_wallet_key) AS paid_by_node,
                  ARRAY((SELECT address FROM withdrawal ORDER BY created_at DESC LIMIT 10) UNION
                        (SELECT address FROM wallet ORDER BY created_at DESC LIMIT 10)) AS addresses"""
    )
    assert row is not None
    return record(Traces, row)


def _mode(settings: Settings, left: Traces) -> Mode:
    said = settings.mode if "mode" in settings.model_fields_set else None
    if left.of_a_sandbox:
        if said == "production":
            _contradict("mode", f"HASHRAIL_MODE is production, and {' and '.join(left.of_a_sandbox)}")
        return "sandbox"
    if said == "sandbox" and left.used:
        _contradict("mode", "the database is in use, and no sandbox: its clock was never moved, its rates were entered")
    return settings.mode


def _chain(settings: Settings, left: Traces) -> ChainKind:
    if settings.bitcoin_rpc_url is not None:
        if left.simulated_chain:
            _contradict("chain", f"{NODE} is set, and the books have a simulated chain")
        return "node"
    if left.paid_by_node:
        _contradict("chain", f"a node has paid for these books, and {NODE} is not set")
    return "simulated" if settings.mode == "sandbox" else "none"


def _check_network(address: str, network: Network) -> None:
    try:
        addresses.parse(address, network, field="address")
    except AddressInvalidError as error:
        if error.details["reason"] != "network":
            return  # it was taken by another rule than today's
        _contradict("network", f"the network would be {network}, and the books have the address {address}")


def _contradict(fact: str, message: str) -> None:
    raise DeploymentContradictedError(message, fact=fact)
