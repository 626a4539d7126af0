"""What a text names: a user, an order, a miner, a withdrawal, a deposit, an address, a transaction, a key.

A customer sends one word, and often does not know what it is. So it is looked up as everything that it can be, over all
partners, by index alone: partner by partner, or in a table that leads to the partner. Where there are many, the newest
are told.

A request's id is kept in the log of the API, not here.
"""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from hashrail.db import Reader
from hashrail.errors import NotFoundError

MAX_NUMBER = 2**63 - 1
# Of each kind, the newest.
SHOWN = 20
NUMERAL = re.compile(r"[0-9]{1,19}")
TXID = re.compile(r"[0-9a-fA-F]{64}")
# As the log and the audit name a withdrawal.
OF_PARTNER = re.compile(r"(?P<partner>[0-9]{1,18}):(?P<number>[0-9]{1,18})")
REQUEST_ID = re.compile(r"[0-9a-f]{32}")


class NothingFoundError(NotFoundError):
    """The text names nothing in the books."""

    code = "NOTHING_FOUND"
    advice = "Look whether it was copied whole. A request's id is in the log of the API: hashrail log --request-id"


class RequestIdError(NotFoundError):
    """The text has the form of a request's id, which the books do not have."""

    code = "IS_REQUEST_ID"
    advice = "Look for it in the log: journalctl --namespace=hashrail -o cat | hashrail log --request-id REQUEST_ID"


@dataclass(frozen=True, slots=True)
class Hit:
    """Something that the text names: its kind and name, whose it is, what is to be said of it."""

    kind: str
    partner_id: int | None
    partner: str | None
    name: str
    partner_user_id: str | None
    said: str

    @property
    def command(self) -> str:
        """The command that shows it."""
        words = {"name": self.name, "partner": self.partner_id, "user": self.partner_user_id}
        given = {word: shlex.quote(str(value)) for word, value in words.items() if value is not None}
        return COMMANDS[self.kind].format(**given)


_OF_USER = "hashrail {noun} list --partner {{partner}} --user {{user}}"
COMMANDS = {
    "partner": "hashrail partner list",
    "key": "hashrail partner key list --partner {partner}",
    "user": "hashrail user show {user} --partner {partner}",
    "order": "hashrail order show {name} --partner {partner}",
    "miner": "hashrail miner show {name} --partner {partner}",
    "withdrawal": "hashrail withdrawal show {name} --partner {partner}",
    "deposit": _OF_USER.format(noun="deposit"),
    "bound address": _OF_USER.format(noun="address"),
    "address taken off": _OF_USER.format(noun="address"),
    "deposit address": _OF_USER.format(noun="deposit"),
    "batch": "hashrail payouts batches {name}",
    "unknown spend": "hashrail payouts status",
}
# What each of them is looked up by: $1 is the text or number, $2 the partner or NULL, $3 how many.
# By the partner of the row itself: by that of another table, several servers would have to exchange rows.
_USER = "JOIN app_user u ON u.partner_id = {0}.partner_id AND u.id = {0}.user_id".format
_ASKED = "($2::bigint IS NULL OR p.id = $2)"
_WITHDRAWAL = """
    SELECT 'withdrawal' AS kind, p.id AS partner_id, p.name AS partner, w.id::text AS name, u.partner_user_id,
           trim_scale(w.amount_btc) || ' BTC to ' || w.address || ', ' || w.state AS said, w.id AS number"""
_DEPOSIT = """
    SELECT 'deposit' AS kind, p.id AS partner_id, p.name AS partner, d.id::text AS name, u.partner_user_id,
           trim_scale(d.amount_btc) || ' BTC at ' || d.address || ', ' || d.state AS said, d.id AS number"""
_ORDER = """
    SELECT 'order' AS kind, p.id AS partner_id, p.name AS partner, o.external_id AS name, u.partner_user_id,
           'order ' || o.id || ': ' || trim_scale(o.power) || ' TH for ' || trim_scale(o.value_usd) || ' USD, '
           || o.state AS said, o.id AS number"""
_USERS = """
    SELECT 'user' AS kind, p.id AS partner_id, p.name AS partner, u.id::text AS name, u.partner_user_id,
           'user ' || u.id || CASE WHEN u.blocked_at IS NULL THEN '' ELSE ', blocked' END AS said, u.id AS number"""
_KEY = """
    SELECT 'key' AS kind, p.id AS partner_id, p.name AS partner, k.id::text AS name, NULL AS partner_user_id,
           k.kind || ' key ' || k.id || CASE WHEN k.label = '' THEN '' ELSE ', ' || k.label END
           || CASE WHEN k.revoked_at IS NULL THEN '' ELSE ', revoked' END AS said, k.id AS number"""
_MINER = """
    SELECT 'miner' AS kind, p.id AS partner_id, p.name AS partner, m.id::text AS name, u.partner_user_id,
           trim_scale(m.power) || ' TH at ' || trim_scale(m.energy_efficiency) || ' W/TH' AS said, m.id AS number"""
_PARTNER = """
    SELECT 'partner' AS kind, p.id AS partner_id, p.name AS partner, p.public_id AS name, NULL AS partner_user_id,
           'partner ' || p.id AS said, p.id AS number"""
_BOUND = """
    SELECT 'bound address' AS kind, p.id AS partner_id, p.name AS partner, b.address AS name, u.partner_user_id,
           'user ' || u.id AS said, b.id AS number"""
_TAKEN_OFF = """
    SELECT 'address taken off' AS kind, p.id AS partner_id, p.name AS partner, b.address AS name, u.partner_user_id,
           'user ' || u.id AS said, u.id AS number"""
_GIVEN = """
    SELECT 'deposit address' AS kind, p.id AS partner_id, p.name AS partner, a.address AS name, u.partner_user_id,
           'user ' || u.id AS said, u.id AS number"""
# Addresses are on one server and users with their partners, so the address is looked up by itself.
_ADDRESS = "(SELECT address, partner_id, user_id FROM deposit_address WHERE address = $1) a"
BY_NUMBER: Mapping[str, str] = {
    "user": f"""{_USERS} FROM partner p JOIN app_user u ON u.partner_id = p.id AND u.id = $1
        WHERE {_ASKED} ORDER BY number DESC LIMIT $3""",
    "order": f"""{_ORDER} FROM partner p JOIN purchase o ON o.partner_id = p.id AND o.id = $1
        {_USER("o")} WHERE {_ASKED} ORDER BY number DESC LIMIT $3""",
    "miner": f"""{_MINER} FROM partner p JOIN miner m ON m.partner_id = p.id AND m.id = $1
        {_USER("m")} WHERE {_ASKED} ORDER BY number DESC LIMIT $3""",
    "withdrawal": f"""{_WITHDRAWAL} FROM partner p JOIN withdrawal w ON w.partner_id = p.id AND w.id = $1
        {_USER("w")} WHERE {_ASKED} ORDER BY number DESC LIMIT $3""",
    "deposit": f"""{_DEPOSIT} FROM partner p JOIN deposit d ON d.partner_id = p.id AND d.id = $1
        {_USER("d")} WHERE {_ASKED} ORDER BY number DESC LIMIT $3""",
    "key": f"""{_KEY} FROM partner p JOIN api_key k ON k.partner_id = p.id AND k.id = $1
        WHERE {_ASKED} ORDER BY number DESC LIMIT $3""",
    "batch": """
        SELECT 'batch' AS kind, NULL::bigint AS partner_id, NULL AS partner, b.id::text AS name,
               NULL AS partner_user_id, b.kind || ' batch, ' || b.state AS said, b.id AS number
        FROM payout_batch b WHERE b.id = $1 AND $2::bigint IS NULL LIMIT $3""",
}
BY_TXID: Mapping[str, str] = {
    "batch": """
        SELECT 'batch' AS kind, NULL::bigint AS partner_id, NULL AS partner, b.id::text AS name,
               NULL AS partner_user_id, b.kind || ' batch, ' || b.state || ', by version ' || t.version AS said,
               b.id AS number
        FROM payout_transaction t JOIN payout_batch b ON b.id = t.batch_id
        WHERE t.txid = $1 AND $2::bigint IS NULL LIMIT $3""",
    "withdrawal": f"""{_WITHDRAWAL} FROM payout_transaction t CROSS JOIN partner p
        JOIN withdrawal w ON w.partner_id = p.id AND w.batch_id = t.batch_id
        {_USER("w")} WHERE t.txid = $1 AND {_ASKED} ORDER BY number DESC LIMIT $3""",
    "deposit": f"""{_DEPOSIT} FROM partner p JOIN deposit d ON d.partner_id = p.id AND d.txid = $1
        {_USER("d")} WHERE {_ASKED} ORDER BY number DESC LIMIT $3""",
    "unknown spend": """
        SELECT 'unknown spend' AS kind, NULL::bigint AS partner_id, NULL AS partner, f.txid AS name,
               NULL AS partner_user_id, 'spends coins of ours' AS said, 0::bigint AS number
        FROM payout_foreign_spend f WHERE f.txid = $1 AND $2::bigint IS NULL LIMIT $3""",
}
BY_TEXT: Mapping[str, str] = {
    "partner": f"""{_PARTNER} FROM partner p WHERE (p.name = $1 OR p.public_id = $1) AND {_ASKED} LIMIT $3""",
    "user": f"""{_USERS} FROM partner p JOIN app_user u ON u.partner_id = p.id AND u.partner_user_id = $1
        WHERE {_ASKED} ORDER BY number DESC LIMIT $3""",
    "order": f"""{_ORDER} FROM partner p JOIN purchase o ON o.partner_id = p.id AND o.external_id = $1
        {_USER("o")} WHERE {_ASKED} ORDER BY number DESC LIMIT $3""",
    "key": f"""{_KEY} FROM partner p JOIN api_key k ON k.partner_id = p.id AND k.key = $1
        WHERE {_ASKED} ORDER BY number DESC LIMIT $3""",
    "withdrawal": f"""{_WITHDRAWAL} FROM partner p JOIN withdrawal w ON w.partner_id = p.id AND w.address = $1
        {_USER("w")} WHERE {_ASKED} ORDER BY number DESC LIMIT $3""",
    "bound address": f"""{_BOUND} FROM partner p JOIN wallet b ON b.partner_id = p.id AND b.address = $1
        {_USER("b")} WHERE {_ASKED} ORDER BY number DESC LIMIT $3""",
    "address taken off": f"""{_TAKEN_OFF} FROM partner p JOIN wallet_unbound b ON b.partner_id = p.id AND b.address = $1
        {_USER("b")} WHERE {_ASKED} ORDER BY number DESC LIMIT $3""",
    "deposit address": f"""{_GIVEN} FROM {_ADDRESS} JOIN partner p ON p.id = a.partner_id
        {_USER("a")} WHERE {_ASKED} LIMIT $3""",
    "deposit": f"""{_DEPOSIT} FROM {_ADDRESS} JOIN partner p ON p.id = a.partner_id
        JOIN deposit d ON d.partner_id = a.partner_id AND d.user_id = a.user_id AND d.address = a.address
        {_USER("d")} WHERE {_ASKED} ORDER BY number DESC LIMIT $3""",
}
# An Idempotency-Key leads to the withdrawal that was asked for with it, for ever.
_KEYS = "SELECT i.partner_id, i.withdrawal_id"
BY_KEY = f"""{_KEYS} FROM partner p
    JOIN withdrawal_key i ON i.partner_id = p.id AND i.key = convert_to($1, 'UTF8') WHERE {_ASKED} LIMIT $3"""


async def find(tx: Reader, text: str, *, partner_id: int | None = None) -> list[Hit]:
    """Everything that a text names, of one partner or of all. Raises NothingFoundError, RequestIdError."""
    given = text.strip()
    asked: list[tuple[Mapping[str, str], str | int]] = [(BY_TEXT, given)]
    if NUMERAL.fullmatch(given) and int(given) <= MAX_NUMBER:
        asked.append((BY_NUMBER, int(given)))
    if TXID.fullmatch(given):
        asked.append((BY_TXID, given.lower()))
    hits: list[Hit] = []
    # PostgreSQL keeps no such character in a text, so nothing is named so.
    if given and "\0" not in given:
        for statements, value in asked:
            for statement in statements.values():
                hits += await _hits(tx, statement, value, partner_id)
        hits += await _of_partner(tx, given, partner_id)
        for row in await tx.fetch(BY_KEY, given, partner_id, SHOWN):
            hits += await _hits(tx, BY_NUMBER["withdrawal"], row["withdrawal_id"], row["partner_id"])
    if not hits:
        if REQUEST_ID.fullmatch(given):
            told = f"it looks like a request's id, which is in no books: hashrail log --request-id {given}"
            raise RequestIdError(told, field="text")
        raise NothingFoundError("the books have nothing of that name", field="text")
    return list(dict.fromkeys(hits))


async def _of_partner(tx: Reader, given: str, partner_id: int | None) -> list[Hit]:
    """A withdrawal by its partner's number and its own."""
    named = OF_PARTNER.fullmatch(given)
    if named is None or partner_id not in (None, int(named["partner"])):
        return []
    return await _hits(tx, BY_NUMBER["withdrawal"], int(named["number"]), int(named["partner"]))


async def _hits(tx: Reader, statement: str, value: str | int, partner_id: int | None) -> list[Hit]:
    rows = await tx.fetch(statement, value, partner_id, SHOWN)
    return [
        Hit(
            kind=row["kind"],
            partner_id=row["partner_id"],
            partner=row["partner"],
            name=row["name"],
            partner_user_id=row["partner_user_id"],
            said=row["said"],
        )
        for row in rows
    ]
