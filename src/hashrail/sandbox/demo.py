"""A sandbox with a past: one partner, its users and miners bought over the last days, every day closed.

Seeding goes through the real verbs with the business clock in the past and moves it forward a day at a time. What
is bought on which day is fixed, so a seeding that was cut off goes on where it stopped, and a sandbox that is
complete is only opened again.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from hashrail import business_clock, clock, db, private_files
from hashrail.access import api_keys, origins, ton_domains
from hashrail.bitcoin import addresses
from hashrail.books import fence, ledger
from hashrail.custody import bound_wallets, withdrawals
from hashrail.custody.withdrawals import Speed, Terms
from hashrail.deployment import opened
from hashrail.deployment.facts import Facts
from hashrail.deployment.opened import Deployment
from hashrail.errors import ConflictError
from hashrail.money import BTC_DECIMALS, floor_to
from hashrail.parties import members, operators, partners, passwords, users
from hashrail.parties.operators import OperatorNotFoundError, Role
from hashrail.payouts import processor
from hashrail.proofs import day_documents, liabilities
from hashrail.rewards import closing, discounts, settling
from hashrail.sandbox import rates
from hashrail.selling import catalogue, orders, samples, upgrade_tariff
from hashrail.settings import Network, Settings
from hashrail.vault import Vault

PARTNER = "Demo partner"
CREDIT_LIMIT_USD = Decimal(250_000)
PROGRAMME = "Mining mode"
TON_DOMAINS = ("localhost", "demo.hashrail.example")
ORIGINS = ("http://localhost:3000", "http://localhost:5173")
# Who buys what, and how many days after the sandbox's first: (user, day, TH, W/TH).
PURCHASES = (
    ("alice", 0, "1", "20"),
    ("bob", 0, "16", "15"),
    ("alice", 3, "4", "15"),
    ("carol", 5, "64", "15"),
    ("dave", 8, "0.75", "12"),
    ("bob", 13, "32", "12"),
    ("erin", 20, "256", "12"),
    ("alice", 21, "8", "12"),
    ("carol", 21, "64", "12"),
    ("frank", 30, "2", "15"),
    ("dave", 34, "1", "20"),
    ("bob", 45, "8", "15"),
    ("erin", 46, "512", "15"),
    ("alice", 55, "16", "12"),
    ("frank", 61, "2", "12"),
    ("carol", 70, "128", "12"),
    ("dave", 77, "4", "15"),
    ("erin", 84, "32", "12"),
)

# Who withdraws half of what they have, and how many days after the sandbox's first. Before, nobody has earned enough.
WITHDRAWALS: tuple[tuple[str, int, Speed], ...] = (
    ("bob", 40, "daily"),
    ("erin", 42, "fast"),
    ("carol", 52, "fast"),
    ("alice", 88, "daily"),
)

# Who may try the console: two people, since large withdrawals take two. There is no admin, so whoever has the shell is.
OPERATORS: tuple[tuple[str, Role], ...] = (("anna", "approver"), ("ben", "approver"))

# Who may try the portal: an owner of the demo partner.
OWNER = ("Olivia", "olivia@partner.example")

Tick = Callable[[date], None]


class NotASandboxError(ConflictError):
    """A sandbox is to be made of a deployment that is none."""

    code = "NOT_A_SANDBOX"
    advice = "Name another folder (--data) or an empty database: what a deployment is never becomes a sandbox."


@dataclass(frozen=True, slots=True)
class Sandbox:
    """What an engineer needs to call a sandbox; demo.json holds it."""

    base_url: str
    partner_id: str
    api_key: str
    api_secret: str
    users: tuple[tuple[str, int], ...]
    operators: tuple[tuple[str, str], ...]
    members: tuple[tuple[str, str], ...]
    clock: datetime
    data: Path

    def write(self) -> None:
        """Write demo.json into the data folder, in one step."""
        content = {
            "baseUrl": self.base_url,
            "partnerId": self.partner_id,
            "apiKey": self.api_key,
            "apiSecret": self.api_secret,
            "users": [{"partnerUserId": name, "userId": user_id} for name, user_id in self.users],
            "operators": [{"name": name, "password": password} for name, password in self.operators],
            "members": [{"email": email, "password": password} for email, password in self.members],
            "clock": clock.iso(self.clock),
            "dataDir": str(self.data.resolve()),
        }
        private_files.write(self.data / "demo.json", json.dumps(content, indent=2) + "\n")


async def prepare(dsn: str, settings: Settings, *, base_url: str, days: int, tick: Tick | None = None) -> Sandbox:
    """Seed an empty sandbox or go on with one, write demo.json, and answer what stands in it.

    Raises NotASandboxError, and what `opened.on_pool` does.
    """
    deployment = await opened.open_deployment(settings, dsn)
    pool = deployment.pool
    try:
        assert_may_be_one(deployment.facts)
        partner = await _open(pool, days)
        await _live_through(deployment, partner, tick)
        key, secret = await _credentials(pool, deployment.vault, partner, settings.data)
        rows = await pool.fetch(
            "SELECT partner_user_id, id FROM app_user WHERE partner_id = $1 ORDER BY id LIMIT 50", partner.id
        )
        sandbox = Sandbox(
            base_url=base_url,
            partner_id=partner.public_id,
            api_key=key,
            api_secret=secret,
            users=tuple((row["partner_user_id"], row["id"]) for row in rows),
            operators=await _passwords(pool, settings.data),
            members=await _owner(pool, partner, settings.data),
            clock=await business_clock.now(pool),
            data=settings.data,
        )
        sandbox.write()
        return sandbox
    finally:
        await pool.close()


def assert_may_be_one(known: Facts | None) -> None:
    """A deployment that is known is one already. Raises NotASandboxError."""
    if known is not None and known.mode != "sandbox":
        raise NotASandboxError(f"the database is of a {known.mode} deployment, and hashrail demo would fill it")


async def _open(pool: db.Pool, days: int) -> partners.Partner:
    """The demo partner; the first time with catalogue, levels, a programme and a clock `days` days ago."""
    async with db.transaction(pool) as tx:
        if await tx.fetchval("SELECT count(*) FROM partner"):
            return await partners.find(tx, PARTNER)
        now = clock.wall_now()
        first = clock.last_creditable_day(now) - timedelta(days=days - 1)
        await business_clock.start(tx, first - clock.day_of(now))
        await discounts.set_levels(tx, samples.pairs(samples.SAMPLE_LEVELS))
        await catalogue.put(tx, samples.sample_collections())
        await upgrade_tariff.put(tx, samples.SAMPLE)
        programme = await discounts.create_programme(tx, PROGRAMME)
        for week in range(0, days, 7):
            fraction = Decimal(2 + week // 7 % 3).scaleb(-2)
            await discounts.set_fraction(tx, programme, from_day=first + timedelta(days=week), fraction=fraction)
        partner = await partners.create(
            tx, name=PARTNER, credit_limit_usd=CREDIT_LIMIT_USD, at=await business_clock.now(tx)
        )
        await discounts.set_partner_programme(tx, partner.id, programme, member=True)
        for domain in TON_DOMAINS:
            await ton_domains.add_ton_domain(tx, partner.id, domain)
        for origin in ORIGINS:
            await origins.add(tx, partner.id, origin)
        # At the sandbox's beginning, so that by now nobody takes both for whoever made them.
        for name, role in OPERATORS:
            await operators.add(tx, name=name, role=role, password=operators.new_password())
        return partner


async def _live_through(deployment: Deployment, partner: partners.Partner, tick: Tick | None) -> None:
    """Buy what is bought on each day and let the day end, until the business clock reads the wall clock's time."""
    pool, settings = deployment.pool, deployment.settings
    first = clock.day_of(partner.created_at)
    while True:
        # First what a seeding that was cut off, or a sandbox that stood still, has left to close.
        await rates.enter_generated(pool, settings, first=first)
        await closing.close_due(pool)
        await day_documents.sign_due(pool, deployment.vault)
        today = clock.day_of(await business_clock.now(pool))
        if tick is not None and today > first:
            tick(today - clock.ONE_DAY)
        async with db.transaction(pool) as tx:
            is_now = await business_clock.lead(tx) >= timedelta(0)
        if is_now:
            await liabilities.take_due(pool, deployment.vault, every_days=settings.liabilities_every_days)
            return
        index = (today - first).days
        await _buy(pool, settings, partner, index)
        await _withdraw(pool, settings, partner, index)
        async with db.transaction(pool) as tx:
            await business_clock.advance_by(tx, clock.ONE_DAY)
        await _pay(deployment)


async def _buy(pool: db.Pool, settings: Settings, partner: partners.Partner, index: int) -> None:
    """The purchases of one day of the sandbox; those that exist are left as they are. Who buys binds an address too."""
    for number, (name, day_index, power, efficiency) in enumerate(PURCHASES):
        if day_index != index:
            continue
        async with db.transaction(pool) as tx:
            books = await fence.share(tx, partner.id)
            user = await users.register(tx, books, partner_user_id=name, email=f"{name}@example.com")
            offer = await tx.fetchval(
                "SELECT id FROM collection WHERE power = $1 AND energy_efficiency = $2",
                Decimal(power),
                Decimal(efficiency),
            )
            external_id = f"demo-{number}"
            await orders.create(
                tx,
                books,
                user_id=user.id,
                collection_id=offer,
                external_id=external_id,
                ttl=timedelta(hours=1),
            )
            await orders.notify_paid(tx, books, external_id=external_id, user_id=user.id)
            if index % 2:
                await settling.settle(tx, books, user.id)
            terms = bound_wallets.Terms.of(settings)
            await bound_wallets.bind(tx, books, terms, user_id=user.id, address=address_of(name, settings.network))


async def _withdraw(pool: db.Pool, settings: Settings, partner: partners.Partner, index: int) -> None:
    """The withdrawals of one day of the sandbox, where the user has enough; those that exist are left as they are."""
    terms = Terms(settings.withdraw_minimum_btc, settings.withdraw_commission_btc, settings.network)
    for name, day_index, speed in WITHDRAWALS:
        if day_index != index:
            continue
        async with db.transaction(pool) as tx:
            books = await fence.share(tx, partner.id)
            user = await users.find(tx, partner.id, name)
            await settling.settle(tx, books, user.id)
            amount = floor_to((await ledger.balances_of_user(tx, partner.id, user.id))[0].spendable / 2, BTC_DECIMALS)
            known = await withdrawals.of_partner(tx, partner.id, user_id=user.id, limit=1)
            if not known and amount >= terms.minimum_btc + terms.fast_commission_btc:
                address = address_of(name, terms.network)
                await withdrawals.request(
                    tx, books, terms, user_id=user.id, speed=speed, address=address, amount_btc=amount
                )


async def _pay(deployment: Deployment) -> None:
    """What a worker would have paid by now on the simulated chain; with a node the worker does it."""
    if deployment.simulates_chain and await processor.wait_for_time(deployment.pool):
        async with opened.on_chain(deployment, signs=False) as paying:
            await processor.run(paying)


def address_of(name: str, network: Network) -> str:
    """An address for a user of the sandbox, the same each time; nobody has its key."""
    return addresses.from_script(b"\x00\x14" + hashlib.sha256(name.encode()).digest()[:20], network)


async def _credentials(pool: db.Pool, vault: Vault, partner: partners.Partner, data: Path) -> tuple[str, str]:
    """The key and secret of demo.json, if it is there; otherwise a new key."""
    path = data / "demo.json"
    if path.exists():
        known = json.loads(path.read_text())
        return known["apiKey"], known["apiSecret"]
    async with db.transaction(pool) as tx:
        made = await api_keys.create_key(tx, vault, partner_id=partner.id, kind="full", label="demo")
    assert made.secret is not None, "a full key has a secret"
    return made.key, made.secret


async def _passwords(pool: db.Pool, data: Path) -> tuple[tuple[str, str], ...]:
    """Names and passwords of those who may try the console: as demo.json has them, otherwise new ones.

    A sandbox of an older release has nobody.
    """
    path = data / "demo.json"
    known = json.loads(path.read_text()).get("operators") if path.exists() else None
    if known is not None:
        return tuple((each["name"], each["password"]) for each in known)
    made = {name: operators.new_password() for name, _ in OPERATORS}
    try:
        async with db.transaction(pool) as tx:
            for name, password in made.items():
                await operators.set_digest(tx, name, await passwords.digest_of(password))
    except OperatorNotFoundError:
        return ()
    return tuple(made.items())


async def _owner(pool: db.Pool, partner: partners.Partner, data: Path) -> tuple[tuple[str, str], ...]:
    """Address and password of an owner who may try the portal: as demo.json has them, otherwise a new one."""
    path = data / "demo.json"
    known = json.loads(path.read_text()).get("members") if path.exists() else None
    if known is not None:
        return tuple((each["email"], each["password"]) for each in known)
    (name, email), password = OWNER, operators.new_password()
    digest = await passwords.digest_of(password)
    async with db.transaction(pool) as tx:
        # One that was made before this sandbox's file was lost gets another password.
        found = await members.of_email(tx, email)
        if found is None:
            await members.add(tx, partner.id, email=email, name=name, role="owner", digest=digest, made_by=None)
        else:
            await members.set_digest(tx, found, digest)
    return ((email, password),)
