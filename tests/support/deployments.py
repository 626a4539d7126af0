"""An open deployment to test with, around books that are open already."""

from dataclasses import replace

import psycopg
from cryptography.fernet import Fernet

from hashrail import clock
from hashrail.bitcoin.chain import Chain
from hashrail.bitcoin.signer import signer_of
from hashrail.db import Pool
from hashrail.deployment.comparing import fingerprint
from hashrail.deployment.facts import ChainKind, Facts
from hashrail.deployment.opened import Deployment
from hashrail.settings import Settings
from hashrail.vault import Vault


def deployed(pool: Pool, settings: Settings, chain: Chain | None = None) -> Deployment:
    """With these settings, a vault of its own and a chain, if it has one; its facts are those of settings and chain."""
    return Deployment(settings, facts_of(settings, chain), pool, Vault([Fernet.generate_key().decode()]), chain)


def on(deployment: Deployment, chain: Chain | None) -> Deployment:
    """The same with another chain, or as one that has none."""
    kind: ChainKind = deployment.facts.chain if chain is not None else "none"
    return replace(deployment, node=chain, facts=replace(deployment.facts, chain=kind, wallet=None))


def facts_of(settings: Settings, chain: Chain | None = None) -> Facts:
    """What a deployment of these settings is that has this chain."""
    kind: ChainKind = "none"
    if chain is None and settings.mode == "sandbox" and settings.bitcoin_rpc_url is None:
        kind = "simulated"
    elif chain is None and settings.bitcoin_rpc_url is not None:
        kind = "node"
    elif chain is not None:
        kind = "simulated" if chain.simulated else "node"
    wallet = settings.bitcoin_wallet if kind == "node" else None
    return Facts(settings.mode, settings.network, kind, wallet, epoch="0" * 32, created_at=clock.wall_now())


def become(dsn: str, chain: ChainKind | None = None, **changes: object) -> None:
    """The database is from now on of a deployment of these settings, whatever it was."""
    settings = Settings.model_validate({"bitcoin_network": None, **changes})
    known = facts_of(settings)
    kind = chain or known.chain
    wallet = settings.bitcoin_wallet if kind == "node" else None
    keys = signer_of(settings) if kind == "node" else None
    signer = None if keys is None else fingerprint(keys)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            """INSERT INTO deployment (id, mode, network, chain, wallet, signer, epoch, created_at)
               VALUES (1, %(mode)s, %(network)s, %(chain)s, %(wallet)s, %(signer)s, md5(random()::text), now())
               ON CONFLICT (id) DO UPDATE SET mode = %(mode)s, network = %(network)s, chain = %(chain)s,
                   wallet = %(wallet)s, signer = %(signer)s""",
            {"mode": known.mode, "network": known.network, "chain": kind, "wallet": wallet, "signer": signer},
        )
