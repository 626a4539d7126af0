"""Changing what a deployment is, which takes two admins; its processes are to be started again then."""

from dataclasses import asdict, replace

from hashrail.acts.acting import Acting
from hashrail.db import Tx
from hashrail.deployment import changing, comparing
from hashrail.deployment.comparing import NodeNotNamedError, SignerNotNamedError
from hashrail.deployment.facts import ChainKind, Facts, Nature
from hashrail.parties import operators
from hashrail.settings import Network, Settings

SUBJECT = "deployment"


def wanted(
    known: Facts,
    settings: Settings,
    *,
    network: Network | None,
    chain: ChainKind | None,
    wallet: str | None,
    signer: bool | None,
) -> Nature:
    """What the deployment is to be; None leaves it as it is, and `signer` says whether the keys of `settings` sign.

    A node that becomes the deployment's is the one that `settings` name, and with it its signer.
    Raises NodeNotNamedError, SignerNotNamedError, SignerKeyError.
    """
    meant = replace(known.nature, network=network or known.network, chain=chain or known.chain)
    if meant.chain != "node":
        return replace(meant, wallet=None, signer=None)
    becomes = known.chain != "node"
    if becomes and settings.bitcoin_rpc_url is None:
        raise NodeNotNamedError(f"the node that is to pay is not named: {comparing.NODE} is not set")
    meant = replace(meant, wallet=wallet or known.wallet or settings.bitcoin_wallet)
    if signer is False:
        return replace(meant, signer=None)
    if signer or becomes:
        keys = comparing.signer_in(settings, meant.network)
        if signer and keys is None:
            raise SignerNotNamedError(f"the keys that are to sign are not there: {comparing.SIGNER} is not set")
        return replace(meant, signer=keys)
    return meant


async def change(tx: Tx, act: Acting, meant: Nature, *, reason: str) -> tuple[Facts, Facts]:
    """Make the deployment what is meant; answers what it was and is, the same where it waits or nothing changes.

    Raises ReasonMissingError, DeploymentFixedError.
    """
    before = await changing.changeable(tx, meant)
    was, is_ = asdict(before.nature), asdict(meant)
    if was == is_:
        return before, before
    operators.assert_reason(reason)
    if await act.waits(tx, SUBJECT, before=was, after={**is_, "reason": reason}):
        return before, before
    _, after = await changing.change(tx, meant)
    await act.note(tx, SUBJECT, before=was, after=is_, reason=reason)
    return before, after
