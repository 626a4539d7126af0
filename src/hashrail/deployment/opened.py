"""A deployment that was opened: its settings, connections, secrets and chain, one object for every process and command.

Before anything else the settings are compared with what the database says that the deployment is (`comparing`).

Whoever opens it closes it. Who pays, or watches the chain, asks for the chain; where there is none, withdrawals wait
for an export, and that is said by NoNodeError.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace

from hashrail import db
from hashrail.bitcoin.chain import Chain
from hashrail.bitcoin.node import NoNodeError
from hashrail.bitcoin.opening import open_for
from hashrail.bitcoin.signer import signer_of
from hashrail.deployment import comparing, facts, sealing
from hashrail.deployment.facts import Facts
from hashrail.settings import Settings
from hashrail.vault import Vault


@dataclass(frozen=True, slots=True)
class Deployment:
    """What a process holds of its deployment; `node` is its chain, real or simulated, where it was opened."""

    settings: Settings
    facts: Facts
    pool: db.Pool
    vault: Vault
    node: Chain | None = None

    @property
    def chain(self) -> Chain:
        """The chain to pay on. Raises NoNodeError where the deployment has none, or it was not opened."""
        if self.node is None:
            raise NoNodeError("no Bitcoin node is configured")
        return self.node

    @property
    def chain_if_any(self) -> Chain | None:
        """The chain, None where the deployment is one without. Raises NoNodeError where it was not opened."""
        return None if self.facts.chain == "none" else self.chain

    @property
    def is_sandbox(self) -> bool:
        """Whether the clock may be moved and refusals are explained."""
        return self.facts.mode == "sandbox"

    @property
    def simulates_chain(self) -> bool:
        """Whether payouts and deposits happen on a simulated chain."""
        return self.facts.chain == "simulated"

    def assert_node_named(self) -> None:
        """For whoever moves bitcoin, or records that it moved, beside the node. Raises NodeNotNamedError."""
        comparing.assert_node_named(self.facts, self.settings)

    async def close(self) -> None:
        """Give every connection back."""
        if self.node is not None:
            await self.node.close()
        await self.pool.close()


async def open_deployment(settings: Settings, dsn: str, *, connections: int = 10) -> Deployment:
    """Connect to the books, compare the settings with the deployment's facts, and open the vault.

    The chain is opened by who needs it: `with_chain`, `on_chain`. Raises what `on_pool` does.
    """
    async with AsyncExitStack() as undo:
        pool = await db.open_pool(dsn, connections)
        undo.push_async_callback(pool.close)
        opened = await on_pool(pool, settings)
        undo.pop_all()
        return opened


async def on_pool(pool: db.Pool, settings: Settings) -> Deployment:
    """The deployment behind connections that are open. Raises NoFactsError, DeploymentDiffersError, VaultError."""
    known = await facts.read(pool)
    resolved = comparing.resolve(known, settings)
    return Deployment(resolved, known, pool, await sealing.open_checked(pool, resolved))


async def with_chain(deployment: Deployment, *, signs: bool) -> Deployment:
    """The same with its chain. Who does not sign never reads the signer's keys.

    Raises NodeNotNamedError, SignerKeyError, SignerNotNamedError, DeploymentDiffersError, NoNodeError for half a node.
    """
    known, settings = deployment.facts, deployment.settings
    comparing.assert_node_named(known, settings)
    if signs and known.chain == "node":
        comparing.check_signer(known, signer_of(settings))
    await comparing.check_node(known, settings)
    return replace(deployment, node=open_for(deployment.pool, settings, known.chain, signs=signs))


@asynccontextmanager
async def on_chain(deployment: Deployment, *, signs: bool) -> AsyncIterator[Deployment]:
    """The same with its chain, which is closed again at the end of the block."""
    opened = await with_chain(deployment, signs=signs)
    try:
        yield opened
    finally:
        if opened.node is not None:
            await opened.node.close()


async def has_changed(deployment: Deployment) -> bool:
    """Whether an admin has changed what the deployment is since this process was started."""
    return (await facts.read(deployment.pool)).nature != deployment.facts.nature
