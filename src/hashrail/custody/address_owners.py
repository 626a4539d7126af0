"""Whose an address of deposits is: the books know, or the label that the wallet keeps of it names the user.

What is known of addresses is on one server and users are with their partners, so they are asked one after the other.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from hashrail.bitcoin.records import WalletEntry
from hashrail.db import Reader

LABEL = re.compile(r"(?P<partner>partner-[0-9a-f-]{36})/(?P<user>.+)", re.S)
_GIVEN = "SELECT address, partner_id, user_id FROM deposit_address WHERE address = ANY($1)"
_LABELLED = """
    SELECT e.address, u.partner_id, u.id AS user_id
    FROM unnest($1::text[], $2::text[], $3::text[]) AS e (address, partner, partner_user)
    JOIN partner p ON p.public_id = e.partner
    JOIN app_user u ON u.partner_id = p.id AND u.partner_user_id = e.partner_user"""
_LABELS = """
    SELECT u.partner_id, u.id, p.public_id || '/' || u.partner_user_id AS label
    FROM unnest($1::bigint[], $2::bigint[]) AS k (partner_id, id) JOIN partner p ON p.id = k.partner_id
    JOIN app_user u ON u.partner_id = k.partner_id AND u.id = k.id"""


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose an address is, and whether the books know that address or only the node's label tells it."""

    partner_id: int
    user_id: int
    is_known: bool


async def find(reader: Reader, entries: Sequence[WalletEntry]) -> dict[str, Owner]:
    """Whose the addresses of these entries are; nobody's are left out."""
    rows = await reader.fetch(_GIVEN, [entry.address for entry in entries])
    found = {row["address"]: Owner(row["partner_id"], row["user_id"], is_known=True) for row in rows}
    labels = {entry.address: LABEL.fullmatch(entry.label or "") for entry in entries if entry.address not in found}
    named = {address: label for address, label in labels.items() if address is not None and label is not None}
    if named:
        rows = await reader.fetch(
            _LABELLED,
            list(named),
            [label["partner"] for label in named.values()],
            [label["user"] for label in named.values()],
        )
        found |= {row["address"]: Owner(row["partner_id"], row["user_id"], is_known=False) for row in rows}
    return found


async def labels(reader: Reader, addresses: Sequence[str]) -> dict[str, str]:
    """What the wallet is to call these addresses, as far as the books know them."""
    given = await reader.fetch(_GIVEN, list(addresses))
    users = await labels_of(reader, [(row["partner_id"], row["user_id"]) for row in given])
    return {row["address"]: users[row["partner_id"], row["user_id"]] for row in given}


async def labels_of(reader: Reader, users: Sequence[tuple[int, int]]) -> dict[tuple[int, int], str]:
    """What the wallet calls the address of each of these users (partner, number): by names that outlive the books'."""
    rows = await reader.fetch(_LABELS, [partner_id for partner_id, _ in users], [user_id for _, user_id in users])
    return {(row["partner_id"], row["id"]): row["label"] for row in rows}
