"""The journal: what was given and taken away, so that it is not forgotten with the books.

A verb that gives or takes something away notes it in its own transaction, so an entry is there when its effect is.
`journal_file` writes the entries into a file beside the database. Restored from a backup, the books lack what came
after it: the file tells what, and `hashrail restored` takes away again what was taken.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeAlias

import msgspec

from hashrail import clock
from hashrail.db import Reader, Row, Tx

NAME_BYTES = 16
JOURNAL_GROWS = "hashrail_journal_grows"
Part: TypeAlias = str | int | None
# What is told of a partner has one more member at its end.
_NOTE_OF_PARTNER = """
    INSERT INTO journal_entry (name, kind, what, noted_at)
    SELECT $1, $2, left($3, -1) || ',"partnerPublicId":' || to_json(public_id) || '}', $4
    FROM partner WHERE id = $5"""

_NOTE_ALL_OF_PARTNER = """
    INSERT INTO journal_entry (name, kind, what, noted_at)
    SELECT e.name, $1, left(e.what, -1) || ',"partnerPublicId":' || to_json(p.public_id) || '}', $4
    FROM unnest($2::text[], $3::text[]) WITH ORDINALITY AS e (name, what, number) JOIN partner p ON p.id = $5
    ORDER BY e.number"""


class Kind(StrEnum):
    """What an entry tells; a taking is done again in restored books, and what was given is only listed."""

    KEY_CREATED = "key created"
    KEY_ROTATED = "key rotated"
    KEY_SCOPES = "key scopes changed"
    KEY_ADDRESSES = "key addresses changed"
    KEY_REVOKED = "key revoked"
    SECRETS_REVOKED = "secrets revoked"
    USER_BLOCKED = "user blocked"
    USER_UNBLOCKED = "user unblocked"
    PARTNER_SUSPENDED = "partner suspended"
    PARTNER_CLOSED = "partner closed"
    PARTNER_REOPENED = "partner reopened"
    ORIGIN_ADDED = "origin added"
    ORIGIN_REMOVED = "origin removed"
    TON_DOMAIN_ADDED = "TON domain added"
    TON_DOMAIN_REMOVED = "TON domain removed"
    OPERATOR_ADDED = "operator added"
    OPERATOR_ROLE = "role changed"
    OPERATOR_PASSWORD = "password changed"  # noqa: S105
    OPERATOR_DISABLED = "operator disabled"
    OPERATOR_GENERATOR = "code generator set up"
    OPERATOR_PASSKEY_ADDED = "passkey added"
    OPERATOR_PASSKEY_REMOVED = "passkey removed"
    OPERATOR_FACTORS_LOST = "second factors taken away"
    OPERATOR_ACTION = "operator action"
    MEMBER_ADDED = "member added"
    MEMBER_ROLE = "member's role changed"
    MEMBER_PASSWORD = "member's password changed"  # noqa: S105
    MEMBER_DISABLED = "member disabled"
    MEMBER_GENERATOR = "member's code generator set up"
    MEMBER_PASSKEY_ADDED = "member's passkey added"
    MEMBER_PASSKEY_REMOVED = "member's passkey removed"
    WALLET_BOUND = "address bound"
    WALLET_UNBOUND = "address unbound"
    ORDER_CANCELLED = "order cancelled"
    ORDER_REFUNDED = "order refunded"
    PAYMENT_REVERSED = "partner payment reversed"
    BALANCE_CREDITED = "balance credited"
    BALANCE_DEBITED = "balance debited"
    WITHDRAWAL_ENDED = "withdrawal ended"
    WEBHOOK_CREATED = "webhook endpoint created"
    WEBHOOK_ROTATED = "webhook secret rotated"
    WEBHOOK_ENABLED = "webhook endpoint enabled"
    WEBHOOK_DISABLED = "webhook endpoint disabled"
    WEBHOOK_DELETED = "webhook endpoint deleted"
    RESTORED = "restored"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry; `name` is 128 random bits in hex, and `noted_at` wall time."""

    name: str
    kind: str
    what: dict[str, Any]
    noted_at: datetime


async def note(tx: Tx, kind: Kind, *, partner_id: int | None = None, **what: Part) -> None:
    """Keep what a verb gives or takes away, in the transaction that does it.

    A partner is noted with its public id, which no other partner gets, whatever becomes of its number.
    """
    name, now = secrets.token_hex(NAME_BYTES), clock.wall_now()
    if partner_id is None:
        await take_over(tx, [Entry(name, kind.value, what, now)])
    else:
        text = msgspec.json.encode({"partner": partner_id, **what}).decode()
        written = await tx.execute(_NOTE_OF_PARTNER, name, kind.value, text, now, partner_id)
        assert written == "INSERT 0 1", "the partner is there"
    await tx.execute("SELECT pg_notify($1, '')", JOURNAL_GROWS)


async def note_all(tx: Tx, kind: Kind, partner_id: int, whats: Sequence[Mapping[str, Part]]) -> None:
    """Several of one kind and partner, as `note` keeps each, in this order."""
    names = [secrets.token_hex(NAME_BYTES) for _ in whats]
    texts = [msgspec.json.encode({"partner": partner_id, **what}).decode() for what in whats]
    written = await tx.execute(_NOTE_ALL_OF_PARTNER, kind.value, names, texts, clock.wall_now(), partner_id)
    assert written == f"INSERT 0 {len(whats)}", "the partner is there"
    await tx.execute("SELECT pg_notify($1, '')", JOURNAL_GROWS)


async def beyond(reader: Reader, known: list[str], *, overlap: int, limit: int) -> list[Entry]:
    """Entries that are not among the known, oldest first, from a little before the newest known one on.

    What commits late has a lower number than what has committed before it: hence the overlap.
    """
    rows = await reader.fetch(
        """SELECT name, kind, what, noted_at FROM journal_entry
           WHERE id > coalesce((SELECT max(id) FROM journal_entry WHERE name = ANY ($1)), 0) - $2
             AND name <> ALL ($1)
           ORDER BY id LIMIT $3""",
        known,
        overlap,
        limit,
    )
    return [_entry(row) for row in rows]


async def absent(reader: Reader, names: list[str]) -> set[str]:
    """Which of the names no entry of the books has."""
    rows = await reader.fetch("SELECT name FROM journal_entry WHERE name = ANY ($1)", names)
    return set(names) - {row["name"] for row in rows}


async def take_over(tx: Tx, entries: list[Entry]) -> None:
    """Keep entries, those of lost life for instance: the books know of them from now on."""
    await tx.executemany(
        """INSERT INTO journal_entry (name, kind, what, noted_at) VALUES ($1, $2, $3, $4)
           ON CONFLICT (name) DO NOTHING""",
        [(one.name, one.kind, msgspec.json.encode(one.what).decode(), one.noted_at) for one in entries],
    )


def _entry(row: Row) -> Entry:
    return Entry(row["name"], row["kind"], msgspec.json.decode(row["what"]), row["noted_at"])
