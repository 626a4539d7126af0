"""The vendor's whole size: users, miners, orders and a thousand closed days of many partners, built by statements.

Partners have shares like Zipf's: the largest has many times the users of the median one. Every ninth user or so owns
three miners, which were bought on days of their own; every second miner was upgraded once, half way between. Every
third owner was settled, and of these every third was paid. Partners pay each month.

What is built is consistent: `hashrail audit` finds nothing in it, and a test says so at a small size. Left out: events,
kept answers, invoices and signed days, which are made by the verbs when they are measured.
"""

import asyncio
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

from benchmarks.dataset import Dataset, Shape, found
from hashrail import clock, db
from hashrail.rewards import discounts, rate_classes
from hashrail.selling import catalogue, samples, upgrade_tariff

EFFICIENCIES, LEVELS = 120, 25
# Of a statement; the vendor's whole size takes minutes in some.
PATIENCE_SECONDS = 3_600
SETTINGS = (
    "statement_timeout = 0",
    "synchronous_commit = off",
    "session_replication_role = replica",
    "work_mem = '256MB'",
    "maintenance_work_mem = '256MB'",
)
VACUUM = ("VACUUM ANALYZE", "CHECKPOINT")
Told = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Size:
    """How large it is; the defaults are what the vendor tells of itself, about 29 TH a miner."""

    partners: int = 2_000
    users: int = 5_600_000
    miners: int = 604_000
    days: int = 1_000
    efficiencies: int = EFFICIENCIES
    levels: int = LEVELS

    def scaled(self, scale: float) -> "Size":
        """A part of it: fewer partners, users and miners; as many days and rate classes."""
        return replace(
            self,
            partners=max(2, round(self.partners * scale)),
            users=round(self.users * scale),
            miners=round(self.miners * scale),
        )


# The user (from 0) who is the g-th owner of three miners.
OWNER = "(g * 3 * {users} / {miners})"
BLOCKS = """
    CREATE TABLE vendor_block AS
    SELECT partner_id, coalesce(lag(upto) OVER (ORDER BY partner_id), 0) AS first, upto FROM (
        SELECT id AS partner_id,
               round({users} * sum(1 / power(n, 0.8)) OVER (ORDER BY id) / sum(1 / power(n, 0.8)) OVER ())::bigint
                   AS upto
        FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM partner) AS numbered) AS shares"""
# A miner i: its owner, class, the day from which it earns, the day of its upgrade if it had one, TH before and after.
MINERS = """
    CREATE TABLE vendor_miner AS
    SELECT i, g, u, (SELECT b.partner_id FROM vendor_block b WHERE b.upto > u ORDER BY b.upto LIMIT 1) AS partner_id,
           e, 1 + level * {efficiencies} + e AS class_id, level, bought,
           CASE WHEN i % 2 = 1 THEN bought + ({days} - bought) / 2 + 1 END AS upgraded, 1 + i % 97 * 0.58 AS power,
           1 + i % 97 * 0.58 - CASE WHEN i % 2 = 1 THEN 0.5 ELSE 0 END AS bought_power
    FROM (SELECT i, g, {owner} AS u, i * 7 % {efficiencies} AS e, g % {levels} AS level,
                 (1 + i * 13 % ({days} - 2))::integer AS bought
          FROM generate_series(0, {miners} - 1) AS i, LATERAL (SELECT i / 3 AS g) AS groups) AS numbered"""
# Of a day d: what is published of it.
DAYS = (
    """UPDATE mining_day d SET published_at = first.published_at, discount_cap = first.discount_cap
       FROM mining_day first WHERE first.day = {first_day} AND d.day > {first_day} AND d.day < {first_day} + {days}""",
    """INSERT INTO published_fraction SELECT {first_day} + n, programme_id, fraction
       FROM published_fraction, generate_series(1, {days} - 1) AS n WHERE day = {first_day}""",
    """INSERT INTO class_day
       SELECT {first_day} + n, class_id, discount, pool, c1, c2, net,
              pool * (n + 1), c1 * (n + 1), c2 * (n + 1), net * (n + 1)
       FROM generate_series(1, {days} - 1) AS n, (
           SELECT class_id, discount, pool, c1, c2, net FROM class_day WHERE day = {first_day}
           ORDER BY class_id) AS first""",
    "UPDATE publication SET published_through = {first_day} + {days} - 1",
    "UPDATE partner_day SET closed_through = {first_day} + {days} - 1",
)
USERS = """
    INSERT INTO app_user (partner_id, id, partner_user_id, created_at, level_discount, settled_through)
    SELECT b.partner_id, u + 1, 'user ' || u + 1, {noon}, CASE WHEN g IS NULL THEN 0 ELSE g % {levels} * 0.0001 END,
           CASE WHEN g % 3 = 0 THEN {settled} END
    FROM vendor_block b CROSS JOIN LATERAL generate_series(b.first, b.upto - 1) AS u
    LEFT JOIN LATERAL (
        SELECT g FROM (SELECT (u * {miners} + 3 * {users} - 1) / (3 * {users}) AS g) AS near
        WHERE {owner} = u AND g * 3 < {miners}) AS owner ON true"""
MEMBERS = """
    INSERT INTO user_programme (partner_id, user_id, programme_id)
    SELECT DISTINCT partner_id, u + 1, {programme} FROM vendor_miner"""
ACCOUNTS = """
    INSERT INTO account (partner_id, id, user_id, kind, currency, carries_balance, created_at)
    SELECT b.partner_id, 100000 + 2 * u + c, u + 1, 'user', CASE c WHEN 0 THEN 'BTC' ELSE 'GOMINING' END, true, {noon}
    FROM vendor_block b CROSS JOIN LATERAL generate_series(b.first, b.upto - 1) AS u, generate_series(0, 1) AS c"""
SOLD = (
    """INSERT INTO miner (partner_id, id, user_id, name, power, energy_efficiency, created_at)
       SELECT partner_id, 1001 + i, u + 1, 'miner ' || 1001 + i, power, 10 + e * 0.1,
              {noon} + bought * interval '1 day' FROM vendor_miner""",
    """INSERT INTO purchase (partner_id, id, external_id, user_id, collection_id, power, energy_efficiency, value_usd,
                             state, created_at, expires_at, paid_at, miner_id)
       SELECT partner_id, 1 + i, 'order ' || i, u + 1, {offer}, bought_power, 10 + e * 0.1, bought_power * 15,
              'issued', at, at + interval '1 hour', at, 1001 + i
       FROM vendor_miner, LATERAL (SELECT {noon} + (bought - 1) * interval '1 day' AS at) AS moment""",
    """INSERT INTO purchase (partner_id, id, external_id, user_id, collection_id, power, energy_efficiency, value_usd,
                             state, created_at, expires_at)
       SELECT partner_id, 1 + i + (SELECT count(*) FROM vendor_miner), 'given up ' || i, u + 1, {offer}, power,
              10 + e * 0.1, power * 15, 'expired', at, at + interval '1 hour'
       FROM vendor_miner, LATERAL (SELECT {noon} + (bought - 1) * interval '1 day' AS at) AS moment
       WHERE i % 20 = 0""",
    """INSERT INTO post_payment (partner_id, id, miner_id, kind, from_value, to_value, value_usd, created_at)
       SELECT partner_id, 1 + i, 1001 + i, 'power', bought_power, power, 7.5,
              {noon} + (upgraded - 1) * interval '1 day'
       FROM vendor_miner WHERE upgraded IS NOT NULL""",
    """UPDATE partner_capacity p SET committed_th = m.power
       FROM (SELECT partner_id, sum(power) AS power FROM vendor_miner GROUP BY partner_id) AS m
       WHERE m.partner_id = p.partner_id""",
)
STINTS = (
    """INSERT INTO stint (partner_id, id, miner_id, user_id, class_id, power, from_day, to_day)
       SELECT partner_id, 1 + 2 * i + n, 1001 + i, u + 1, class_id, CASE n WHEN 0 THEN bought_power ELSE power END,
              {first_day} + CASE n WHEN 0 THEN bought ELSE upgraded END,
              {first_day} + CASE n WHEN 0 THEN upgraded END
       FROM vendor_miner CROSS JOIN generate_series(0, 1) AS n WHERE n = 0 OR upgraded IS NOT NULL""",
    """INSERT INTO class_power_delta (partner_id, day, class_id, power)
       SELECT partner_id, day, class_id, sum(power) FROM (
           SELECT partner_id, from_day AS day, class_id, power FROM stint
           UNION ALL SELECT partner_id, to_day, class_id, -power FROM stint WHERE to_day > {first_day}) AS edges
       GROUP BY partner_id, day, class_id""",
    """INSERT INTO class_power (partner_id, class_id, power)
       SELECT partner_id, class_id, sum(power) FROM class_power_delta WHERE day < {first_day} + {days}
       GROUP BY partner_id, class_id""",
)
TRANSFER = """
    INSERT INTO transfer (partner_id, kind, object_id, leg, debit_account, credit_account, amount, state, created_at,
                          resolved_at, posted_seq) """
# Millions of rows are sorted into an index sooner than put into it one by one.
UNINDEXED = ("DROP INDEX transfer_of_debit_account, transfer_of_credit_account, transfer_of_receivable",)
INDEXED = (
    "CREATE INDEX transfer_of_debit_account ON transfer (partner_id, debit_account, posted_seq)",
    "CREATE INDEX transfer_of_credit_account ON transfer (partner_id, credit_account, posted_seq)",
    """CREATE INDEX transfer_of_receivable ON transfer (partner_id, resolved_at, posted_seq)
       WHERE state = 'posted' AND (debit_account = 1200 OR credit_account = 1200)""",
)
CLOSED = (
    TRANSFER
    + """
        SELECT partner_id, 'day', day - '0001-01-01'::date + 1, leg, 1100, account, amount, 'posted', at, at,
               nextval('transfer_posted_seq')
        FROM (
            SELECT partner_id, day, leg, account, day + interval '1 day 5 minutes' AS at,
                   sum(amount) OVER (PARTITION BY partner_id, leg ORDER BY day) AS amount
            FROM (
                SELECT p.partner_id, d.day, coalesce(net, 0) AS net, coalesce(c1, 0) AS c1, coalesce(c2, 0) AS c2
                FROM partner_day p
                CROSS JOIN (SELECT {first_day} + n AS day FROM generate_series(0, {days} - 1) AS n) AS d
                LEFT JOIN (
                    SELECT p.partner_id, p.day, sum(p.power * c.net) AS net, sum(p.power * c.c1) AS c1,
                           sum(p.power * c.c2) AS c2
                    FROM class_power_delta p JOIN class_day c ON c.day = {first_day} AND c.class_id = p.class_id
                    GROUP BY p.partner_id, p.day) AS changes
                  ON changes.partner_id = p.partner_id AND changes.day = d.day) AS grid
            CROSS JOIN LATERAL (VALUES (1, 2100, net), (2, 4100, c1), (3, 4200, c2)) AS legs (leg, account, amount)
        ) AS sums WHERE amount > 0""",
)
SETTLED = (
    """CREATE TABLE vendor_settled AS
       SELECT s.partner_id, s.user_id, sum(s.power * c.net * (least(s.to_day - 1, {settled}) - s.from_day + 1)) AS net
       FROM stint s JOIN app_user u ON u.partner_id = s.partner_id AND u.id = s.user_id
       JOIN class_day c ON c.day = {first_day} AND c.class_id = s.class_id
       WHERE u.settled_through IS NOT NULL AND s.from_day <= {settled}
       GROUP BY s.partner_id, s.user_id""",
    TRANSFER
    + """
        SELECT partner_id, 'settlement', user_id, {settled} - '0001-01-01'::date + 1, 2100, 99998 + 2 * user_id, net,
               'posted', at, at, nextval('transfer_posted_seq')
        FROM vendor_settled, LATERAL (SELECT {paid_at} AS at) AS moment""",
)
OWED = (
    TRANSFER
    + """
        SELECT partner_id, 'purchase', id, 1, 1200, 4300, value_usd,
               CASE state WHEN 'issued' THEN 'posted' ELSE 'voided' END, created_at, created_at,
               CASE state WHEN 'issued' THEN nextval('transfer_posted_seq') END
        FROM purchase""",
    TRANSFER
    + """
        SELECT partner_id, 'post_payment', id, 1, 1200, 4300, value_usd, 'posted', created_at, created_at,
               nextval('transfer_posted_seq')
        FROM post_payment""",
    """INSERT INTO partner_payment (partner_id, reference, amount_usd, recorded_at)
       SELECT partner_id, 'month ' || n, 1000 + n, {noon} + 30 * n * interval '1 day'
       FROM partner_day CROSS JOIN generate_series(1, {days} / 30) AS n""",
    TRANSFER
    + """
        SELECT partner_id, 'partner_payment', id, 1, 1300, 1200, amount_usd, 'posted', recorded_at, recorded_at,
               nextval('transfer_posted_seq')
        FROM partner_payment""",
)
# Every third of those settled was paid half of it, to the satoshi, in batches of 500 that others recorded.
PAID = (
    """CREATE TABLE vendor_paid AS
       SELECT row_number() OVER (ORDER BY partner_id, user_id) AS n, partner_id, user_id, trunc(net / 2, 8) AS btc
       FROM vendor_settled WHERE net >= 0.00000002 AND user_id % 3 = 0""",
    """INSERT INTO payout_batch (id, kind, state, most_fee_btc, txid, confirmations, created_at, changed_at, settled_at,
                                 fee_booked)
       SELECT b, 'external', 'final', 0, lpad(to_hex(b), 64, '0'), 100, {paid_at}, {paid_at}, {paid_at}, true
       FROM (SELECT DISTINCT 1 + n / 500 AS b FROM vendor_paid) AS batches""",
    """INSERT INTO payout_transaction (txid, batch_id, version, fee_btc, vsize, created_at)
       SELECT txid, id, 1, 0, 0, {paid_at} FROM payout_batch""",
    """INSERT INTO withdrawal (partner_id, id, user_id, speed, address, amount_btc, commission_btc, state, created_at,
                               changed_at, batch_id)
       SELECT partner_id, n, user_id, 'daily', 'bc1q' || lpad(to_hex(n), 38, 'q'), btc, 0, 'final',
              {paid_at} + n * interval '1 second', {paid_at}, 1 + n / 500 FROM vendor_paid""",
    TRANSFER
    + """
        SELECT partner_id, 'withdrawal', n, leg, CASE leg WHEN 1 THEN 99998 + 2 * user_id ELSE 2200 END,
               CASE leg WHEN 1 THEN 2200 ELSE 1400 END, btc, 'posted', {paid_at}, {paid_at},
               nextval('transfer_posted_seq')
        FROM vendor_paid CROSS JOIN (VALUES (1), (3)) AS legs (leg)""",
)
BALANCES = (
    """UPDATE account a SET credits_posted = s.net, debits_posted = coalesce(p.btc, 0)
       FROM vendor_settled s LEFT JOIN vendor_paid p ON p.partner_id = s.partner_id AND p.user_id = s.user_id
       WHERE a.partner_id = s.partner_id AND a.id = 99998 + 2 * s.user_id""",
    """UPDATE account a SET debits_posted = t.debits, credits_posted = t.credits
       FROM (SELECT partner_id, coalesce(sum(amount) FILTER (WHERE debit_account = 1200), 0) AS debits,
                    coalesce(sum(amount) FILTER (WHERE credit_account = 1200), 0) AS credits
             FROM transfer WHERE state = 'posted' AND 1200 IN (debit_account, credit_account) GROUP BY partner_id) AS t
       WHERE a.partner_id = t.partner_id AND a.id = 1200""",
    """INSERT INTO account_checkpoint (partner_id, account_id, through_seq, debits, credits)
       SELECT a.partner_id, a.id, coalesce(s.seq, 0), coalesce(s.debits, 0), coalesce(s.credits, 0)
       FROM account a LEFT JOIN (
           SELECT partner_id, account, max(seq) AS seq, sum(debit) AS debits, sum(credit) AS credits FROM (
               SELECT partner_id, debit_account AS account, posted_seq AS seq, amount AS debit, 0 AS credit
               FROM transfer WHERE state = 'posted' AND debit_account < 100000
               UNION ALL SELECT partner_id, credit_account, posted_seq, 0, amount
               FROM transfer WHERE state = 'posted' AND credit_account < 100000) AS sides
           GROUP BY partner_id, account) AS s ON s.partner_id = a.partner_id AND s.account = a.id
       WHERE a.user_id IS NULL""",
)
SEQUENCES = """
    SELECT setval('app_user_id_seq', {users}), setval('account_id_seq', 100000 + 2 * {users}),
           setval('miner_id_seq', 1000 + {miners}), setval('purchase_id_seq', 2 * {miners}),
           setval('post_payment_id_seq', {miners}), setval('stint_id_seq', 2 * {miners}),
           setval('withdrawal_id_seq', 1 + {miners}), setval('payout_batch_id_seq', 1 + {miners} / 500)"""
HELPERS = "DROP TABLE vendor_block, vendor_miner, vendor_settled, vendor_paid"


async def build(pool: db.Pool, size: Size, told: Told) -> Dataset:
    """All of it on an empty, migrated database; `told` hears of each step, its number and how many there are.

    Three connections work side by side; what needs what others make comes after it.
    """
    today = clock.day_of(clock.wall_now())
    made = await _founded(pool, size, today - size.days * clock.ONE_DAY, told)
    offer: int = await pool.fetchval("SELECT min(id) FROM collection")
    turns = _turns(made, size, offer)
    numbers = itertools.count(1)
    for turn in turns:
        steps = [_step(pool, what, statements, told, numbers, sum(map(len, turns))) for what, statements in turn]
        await asyncio.gather(*steps)
    made.users, made.miners = size.users, size.miners
    return made


async def _step(
    pool: db.Pool, what: str, statements: Sequence[str], told: Told, numbers: Iterator[int], of: int
) -> None:
    """Statements of one transaction, or of none where they vacuum."""
    told(what, next(numbers), of)
    if statements == VACUUM:
        async with pool.acquire() as connection:
            await connection.execute("SET statement_timeout = 0")
            for statement in statements:
                await connection.execute(statement, timeout=PATIENCE_SECONDS)
            await connection.execute("RESET statement_timeout")
        return
    async with db.transaction(pool) as tx:
        # What is built is measured once it is on disk; references are right by construction.
        for setting in SETTINGS:
            await tx.execute(f"SET LOCAL {setting}")
        for statement in statements:
            await tx.execute(statement, timeout=PATIENCE_SECONDS)


async def _founded(pool: db.Pool, size: Size, first_day: date, told: Told) -> Dataset:
    """Partners, prices, a programme, rate classes and the figures of every day; the first one is published."""
    told("partners", 0, size.partners)
    made = Dataset(
        pool, Shape(size.efficiencies, size.levels, size.partners), today=first_day + size.days * clock.ONE_DAY
    )
    async with db.transaction(pool) as tx:
        await found(tx, made, first_day=first_day, days=size.days, at=clock.start_of(first_day))
        await discounts.set_levels(tx, samples.pairs(samples.SAMPLE_LEVELS))
        await catalogue.put(tx, [(Decimal(1), Decimal(15), Decimal("14.99"))])
        await upgrade_tariff.put(tx, samples.SAMPLE)
        await rate_classes.publish(tx, first_day, now=clock.wall_now())
    return made


def _turns(made: Dataset, size: Size, offer: int) -> list[list[tuple[str, tuple[str, ...]]]]:
    """What is done, and the statements that do it: those of a turn side by side."""
    first_day = made.today - size.days * clock.ONE_DAY
    noon = clock.start_of(first_day) + timedelta(hours=12)
    settled = first_day + max(0, size.days - 31) * clock.ONE_DAY
    figures = {
        "users": f"{size.users}::bigint",
        "miners": f"{size.miners}::bigint",
        "days": f"{size.days}::integer",
        "efficiencies": f"{size.efficiencies}::bigint",
        "levels": f"{size.levels}::bigint",
        "first_day": f"'{first_day}'::date",
        "settled": f"'{settled}'::date",
        "noon": f"'{noon}'::timestamptz",
        "paid_at": f"'{noon + (size.days - 1) * clock.ONE_DAY}'::timestamptz",
        "programme": f"{made.programme}::bigint",
        "offer": f"{offer}::bigint",
    }
    figures["owner"] = OWNER.format(**figures)
    turns: tuple[tuple[tuple[str, tuple[str, ...]], ...], ...] = (
        (("shares of partners", (BLOCKS, "CREATE INDEX ON vendor_block (upto)", "ANALYZE vendor_block")),),
        (("miners are planned", (MINERS, "ANALYZE vendor_miner")),),
        (("users and accounts", (USERS, MEMBERS, ACCOUNTS)), ("days", DAYS), ("miners, orders, stints", SOLD + STINTS)),
        (("statistics", ("ANALYZE stint, app_user, class_day, class_power_delta, purchase", *UNINDEXED)),),
        (("closed days", CLOSED), ("settled and paid", SETTLED + PAID), ("orders are owed", OWED)),
        tuple((f"an index of transfers, {number}", (each,)) for number, each in enumerate(INDEXED, start=1)),
        (("statistics", ("ANALYZE transfer, account",)),),
        (("balances", BALANCES),),
        (("numbers go on", (SEQUENCES, HELPERS)),),
        (("counting", VACUUM),),
    )
    return [
        [
            (what, statements if statements == VACUUM else tuple(each.format(**figures) for each in statements))
            for what, statements in turn
        ]
        for turn in turns
    ]
