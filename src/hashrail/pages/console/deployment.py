"""The deployment: what it is, changing that, and the epochs that restores have begun.

A form changes what needs nothing of a process' environment. A node or keys that become the deployment's are named
there, so that is done by the command; and so is `hashrail restored`, for which every process is stopped.
"""

from dataclasses import asdict
from typing import get_args

from hashrail.acts import deployment as acts
from hashrail.acts.acting import Acting
from hashrail.db import Tx
from hashrail.deployment import comparing, facts
from hashrail.deployment.facts import ChainKind, Nature
from hashrail.pages.console.asking import Asked, Done
from hashrail.pages.console.visit import Shown, Visit, link
from hashrail.pages.forms import Field, Values
from hashrail.recovery import restoring
from hashrail.settings import Network
from hashrail.version import VERSION

PAGE = "/deployment"
NEWEST = 20
NODE_SIGNS = "node"


async def deployment(tx: Tx, visit: Visit) -> Shown:
    """What the deployment is, where this process still has what it was, and its restores."""
    known, here = await facts.read(tx), visit.deployment.facts.nature
    is_ = _told(known.nature)
    return Shown(
        {
            "facts": is_,
            "since": known.created_at,
            "epoch": facts.epoch_digest(known.epoch),
            "version": VERSION,
            "outdated": known.nature != here,
            "restorations": await restoring.past(tx, limit=NEWEST),
        }
    )


async def ask_to_change(tx: Tx, _: Visit) -> Asked:
    """What it is to be."""
    known = await facts.read(tx)
    chains = [each for each in get_args(ChainKind) if each != "node" or known.chain == "node"]
    fields = [
        Field("network", "Network of every bitcoin address", "choice", known.network, choices=_named(Network)),
        Field(
            *("chain", "Where payouts and deposits happen", "choice", known.chain),
            choices=[(each, comparing.CHAIN_WORDS[each]) for each in chains],
        ),
    ]
    if known.chain == "node":
        fields.append(Field("wallet", "Wallet on the node", value=known.wallet))
    if known.signer is not None:
        signs = [(NODE_SIGNS, "the wallet on the node signs from now on")]
        fields.append(Field("signs", "Who signs, where that changes", "choice", choices=signs, needed=False))
    fields.append(Field("reason", "Why? The log keeps it."))
    words = [
        "No process notices: start all of them again afterwards.",
        "The mode never changes, and the network only while no address is in the books.",
        "The node changes only while payouts are paused and no batch is on its way.",
        "A node that becomes the deployment's is named by an environment: hashrail deployment change --chain node.",
        "So are keys that sign from now on: hashrail deployment change --signer.",
    ]
    return Asked("Change the deployment", "Change it", link(PAGE), fields, words)


async def ready(visit: Visit, values: Values) -> Nature:
    """What it is to be, once the node has said that it is of that network."""
    deployment = visit.deployment
    known = await facts.read(deployment.pool)
    meant = acts.wanted(
        known,
        deployment.settings,
        network=values["network"],
        chain=values["chain"],
        wallet=values.get("wallet"),
        signer=False if values.get("signs") == NODE_SIGNS else None,
    )
    await comparing.check_node(meant, deployment.settings)
    return meant


async def change(tx: Tx, act: Acting, visit: Visit, values: Values) -> Done:
    """Make it so."""
    await acts.change(tx, act, visit.told, reason=values["reason"])
    return Done(link(PAGE, done="changed"))


def _named(kind: object) -> list[tuple[str, str]]:
    return [(each, each) for each in get_args(kind)]


def _told(nature: Nature) -> dict[str, str]:
    """What it is, by name, for people."""
    told = asdict(nature) | {"chain": comparing.CHAIN_WORDS[nature.chain]}
    if nature.signer is not None:
        told["signer"] = comparing.short(nature.signer)
    return {name: value for name, value in told.items() if value is not None}
