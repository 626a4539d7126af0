"""Partners and their keys: opened with books, found without mistake, secrets sealed and at most two of them alive."""

import asyncio
import datetime as dt
import uuid
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from functools import partial
from ipaddress import ip_network

import asyncpg
import pytest
from cryptography.fernet import Fernet

from hashrail import billing, clock, db, partners
from hashrail.vault import Vault, VaultError
from tests.books import deployment, newcomer
from tests.world import World


@pytest.fixture(scope="module")
async def books(server: str, template: str) -> AsyncIterator[World]:
    """One deployment for the module."""
    async with deployment(server, template) as world:
        yield world


@pytest.fixture
async def world(books: World) -> World:
    """A partner of this test's own."""
    return await newcomer(books)


async def make_key(world: World, kind: partners.KeyKind = "secret", **facts: object) -> partners.NewKey:
    """A key of the partner."""
    async with db.transaction(world.pool) as tx:
        return await partners.create_key(tx, world.vault, partner_id=world.partner.id, kind=kind, **facts)


async def rotate(world: World, key_id: int) -> partners.NewKey:
    """A new secret for a key."""
    async with db.transaction(world.pool) as tx:
        return await partners.rotate_key(tx, world.vault, partner_id=world.partner.id, key_id=key_id)


async def loaded(world: World, key: str) -> partners.ApiKey:
    """A key that exists, as the doors see it."""
    async with db.transaction(world.pool) as tx:
        found = await partners.load_key(tx, world.vault, key)
    assert found is not None
    return found


# Partners.


async def test_a_partner_opens_with_books_and_is_found_by_number_id_or_name(world: World) -> None:
    """A number or public id that is somebody's name belongs to the number's owner first."""
    name = f"wallet {uuid.uuid4()}"
    async with db.transaction(world.pool) as tx:
        made = await partners.create(tx, name=name, credit_limit_usd=Decimal(7), at=world.partner.created_at)
        assert made.public_id.startswith("partner-")
        assert len(made.public_id) == len("partner-") + 36
        for text in (str(made.id), made.public_id, name):
            assert await partners.find(tx, text) == made
        assert await billing.receivable(tx, made.id) == billing.Receivable(Decimal(0), Decimal(0), Decimal(7))
        copycats = [
            await partners.create(tx, name=taken, credit_limit_usd=Decimal(0), at=made.created_at)
            for taken in (str(made.id), made.public_id)
        ]
        assert [await partners.find(tx, each.name) for each in copycats] == [made, made]
        assert [await partners.find(tx, str(each.id)) for each in copycats] == copycats
        for unknown in ("nobody", "0", "", "partner-"):
            with pytest.raises(partners.PartnerNotFoundError) as caught:
                await partners.find(tx, unknown)
            assert (caught.value.status, caught.value.code) == (404, "PARTNER_NOT_FOUND")
        # The namesake is the older one here, so that what happens to stand first does not decide.
        elder = await partners.create(tx, name=uuid.uuid4().hex, credit_limit_usd=Decimal(0), at=made.created_at)
        younger = await partners.create(tx, name=uuid.uuid4().hex, credit_limit_usd=Decimal(0), at=made.created_at)
        for text in (str(younger.id), younger.public_id):
            await tx.execute("UPDATE partner SET name = $2 WHERE id = $1", elder.id, text)
            assert await partners.find(tx, text) == younger
        listed = await partners.every(tx)
        assert listed == sorted(listed, key=lambda each: each.id)
        assert {made, *copycats, world.partner} <= set(listed)


async def test_a_partners_name_is_taken_once(world: World) -> None:
    """And has 1 to 255 characters."""
    with pytest.raises(partners.PartnerExistsError) as caught:
        await world.another_partner(world.partner.name)
    assert (caught.value.status, caught.value.code) == (409, "PARTNER_EXISTS")
    for name in ("", "x" * 256):
        with pytest.raises(asyncpg.CheckViolationError, match="partner_name_check"):
            await world.another_partner(name)
    longest = uuid.uuid4().hex.ljust(255, "x")
    assert (await world.another_partner(longest)).partner.name == longest


# Keys.


async def test_a_key_carries_its_partner_and_what_it_may_do(world: World) -> None:
    """Everything that was asked for comes back, and nothing else."""
    networks = (ip_network("203.0.113.0/24"), ip_network("2001:db8::/32"))
    ends = clock.wall_now() + dt.timedelta(days=1)
    made = await make_key(world, label="till", scopes=("order", "read"), allowed_ips=networks, expires_at=ends)
    assert made.key.startswith(f"hrk_{world.partner.id}_")
    assert partners.partner_of_key(made.key) == world.partner.id
    found = await loaded(world, made.key)
    assert (found.id, found.key, found.kind) == (made.key_id, made.key, "secret")
    assert (found.partner_id, found.partner_public_id) == (world.partner.id, world.partner.public_id)
    assert (found.scopes, found.allowed_ips) == ({"order", "read"}, networks)
    assert (found.expires_at, found.revoked_at, found.live_secrets) == (ends, None, (made.secret,))
    plain = await loaded(world, (await make_key(world)).key)
    assert (plain.scopes, plain.allowed_ips, plain.expires_at) == (set(partners.SCOPES), (), None)


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
            await partners.load_key(tx, stranger, made.key)


@pytest.mark.parametrize(("kind", "has_secret"), [("full", True), ("secret", True), ("publishable", False)])
async def test_only_a_publishable_key_has_no_secret(world: World, kind: partners.KeyKind, has_secret: bool) -> None:
    """It cannot be rotated either."""
    made = await make_key(world, kind)
    assert (made.secret is not None) is has_secret
    assert len((await loaded(world, made.key)).live_secrets) == has_secret
    if has_secret:
        assert (await rotate(world, made.key_id)).key == made.key
        return
    with pytest.raises(partners.NoSecretError) as caught:
        await rotate(world, made.key_id)
    assert caught.value.code == "KEY_HAS_NO_SECRET"


async def test_unknown_scopes_are_refused(world: World) -> None:
    """All of them are named."""
    with pytest.raises(partners.BadScopeError, match="unknown scope admin, root") as caught:
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
            await partners.revoke_old_secret(tx, partner_id=world.partner.id, key_id=made.key_id) for _ in range(2)
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
        await partners.revoke_key(tx, partner_id=world.partner.id, key_id=made.key_id)
    ended = (await loaded(world, made.key)).revoked_at
    assert ended is not None
    async with db.transaction(world.pool) as tx:
        await partners.revoke_key(tx, partner_id=world.partner.id, key_id=made.key_id)
    assert (await loaded(world, made.key)).revoked_at == ended
    assert (await loaded(world, other.key)).revoked_at is None
    with pytest.raises(partners.KeyRevokedError):
        await rotate(world, made.key_id)


async def test_keys_are_the_partners_own(world: World) -> None:
    """Another partner's key cannot be rotated, revoked or seen."""
    other = await newcomer(world)
    made = await make_key(other)
    with pytest.raises(partners.KeyNotFoundError):
        await rotate(world, made.key_id)
    async with db.transaction(world.pool) as tx:
        for verb in (partners.revoke_key, partners.revoke_old_secret):
            with pytest.raises(partners.KeyNotFoundError, match=f"no key {made.key_id}"):
                await verb(tx, partner_id=world.partner.id, key_id=made.key_id)
        assert await partners.list_keys(tx, world.partner.id) == []
        assert [row["id"] for row in await partners.list_keys(tx, other.partner.id)] == [made.key_id]
    assert (await loaded(other, made.key)).live_secrets == (made.secret,)
    forged = made.key.replace(f"_{other.partner.id}_", f"_{world.partner.id}_", 1)
    async with db.transaction(world.pool) as tx:
        assert await partners.load_key(tx, world.vault, forged) is None


async def test_keys_are_listed_without_secrets(world: World) -> None:
    """Oldest first, with how many secrets live and when the key was last used."""
    first, second = await make_key(world, label="a"), await make_key(world, "publishable", label="b")
    await rotate(world, first.key_id)
    async with db.transaction(world.pool) as tx:
        await partners.touch_key(tx, world.partner.id, second.key_id)
        rows = await partners.list_keys(tx, world.partner.id)
    assert [(row["id"], row["label"], row["live_secrets"]) for row in rows] == [
        (first.key_id, "a", 2),
        (second.key_id, "b", 0),
    ]
    assert [row["last_used_at"] is None for row in rows] == [True, False]
    assert "sealed" not in rows[0]


@pytest.mark.parametrize(
    ("key", "partner"),
    [
        ("hrk_7_abc", 7),
        ("hrk_7_a_b_c", 7),
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
    assert partners.partner_of_key(key) == partner
    async with db.transaction(world.pool) as tx:
        assert await partners.load_key(tx, world.vault, key) is None
        assert await partners.load_key(tx, world.vault, f"{key}\x00") is None


async def test_every_change_of_a_key_is_announced(world: World) -> None:
    """When it commits, and only then: rotation, its end, revocation."""
    made, other = await make_key(world), await make_key(world)
    heard: list[str] = []

    def hear(*said: object) -> None:
        heard.append(str(said[-1]))

    async with world.pool.acquire() as connection:
        await connection.add_listener(partners.KEYS_CHANGED, hear)
        for count, verb in enumerate((partners.revoke_old_secret, partners.revoke_key), start=1):
            async with db.transaction(world.pool) as tx:
                await verb(tx, partner_id=world.partner.id, key_id=made.key_id)
                await connection.execute("SELECT 1")
                assert len(heard) == count - 1
            await until(partial(lambda expected: len(heard) == expected, count))
        await rotate(world, other.key_id)
        await until(lambda: len(heard) == 3)
        await connection.remove_listener(partners.KEYS_CHANGED, hear)
    assert heard == [made.key, made.key, other.key]


async def until(happened: Callable[[], bool]) -> None:
    """Wait up to ten seconds for a condition."""
    for _ in range(1000):
        if happened():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not happen")
