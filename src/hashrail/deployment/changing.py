"""Changing what a deployment is: what may change, and when.

Its mode never does. Its network does while no address of it is in the books. Where payouts and deposits happen changes
while payouts are paused and no batch is on its way, because a process that has not heard of it would go on paying; a
chain that was simulated is given up only while nothing has happened on it.
"""

from dataclasses import dataclass

from hashrail.db import Tx
from hashrail.deployment import facts
from hashrail.deployment.facts import Facts, Nature
from hashrail.errors import ConflictError


class DeploymentFixedError(ConflictError):
    """A fact of the deployment cannot change now, or never; `details.fact` names it."""

    code = "DEPLOYMENT_FIXED"
    advice = "Wait or prepare as the message says; where that cannot be, make a new deployment with: hashrail init"


@dataclass(frozen=True, slots=True)
class _Uses:
    """What of the present facts is in use."""

    paused: bool
    on_its_way: int
    paid: int
    addresses_given: int
    addresses_named: int


async def changeable(tx: Tx, wanted: Nature) -> Facts:
    """What the deployment is, which may become what is wanted; no batch is stored until the caller commits.

    Raises NoFactsError, DeploymentFixedError.
    """
    paused = await tx.fetchval("SELECT paused_reason IS NOT NULL FROM payout_policy WHERE id = 1 FOR UPDATE")
    before = await facts.read(tx)
    if wanted != before.nature:
        _assert_free(before, wanted, await _uses(tx, paused=bool(paused)))
    return before


async def change(tx: Tx, wanted: Nature) -> tuple[Facts, Facts]:
    """Make the deployment what is wanted; answers what it was and is. The same again is a no-op.

    Processes that run are told by nobody: they are to be started again. Raises what `changeable` does.
    """
    before = await changeable(tx, wanted)
    if wanted == before.nature:
        return before, before
    await tx.execute(
        "UPDATE deployment SET network = $1, chain = $2, wallet = $3, signer = $4 WHERE id = 1",
        wanted.network,
        wanted.chain,
        wanted.wallet,
        wanted.signer,
    )
    return before, await facts.read(tx)


def _assert_free(before: Nature, wanted: Nature, uses: _Uses) -> None:
    if wanted.mode != before.mode:
        _fixed("mode", f"a {before.mode} deployment never becomes a {wanted.mode}")
    if wanted.network != before.network and uses.addresses_named:
        _fixed("network", f"the books have {uses.addresses_named} addresses on {before.network}")
    if before.chain == "none" or _of_the_chain(before) == _of_the_chain(wanted):
        return
    if before.chain == "simulated" or wanted.chain == "simulated":
        if uses.paid or uses.addresses_given:
            _fixed("chain", "payments were made or addresses given out on the chain that there is")
        return
    if uses.on_its_way:
        _fixed("chain", f"{uses.on_its_way} batches are on their way: wait until they are final")
    if not uses.paused:
        _fixed("chain", "payouts are not paused, and a process may be paying: hashrail payouts pause")


def _of_the_chain(nature: Nature) -> tuple[str, str | None, str | None]:
    return nature.chain, nature.wallet, nature.signer


async def _uses(tx: Tx, *, paused: bool) -> _Uses:
    row = await tx.fetchrow(
        """SELECT (SELECT count(*) FROM payout_batch WHERE state IN ('signed', 'broadcast', 'confirmed'))
                      AS on_its_way,
                  (SELECT count(*) FROM payout_batch) AS paid,
                  (SELECT count(*) FROM deposit_address) AS addresses_given,
                  (SELECT count(*) FROM deposit_address) + (SELECT count(*) FROM wallet)
                      + (SELECT count(*) FROM withdrawal) AS addresses_named"""
    )
    assert row is not None
    return _Uses(paused, row["on_its_way"], row["paid"], row["addresses_given"], row["addresses_named"])


def _fixed(fact: str, message: str) -> None:
    raise DeploymentFixedError(message, fact=fact)
