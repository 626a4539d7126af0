"""How far an invariant has to be looked at after a mark.

An invariant is a function of rows. While none of them is written, it holds as it did; so each says, for every table
that it reads, which of its keys a written row concerns. Where rows of such a table were deleted, or too many were
written, or one that never changes, everything is looked at.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from hashrail.audit.checks.changes import Changes
from hashrail.db import Row

Key: TypeAlias = tuple[Any, ...]
# The keys that rows of a table concern; None for all there are.
Source: TypeAlias = Callable[[Changes, Sequence[Row]], Awaitable[Iterable[Key] | None]]
# What invariants read of the tables that are limited.
READ: Mapping[str, str] = {
    "adjustment": "id day effective_day pool_btc_per_th btc_usd kwh_usd service_usd_per_th",
    "app_user": "partner_id id created_at level_discount settled_through",
    "balance_correction": "partner_id id user_id currency amount",
    "class_day": "day class_id discount pool c1 c2 net pool_sum c1_sum c2_sum net_sum",
    "class_power": "partner_id class_id power",
    "day_document": "day content sha256 previous_sha256",
    "deposit": "partner_id id user_id address txid vout amount_btc state legs created_at",
    "invoice": "partner_id number month carried_in_usd charged_usd amount_usd carried_out_usd paid_usd",
    "miner": "partner_id id user_id name power energy_efficiency created_at ended_at",
    "partner": "id name created_at",
    "partner_payment": "partner_id id amount_usd",
    "payment_reversal": "partner_id payment_id reversed_at",
    "payout_batch": "id kind state most_fee_btc txid created_at settled_at",
    "payout_input": "batch_id txid vout amount_btc",
    "pool_receipt": "id source key day amount_btc undivided_btc txid simulated reversed_at",
    "pool_receipt_share": "partner_id receipt_id leg day amount_btc",
    "post_payment": "partner_id id miner_id kind value_usd created_at",
    "purchase": "partner_id id user_id power energy_efficiency value_usd state attempt created_at miner_id",
    "stint": "partner_id id miner_id user_id class_id power from_day to_day",
    "transfer": (
        "partner_id kind object_id leg debit_account credit_account amount state created_at resolved_at posted_seq"
    ),
    "withdrawal": (
        "partner_id id user_id address amount_btc commission_btc state created_at batch_id needs_approval "
        "single_threshold_btc partner_threshold_btc sum_of_user_btc sum_to_address_btc sum_of_partner_btc"
    ),
}
OPENED_AGAIN = """
    SELECT count(*) FROM unnest($1::bigint[], $2::date[]) AS k (partner_id, day)
    JOIN audited_partner a ON a.partner_id = k.partner_id
    WHERE coalesce(k.day, '-infinity') < coalesce(a.closed_through, '-infinity')"""
TYPES = {"kind": "text", "leg": "integer", "day": "date", "month": "date"}


@dataclass(frozen=True, slots=True)
class Whole:
    """Looked at as a whole each time; `why` that costs little."""

    why: str


@dataclass(frozen=True, slots=True)
class Since:
    """Looked at by the keys that rows written since the mark concern.

    `by` names the parts of a key. `sources` has a source for each table that the invariant reads. `limits` gives for
    some of them what stands in their place in the query, in terms of `{keys}`; or a `query` of its own does it all, in
    which `{day}` and `{published}` are the mark's. Where everything is looked at, the table itself stands in their
    place, or what `wholly` has. `always` looks even where no key is concerned.
    """

    by: tuple[str, ...]
    sources: Mapping[str, Source]
    limits: Mapping[str, str] = field(default_factory=dict)
    query: str | None = None
    wholly: Mapping[str, str] = field(default_factory=dict)
    always: bool = False

    async def keys(self, changes: Changes) -> set[Key] | None:
        """The keys to look at; None for all."""
        moving = {table: source for table, source in self.sources.items() if source is not unmoved}
        if changes.deleted & moving.keys():
            return None
        found: set[Key] = set()
        for table, source in moving.items():
            rows = await changes.of(table)
            keys = None if rows is None else await source(changes, rows)
            if keys is None:
                return None
            found.update(keys)
        return found


Scope: TypeAlias = Whole | Since


def key(*columns: str) -> Source:
    """The row's own columns are the key."""

    async def keys(_: Changes, rows: Sequence[Row]) -> Iterable[Key]:
        return [tuple(row[column] for column in columns) for row in rows]

    return keys


def of_kind(*kinds: str, columns: Sequence[str] = ("partner_id", "object_id")) -> Source:
    """Transfers of these kinds, by these of their columns."""

    async def keys(_: Changes, rows: Sequence[Row]) -> Iterable[Key]:
        return [tuple(row[column] for column in columns) for row in rows if row["kind"] in kinds]

    return keys


def lookup(statement: str, *columns: str, parts: Sequence[str] = ("partner_id", "id")) -> Source:
    """What a statement answers for an array of each of these columns, by the names of the key's parts."""

    async def keys(changes: Changes, rows: Sequence[Row]) -> Iterable[Key]:
        if not rows:
            return []
        given = [[row[column] for row in rows] for column in columns]
        return [tuple(row[part] for part in parts) for row in await changes.tx.fetch(statement, *given)]

    return keys


def unless(count: str, source: Source, *columns: str) -> Source:
    """What a source says, unless a statement counts any of the rows by these columns: then everything."""

    async def keys(changes: Changes, rows: Sequence[Row]) -> Iterable[Key] | None:
        if rows and await changes.tx.fetchval(count, *([row[column] for row in rows] for column in columns)):
            return None
        return await source(changes, rows)

    return keys


def closed_since(statement: str, *parts: str) -> Source:
    """What a statement answers for partners whose days were closed; everything, where one is closed less far."""
    return unless(OPENED_AGAIN, lookup(statement, "partner_id", parts=parts), "partner_id", "closed_through")


def settled_if(judge: Callable[[Changes, Row], bool]) -> Source:
    """Nothing, unless a row is among those that are never written again: then everything."""

    async def keys(changes: Changes, rows: Sequence[Row]) -> Iterable[Key] | None:
        return None if any(judge(changes, row) for row in rows) else []

    return keys


async def unmoved(_: Changes, __: Sequence[Row]) -> Iterable[Key]:
    """Nothing: what is read of this table never changes, or another invariant sees it."""
    return []


async def everything(_: Changes, rows: Sequence[Row]) -> Iterable[Key] | None:
    """All there is, as soon as one is written."""
    return None if rows else []


def on(table: str, where: str = "", **columns: str) -> str:
    """The rows of a table of which these columns are, in this order of names, those parts of a key."""
    joined = " AND ".join(f"t.{column} = k.{part}" for column, part in columns.items())
    return f"(SELECT {read(table)} FROM {{keys}} JOIN {table} t ON {joined}{where and f' AND {where}'})"  # noqa: S608


def read(table: str) -> str:
    """The columns of a table, called t, that invariants read."""
    return ", ".join(f"t.{column}" for column in READ[table].split())


def transfers(kind: str) -> str:
    """The transfers of a kind whose object is the key."""
    return on("transfer", f"t.kind = '{kind}'", partner_id="partner_id", object_id="id")


def transfers_of_all(kind: str) -> str:
    """The same of all partners, whose key is the object alone."""
    return f"""(SELECT {read("transfer")} FROM partner p CROSS JOIN {{keys}}
                JOIN transfer t ON t.partner_id = p.id AND t.kind = '{kind}' AND t.object_id = k.id)"""  # noqa: S608


def columns_of(keys: Iterable[Key], parts: int) -> list[list[Any]]:
    """Keys as an array for each of their parts, in an order of their own."""
    ordered = list(keys)
    return [[each[number] for each in ordered] for number in range(parts)]


# Published days and classes are never written again: who does so changes what everybody has earned.
PUBLISHED_DAY = settled_if(lambda changes, row: row["day"] <= changes.mark.published_through)
OLD_CLASS = settled_if(lambda changes, row: row["id"] <= changes.mark.newest_class)
CREDITED = settled_if(lambda changes, row: row["effective_day"] <= changes.mark.published_through)
