"""Other master keys than the deployment's are told when it is opened."""

from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from hashrail import db
from hashrail.access import api_keys
from hashrail.deployment import opened
from hashrail.vault import VaultError
from tests.support.paying import settings
from tests.support.world import World


def key() -> str:
    return Fernet.generate_key().decode()


async def test_the_first_keys_are_the_deployments(pool: db.Pool, tmp_path: Path) -> None:
    """Of any that come later, one has to be there; none is made where some are missing."""
    first, second = key(), key()
    for keys in (first, f"{second},{first}", first):
        await opened.on_pool(pool, settings(mode="sandbox", bitcoin_network=None, master_keys=keys))
    with pytest.raises(VaultError, match="another master key"):
        await opened.on_pool(pool, settings(mode="sandbox", bitcoin_network=None, master_keys=second))
    with pytest.raises(VaultError, match="no master key"):
        await opened.on_pool(pool, settings(mode="sandbox", bitcoin_network=None, data=tmp_path))
    assert list(tmp_path.iterdir()) == []


async def test_where_no_key_was_seen_yet_a_secret_says_which_it_is(world: World) -> None:
    """As in a database of an older release."""
    mine = key()
    deployment = await opened.on_pool(world.pool, settings(mode="sandbox", bitcoin_network=None, master_keys=mine))
    async with db.transaction(world.pool) as tx:
        await api_keys.create_key(tx, deployment.vault, partner_id=world.partner.id, kind="full")
        await tx.execute("UPDATE deployment SET master_key_check = NULL")
    with pytest.raises(VaultError):
        await opened.on_pool(world.pool, settings(mode="sandbox", bitcoin_network=None, master_keys=key()))
    assert await world.pool.fetchval("SELECT master_key_check FROM deployment") is None
    await opened.on_pool(world.pool, settings(mode="sandbox", bitcoin_network=None, master_keys=mine))
    assert await world.pool.fetchval("SELECT master_key_check FROM deployment") is not None
