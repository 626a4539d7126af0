"""API keys: what they may do, secrets sealed and at most two of them alive, every change announced."""

import asyncio
import datetime as dt
from functools import partial
from ipaddress import ip_network

import pytest
from cryptography.fernet import Fernet

from hashrail import clock, db
from hashrail.access import api_keys, scopes
from hashrail.vault import Vault, VaultError
from tests.support.books import newcomer
from tests.support.patience import until
from tests.support.world import World


@pytest.fixture
async def world(shop: World) -> World:
    """A partner of this test's own."""
    return await newcomer(shop)


async def make_key(world: World, kind: api_keys.KeyKind = "secret", **facts: object) -> api_keys.NewKey:
    """A key of the partner."""
    async with db.transaction(world.pool) as tx:
        return await api_keys.create_key(tx, world.vault, partner_id=world.partner.id, kind=kind, **facts)


async def rotate(world: World, key_id: int) -> api_keys.NewKey:
    """A new secret for a key."""
    async with db.transaction(world.pool) as tx:
        return await api_keys.rotate_key(tx, world.vault, partner_id=world.partner.id, key_id=key_id)


async def loaded(world: World, key: str) -> api_keys.ApiKey:
    """A key that exists, as the doors see it."""
    async with db.transaction(world.pool) as tx:
        found = await api_keys.load_key(tx, world.vault, key)
    assert found is not None
    return found


# Keys.


async def test_a_key_carries_its_partner_and_what_it_may_do(world: World) -> None:
    """Everything that was asked for comes back, and nothing else."""
    networks = (ip_network("203.0.113.0/24"), ip_network("2001:db8::/32"))
    ends = clock.wall_now() + dt.timedelta(days=1)
    made = await make_key(world, label="till", scopes=("order", "read"), allowed_ips=networks, expires_at=ends)
    assert made.key.startswith(f"hrk_test_{world.partner.id}_")
    assert api_keys.partner_of_key(made.key) == world.partner.id
    found = await loaded(world, made.key)
    assert (found.id, found.key, found.kind) == (made.key_id, made.key, "secret")
    assert (found.partner_id, found.partner_public_id) == (world.partner.id, world.partner.public_id)
    assert (found.scopes, found.allowed_ips) == ({"order", "read"}, networks)
    assert (found.expires_at, found.revoked_at, found.live_secrets) == (ends, None, (made.secret,))
    plain = await loaded(world, (await make_key(world)).key)
    assert (plain.scopes, plain.allowed_ips, plain.expires_at) == (scopes.EVERY_SCOPE, (), None)


async def test_secrets_are_sealed_at_rest(world: World) -> None:
    """Neither the table nor another master key gives the secret away."""
    made = await make_key(world)
    assert made.secret is not None
    assert len(made.secret) >= 43
    rows = await world.pool.fetch("SELECT * FROM api_secret WHERE key_id = $1", made.key_id)
    assert len(rows) == 1
    assert made.secret.encode() not in rows[0]["sealed"]
    assert world.vault.open(rows[0]["sealed"]) == made.secret.encode()
    key_row = await world.pool.fetchrow("SELECT k::text AS whole FROM api_key k WHERE id = $1", made.key_id)
    assert key_row is not None
    assert made.secret not in key_row["whole"]
    stranger = Vault([Fernet.generate_key().decode()])
    async with db.transaction(world.pool) as tx:
        with pytest.raises(VaultError):
            await api_keys.load_key(tx, stranger, made.key)


@pytest.mark.parametrize(("kind", "has_secret"), [("full", True), ("secret", True), ("publishable", False)])
async def test_only_a_publishable_key_has_no_secret(world: World, kind: api_keys.KeyKind, has_secret: bool) -> None:
    """It cannot be rotated either."""
    made = await make_key(world, kind)
    assert (made.secret is not None) is has_secret
    assert len((await loaded(world, made.key)).live_secrets) == has_secret
    if has_secret:
        assert (await rotate(world, made.key_id)).key == made.key
        return
    with pytest.raises(api_keys.NoSecretError) as caught:
        await rotate(world, made.key_id)
    assert caught.value.code == "KEY_HAS_NO_SECRET"


async def test_unknown_scopes_are_refused(world: World) -> None:
    """All of them are named."""
    with pytest.raises(scopes.BadScopeError, match="unknown scope admin, root") as caught:
        await make_key(world, scopes=("root", "read", "admin"))
    assert caught.value.status == 400
    assert await world.pool.fetchval("SELECT count(*) FROM api_key WHERE partner_id = $1", world.partner.id) == 0


async def test_a_rotation_keeps_two_secrets_alive(world: World) -> None:
    """The newest first; a third ends the oldest, and revoke-old ends all but the newest."""
    made = await make_key(world)
    second, third = await rotate(world, made.key_id), await rotate(world, made.key_id)
    assert len({made.secret, second.secret, third.secret}) == 3
    assert (await loaded(world, made.key)).live_secrets == (third.secret, second.secret)
    async with db.transaction(world.pool) as tx:
        ended = [
            await api_keys.revoke_old_secret(tx, partner_id=world.partner.id, key_id=made.key_id) for _ in range(2)
        ]
    assert ended == [1, 0]
    assert (await loaded(world, made.key)).live_secrets == (third.secret,)
    fourth = await rotate(world, made.key_id)
    assert (await loaded(world, made.key)).live_secrets == (fourth.secret, third.secret)
    dead = "SELECT count(*) FROM api_secret WHERE key_id = $1 AND revoked_at IS NOT NULL"
    assert await world.pool.fetchval(dead, made.key_id) == 2


async def test_rotations_at_once_leave_two_secrets(world: World) -> None:
    """Ten at a time."""
    made = await make_key(world)
    secrets = {each.secret for each in await asyncio.gather(*[rotate(world, made.key_id) for _ in range(10)])}
    alive = (await loaded(world, made.key)).live_secrets
    assert len(alive) == 2
    assert set(alive) <= secrets


async def test_a_revoked_key_stays_revoked(world: World) -> None:
    """Again changes nothing; it is still found, so that the refusal can say why, and cannot be rotated."""
    made, other = await make_key(world), await make_key(world)
    async with db.transaction(world.pool) as tx:
        await api_keys.revoke_key(tx, partner_id=world.partner.id, key_id=made.key_id)
    ended = (await loaded(world, made.key)).revoked_at
    assert ended is not None
    async with db.transaction(world.pool) as tx:
        await api_keys.revoke_key(tx, partner_id=world.partner.id, key_id=made.key_id)
    assert (await loaded(world, made.key)).revoked_at == ended
    assert (await loaded(world, other.key)).revoked_at is None
    with pytest.raises(api_keys.KeyRevokedError):
        await rotate(world, made.key_id)


async def test_keys_are_the_partners_own(world: World) -> None:
    """Another partner's key cannot be rotated, revoked or seen."""
    other = await newcomer(world)
    made = await make_key(other)
    with pytest.raises(api_keys.KeyNotFoundError):
        await rotate(world, made.key_id)
    async with db.transaction(world.pool) as tx:
        for verb in (api_keys.revoke_key, api_keys.revoke_old_secret):
            with pytest.raises(api_keys.KeyNotFoundError, match=f"no key {made.key_id}"):
                await verb(tx, partner_id=world.partner.id, key_id=made.key_id)
        assert await api_keys.list_keys(tx, world.partner.id) == []
        assert [row["id"] for row in await api_keys.list_keys(tx, other.partner.id)] == [made.key_id]
    assert (await loaded(other, made.key)).live_secrets == (made.secret,)
    forged = made.key.replace(f"_{other.partner.id}_", f"_{world.partner.id}_", 1)
    async with db.transaction(world.pool) as tx:
        assert await api_keys.load_key(tx, world.vault, forged) is None


async def test_keys_are_listed_without_secrets(world: World) -> None:
    """Oldest first, with how many secrets live and when the key was last used."""
    first, second = await make_key(world, label="a"), await make_key(world, "publishable", label="b")
    await rotate(world, first.key_id)
    async with db.transaction(world.pool) as tx:
        await api_keys.touch_key(tx, world.partner.id, second.key_id)
        rows = await api_keys.list_keys(tx, world.partner.id)
    assert [(row["id"], row["label"], row["live_secrets"]) for row in rows] == [
        (first.key_id, "a", 2),
        (second.key_id, "b", 0),
    ]
    assert [row["last_used_at"] is None for row in rows] == [True, False]
    assert "sealed" not in rows[0]


@pytest.mark.parametrize(("mode", "word"), [("production", "live"), ("sandbox", "test")])
async def test_a_key_says_of_which_mode_it_is(world: World, mode: str, word: str) -> None:
    """Of the deployment that made it; the longest partner's number fits beside it."""
    async with world.pool.acquire() as connection:
        undo = connection.transaction()
        await undo.start()
        await connection.execute("UPDATE deployment SET mode = $1", mode)
        made = await api_keys.create_key(connection, world.vault, partner_id=world.partner.id, kind="full")
        await undo.rollback()
    assert made.key.startswith(f"hrk_{word}_{world.partner.id}_")
    assert api_keys.mode_of_key(made.key) == mode
    assert len(made.key) + 18 - len(str(world.partner.id)) <= api_keys.MAX_KEY_LENGTH
    for other in ("hrk_7_live_x", "live_7_x", "hrk_7_x", "hrr_live_7_x", ""):
        assert api_keys.mode_of_key(other) is None


@pytest.mark.parametrize(
    ("key", "partner"),
    [
        ("hrk_7_abc", 7),
        ("hrk_7_a_b_c", 7),
        ("hrk_live_7_abc", 7),
        ("hrk_test_999999999999999999_x", 999999999999999999),
        ("hrk_live_7_", None),
        ("hrk_live_x", None),
        ("hrk_live_live_7_x", None),
        ("hrk_prod_7_x", None),
        ("hrk_999999999999999999_x", 999999999999999999),
        ("hrk_1000000000000000000_x", None),
        ("hrk_7_", None),
        ("hrk_7", None),
        ("hrk__x", None),
        ("hrk_-7_x", None),
        ("hrk_٧_x", None),
        ("hrk_²_x", None),
        ("HRK_7_x", None),
        ("", None),
    ],
)
async def test_which_partner_a_key_names(world: World, key: str, partner: int | None) -> None:
    """A text that names none is nobody's, and so is one that no table holds."""
    assert api_keys.partner_of_key(key) == partner
    async with db.transaction(world.pool) as tx:
        assert await api_keys.load_key(tx, world.vault, key) is None
        assert await api_keys.load_key(tx, world.vault, f"{key}\x00") is None


async def test_every_change_of_a_key_is_announced(world: World) -> None:
    """When it commits, and only then: rotation, its end, revocation."""
    made, other = await make_key(world), await make_key(world)
    heard: list[str] = []

    def hear(*said: object) -> None:
        heard.append(str(said[-1]))

    async def has_heard(count: int) -> bool:
        return len(heard) == count

    async with world.pool.acquire() as connection:
        await connection.add_listener(api_keys.KEYS_CHANGED, hear)
        for count, verb in enumerate((api_keys.revoke_old_secret, api_keys.revoke_key), start=1):
            async with db.transaction(world.pool) as tx:
                await verb(tx, partner_id=world.partner.id, key_id=made.key_id)
                await connection.execute("SELECT 1")
                assert len(heard) == count - 1
            await until(partial(has_heard, count))
        await rotate(world, other.key_id)
        await until(partial(has_heard, 3))
        await connection.remove_listener(api_keys.KEYS_CHANGED, hear)
    assert heard == [made.key, made.key, other.key]
