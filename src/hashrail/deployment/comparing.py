"""What the database says a deployment is, against what the environment of a process says.

The environment says where the database and the node are, and holds secrets. What else it says of the deployment is
compared, fact by fact, before anything is done; what it leaves out is taken from the database. So no process becomes
another deployment's by a variable that stands in the shell of whoever starts it, or does not.
"""

import hashlib
from dataclasses import asdict, dataclass

from hashrail.bitcoin.node import open_node
from hashrail.bitcoin.node_checks import CHAINS, GENESIS
from hashrail.bitcoin.rpc import NodeError
from hashrail.bitcoin.signer import KeySigner, signer_of
from hashrail.deployment.facts import Facts, Nature
from hashrail.errors import ConflictError
from hashrail.settings import Network, Settings

NODE, SIGNER = "HASHRAIL_BITCOIN_RPC_URL", "HASHRAIL_BITCOIN_SIGNER_FILE"
CHAIN_WORDS = {"none": "no chain", "simulated": "a simulated chain", "node": "a node"}


class DeploymentDiffersError(ConflictError):
    """The environment says something else of the deployment than its database; `details.differences` say what."""

    code = "DEPLOYMENT_DIFFERS"
    advice = (
        "Is it the right database? Then unset the variables that are named. What may change of a deployment, an admin "
        "changes with: hashrail deployment change"
    )


class NodeNotNamedError(ConflictError):
    """The deployment pays on a node, and the environment does not say where that is."""

    code = "NODE_NOT_NAMED"
    advice = (
        f"Set {NODE}, with HASHRAIL_BITCOIN_RPC_COOKIE, or _USER and _PASSWORD, as the worker has them. Is there no "
        "node any more: hashrail deployment change --chain none"
    )


class SignerNotNamedError(ConflictError):
    """An external signer signs for the deployment, and the environment has no keys."""

    code = "SIGNER_NOT_NAMED"
    advice = (
        f"Set {SIGNER}, as the worker has it. Does the wallet on the node sign from now on: "
        "hashrail deployment change --no-signer"
    )


@dataclass(frozen=True, slots=True)
class Difference:
    """A fact, what the database and this process say it is, and the variable or option that says the latter."""

    fact: str
    database: str
    environment: str
    setting: str

    def told(self, where: str) -> str:
        """In words."""
        return f"{self.fact} is {self.database} {where}, and {self.environment} here ({self.setting})"


def differences(known: Nature, settings: Settings) -> list[Difference]:
    """Where the settings contradict the facts; what nobody has set contradicts nothing."""
    given = settings.model_fields_set
    found = []
    if "mode" in given and settings.mode != known.mode:
        found.append(Difference("mode", known.mode, settings.mode, "HASHRAIL_MODE"))
    if settings.bitcoin_network is not None and settings.bitcoin_network != known.network:
        found.append(Difference("network", known.network, settings.bitcoin_network, "HASHRAIL_BITCOIN_NETWORK"))
    if settings.bitcoin_rpc_url is not None and known.chain != "node":
        found.append(Difference("chain", CHAIN_WORDS[known.chain], CHAIN_WORDS["node"], NODE))
    if "bitcoin_wallet" in given and known.wallet is not None and settings.bitcoin_wallet != known.wallet:
        found.append(Difference("wallet", repr(known.wallet), repr(settings.bitcoin_wallet), "HASHRAIL_BITCOIN_WALLET"))
    if names_signer(settings) and known.chain == "node" and known.signer is None:
        found.append(Difference("signer", "the wallet on the node", "an external one", SIGNER))
    return found


def check(found: list[Difference], where: str = "in the database") -> None:
    """Raises DeploymentDiffersError that names them all, one by one."""
    if found:
        told = "; ".join(one.told(where) for one in found)
        raise DeploymentDiffersError(told, differences=[asdict(one) for one in found])


def resolve(known: Nature, settings: Settings) -> Settings:
    """The settings of a process of this deployment: what they leave open stands in the facts.

    Raises DeploymentDiffersError.
    """
    check(differences(known, settings))
    wallet = settings.bitcoin_wallet if known.wallet is None else known.wallet
    return settings.model_copy(update={"mode": known.mode, "bitcoin_network": known.network, "bitcoin_wallet": wallet})


def assert_node_named(known: Nature, settings: Settings) -> None:
    """Whoever moves bitcoin, or records that it moved, asks the deployment's node. Raises NodeNotNamedError."""
    if known.chain == "node" and settings.bitcoin_rpc_url is None:
        raise NodeNotNamedError(f"the deployment pays on a node with the wallet {known.wallet!r}; {NODE} is not set")


def check_signer(known: Facts, signer: KeySigner | None) -> None:
    """The keys are those of the deployment. Raises SignerNotNamedError, DeploymentDiffersError."""
    if known.chain != "node":
        return
    if signer is None:
        if known.signer is not None:
            raise SignerNotNamedError(f"the signer {short(known.signer)} signs for the deployment; {SIGNER} is not set")
        return
    found = fingerprint(signer)
    if found != known.signer:
        database = "the wallet on the node" if known.signer is None else short(known.signer)
        check([Difference("signer", database, short(found), SIGNER)])


async def check_node(known: Nature, settings: Settings) -> None:
    """The node that the settings name is on the deployment's network.

    One that does not answer is asked by whoever needs it, who fails then. Raises DeploymentDiffersError.
    """
    if known.chain != "node" or settings.bitcoin_rpc_url is None:
        return
    async with open_node(settings) as node:
        try:
            info = await node.chain_info(0)
        except NodeError:
            return
    if (info.chain, info.pinned_hash) != (CHAINS[known.network], GENESIS[known.network]):
        here = f"{info.chain} with the first block {info.pinned_hash}"
        check([Difference("network", known.network, here, NODE)])


def signer_in(settings: Settings, network: Network) -> str | None:
    """The fingerprint of the keys in the environment, if it has some. Raises SignerKeyError."""
    keys = signer_of(settings.model_copy(update={"bitcoin_network": network}))
    return None if keys is None else fingerprint(keys)


def fingerprint(signer: KeySigner) -> str:
    """A digest of the signer's public descriptors: other keys have another one, and it gives none of them away."""
    return hashlib.sha256("\n".join(signer.descriptors()).encode()).hexdigest()


def names_signer(settings: Settings) -> bool:
    """Whether the environment has keys to sign with."""
    return settings.bitcoin_signer_file is not None or settings.bitcoin_signer is not None


def short(fingerprint: str) -> str:
    """Enough of a fingerprint to tell two apart."""
    return fingerprint[:16]
