"""What was taken away in the life that is lost is taken away again; what was given is only told.

Of entries about the same thing the last one counts: who was blocked and unblocked again is not blocked.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from ipaddress import ip_network
from typing import Any, TypeAlias

from hashrail import clock, db
from hashrail.access import api_keys, origins, ton_domains
from hashrail.books import fence
from hashrail.books.fence import OpenBooks
from hashrail.custody import bound_wallets, corrections, withdrawals
from hashrail.custody.corrections import Correction
from hashrail.db import Reader, Tx
from hashrail.deployment.journal import Entry, Kind
from hashrail.errors import ConflictError, NotFoundError
from hashrail.events import endpoints
from hashrail.parties import member_passkeys, members, operator_passkeys, operators, partners, standings, users
from hashrail.parties.members import Member
from hashrail.parties.partners import Partner
from hashrail.selling import orders, partner_closing, payment_reversals, refunds

What: TypeAlias = dict[str, Any]
# Entries that take back what another kind of entry says of the same thing.
OPPOSITES = {
    Kind.USER_UNBLOCKED: Kind.USER_BLOCKED,
    Kind.PARTNER_REOPENED: Kind.PARTNER_SUSPENDED,
    Kind.ORIGIN_ADDED: Kind.ORIGIN_REMOVED,
    Kind.TON_DOMAIN_ADDED: Kind.TON_DOMAIN_REMOVED,
    Kind.WALLET_BOUND: Kind.WALLET_UNBOUND,
    Kind.KEY_CREATED: Kind.KEY_REVOKED,
    Kind.KEY_ROTATED: Kind.KEY_REVOKED,
    Kind.WEBHOOK_CREATED: Kind.WEBHOOK_DELETED,
    Kind.WEBHOOK_ENABLED: Kind.WEBHOOK_DISABLED,
    Kind.OPERATOR_PASSKEY_ADDED: Kind.OPERATOR_PASSKEY_REMOVED,
    Kind.MEMBER_PASSKEY_ADDED: Kind.MEMBER_PASSKEY_REMOVED,
}
# What an entry tells, in the order in which it is said, and the word before each.
WORDS = {
    "user": "user",
    "key": "key",
    "origin": "origin",
    "domain": "domain",
    "order": "order",
    "payment": "payment",
    "amountUsd": "of USD",
    "amount": "of",
    "currency": "",
    "reference": "by reference",
    "withdrawal": "withdrawal",
    "webhook": "webhook endpoint",
    "address": "address",
    "passkey": "passkey",
    "operator": "operator",
    "member": "member",
    "action": "action",
    "subject": "on",
    "partner": "of partner",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an entry; `left` says why nothing was done, None where it is as it was before the loss."""

    kind: str
    about: str
    noted_at: datetime
    left: str | None


async def of_operators(tx: Tx, entries: list[Entry]) -> list[Outcome]:
    """Disable operators, lower roles, change passwords and take second factors away again."""
    return await _take(tx, entries, _OF_OPERATORS)


async def of_partners(tx: Tx, entries: list[Entry]) -> list[Outcome]:
    """Take from partners and users again what was taken from them; the fences of their partners are shared first.

    That of a partner whose standing changes is held.
    """
    await fence.hold(tx, await _numbers(tx, [one.what for one in entries if one.kind in _HOLDING]))
    books = await _books(tx, [one.what for one in entries if one.kind in _OF_PARTNERS])

    def within(verb: OfPartner) -> Verb:
        async def act(tx: Tx, what: What) -> None:
            open_books = books.get(what["partnerPublicId"])
            if open_books is None:
                raise NotInBooksError
            await verb(tx, open_books, what)

        return act

    return await _take(tx, entries, {kind: within(verb) for kind, verb in _OF_PARTNERS.items()})


def given(entries: list[Entry]) -> list[Entry]:
    """What was given last, and not taken away again: nobody does it again but the operator."""
    return [one for one in newest(entries) if one.kind not in _OF_OPERATORS and one.kind not in _OF_PARTNERS]


def newest(entries: list[Entry]) -> list[Entry]:
    """The last entry about each thing, oldest first."""
    last = {(OPPOSITES.get(Kind(one.kind), one.kind), about(one)): one for one in entries if one.kind in set(Kind)}
    return sorted(last.values(), key=lambda one: one.noted_at)


def about(entry: Entry) -> str:
    """Whom or what an entry is about, in a line."""
    what = entry.what
    words = [f"{name} {what[key]}".lstrip() for key, name in WORDS.items() if what.get(key) is not None]
    return ", ".join(words) if entry.kind == Kind.OPERATOR_ACTION else " ".join(words)


class NotInBooksError(Exception):
    """What an entry is about is not in the books: it came after them."""


Verb: TypeAlias = Callable[[Tx, What], Awaitable[None]]
OfPartner: TypeAlias = Callable[[Tx, OpenBooks, What], Awaitable[None]]


async def _take(tx: Tx, entries: list[Entry], verbs: dict[Kind, Verb]) -> list[Outcome]:
    found = []
    for one in newest(entries):
        verb = verbs.get(Kind(one.kind))
        if verb is None:
            continue
        left = None
        try:
            async with db.savepoint(tx):
                await verb(tx, one.what)
        except NotInBooksError:
            left = "it is not in the books"
        except (ConflictError, NotFoundError) as error:
            left = error.message
        found.append(Outcome(one.kind, about(one), one.noted_at, left))
    return found


async def _books(tx: Tx, whats: list[What]) -> dict[str, OpenBooks]:
    """The open books of every partner that is named and is in the books, by its public id."""
    return {partner.public_id: await fence.share(tx, partner.id) for partner in await _named(tx, whats)}


async def _numbers(tx: Tx, whats: list[What]) -> list[int]:
    return [partner.id for partner in await _named(tx, whats)]


async def _named(tx: Tx, whats: list[What]) -> list[Partner]:
    """The partners that are named and are in the books."""
    named = {what["partnerPublicId"] for what in whats}
    return [partner for partner in await partners.every(tx) if partner.public_id in named]


async def _disable(tx: Tx, what: What) -> None:
    await operators.disable(tx, what["operator"])


async def _lower(tx: Tx, what: What) -> None:
    """A role that was raised is given by an admin, and not by a file."""
    present = await operators.find(tx, what["operator"])
    if operators.ROLES.index(what["role"]) < operators.ROLES.index(present.role):
        await operators.set_role(tx, what["operator"], what["role"])


async def _set_password(tx: Tx, what: What) -> None:
    await operators.set_digest(tx, what["operator"], what["digest"])


async def _forget_factors(tx: Tx, what: What) -> None:
    """A generator that was set up since is one of the life that is lost: its owner sets up another one."""
    await operators.forget_factors(tx, await operators.find(tx, what["operator"]))


async def _drop_passkey(tx: Tx, what: What) -> None:
    found = await operators.find(tx, what["operator"])
    if not await operator_passkeys.drop(tx, found.id, what["passkey"]):
        raise NotInBooksError


async def _block(tx: Tx, books: OpenBooks, what: What) -> None:
    """Whether the withdrawals of a blocked user go on is as it was said last; older journals do not tell."""
    await users.block(tx, books.partner_id, what["user"], payouts_go_on=what.get("payoutsGoOn", False))


async def _suspend(tx: Tx, books: OpenBooks, what: What) -> None:
    """One that is closed in the books was closed after it was suspended."""
    if books.standing != "closed":
        await standings.suspend(tx, books.partner_id, reason=what["reason"])


async def _close(tx: Tx, books: OpenBooks, what: What) -> None:
    await partner_closing.close(tx, books.partner_id, reason=what["reason"])


async def _revoke_key(tx: Tx, books: OpenBooks, what: What) -> None:
    await api_keys.revoke_key(tx, partner_id=books.partner_id, key_id=await _key(tx, books, what))


async def _revoke_secrets(tx: Tx, books: OpenBooks, what: What) -> None:
    key_id = await _key(tx, books, what)
    await api_keys.revoke_secrets_before(tx, partner_id=books.partner_id, key_id=key_id, secret_id=what["kept"])


async def _keep_scopes(tx: Tx, books: OpenBooks, what: What) -> None:
    key_id = await _key(tx, books, what)
    await api_keys.keep_scopes(tx, partner_id=books.partner_id, key_id=key_id, scopes=what["scopes"].split())


async def _narrow_addresses(tx: Tx, books: OpenBooks, what: What) -> None:
    """From more networks than before a key is used once somebody lets it, and not by a file."""
    networks = [ip_network(text) for text in what["addresses"].split()]
    key_id = await _key(tx, books, what)
    await api_keys.narrow_addresses(tx, partner_id=books.partner_id, key_id=key_id, allowed_ips=networks)


async def _key(tx: Reader, books: OpenBooks, what: What) -> int:
    found = await api_keys.number_of(tx, books.partner_id, what["key"])
    if found is None:
        raise NotInBooksError
    return found


async def _remove_origin(tx: Tx, books: OpenBooks, what: What) -> None:
    await origins.remove(tx, books.partner_id, what["origin"])


async def _remove_domain(tx: Tx, books: OpenBooks, what: What) -> None:
    await ton_domains.remove_ton_domain(tx, books.partner_id, what["domain"])


async def _take_off(tx: Tx, books: OpenBooks, what: What) -> None:
    user = await users.find(tx, books.partner_id, what["user"])
    if not await bound_wallets.take_off(tx, books, user, what["address"]):
        raise NotInBooksError


async def _cancel_order(tx: Tx, books: OpenBooks, what: What) -> None:
    await orders.cancel(tx, books, external_id=what["order"])


async def _refund_order(tx: Tx, books: OpenBooks, what: What) -> None:
    """On the terms that it was refunded on. One that is not issued in the books has no miner to take back."""
    issued = await refunds.lock(tx, books, what["order"])
    await refunds.refund(tx, books, replace(issued, takes_income=what["takesIncome"]), reason=what["reason"])


async def _reverse_payment(tx: Tx, books: OpenBooks, what: What) -> None:
    payment = await payment_reversals.find(tx, books.partner_id, reference=what["payment"])
    if payment.amount_usd != Decimal(what["amountUsd"]):
        raise NotInBooksError
    await payment_reversals.reverse(tx, books, payment.id, reason=what["reason"])


async def _debit(tx: Tx, books: OpenBooks, what: What) -> None:
    """By its reference it is done once, also where an operator has done it again by hand."""
    user = await users.find(tx, books.partner_id, what["user"])
    wanted = Correction(user.id, what["currency"], -Decimal(what["amount"]), what["reference"], what["reason"])
    await corrections.correct(tx, books, wanted)


async def _end_withdrawal(tx: Tx, books: OpenBooks, what: What) -> None:
    """One that waits is ended, if it is the same: the number may be another's since."""
    state = await withdrawals.lock(tx, books, what["withdrawal"])
    present = await withdrawals.get(tx, books.partner_id, what["withdrawal"])
    if (present.address, clock.iso(present.created_at)) != (what["address"], what["createdAt"]):
        raise NotInBooksError
    if state in ("awaiting_approval", "queued"):
        await withdrawals.release(tx, books, what["withdrawal"], what["state"], what["reason"])


async def _disable_webhook(tx: Tx, books: OpenBooks, what: What) -> None:
    await endpoints.disable(tx, books.partner_id, what["webhook"], "operator")


async def _delete_webhook(tx: Tx, books: OpenBooks, what: What) -> None:
    await endpoints.delete(tx, books.partner_id, what["webhook"])


async def _disable_member(tx: Tx, books: OpenBooks, what: What) -> None:
    await members.disable(tx, books.partner_id, (await _member(tx, books, what)).id)


async def _lower_member(tx: Tx, books: OpenBooks, what: What) -> None:
    """A role that was raised is given by an owner, and not by a file."""
    present = await _member(tx, books, what)
    if members.is_more(present.role, what["role"]):
        await members.set_role(tx, books.partner_id, present.id, what["role"])


async def _set_members_password(tx: Tx, books: OpenBooks, what: What) -> None:
    await members.set_digest(tx, await _member(tx, books, what), what["digest"])


async def _drop_members_passkey(tx: Tx, books: OpenBooks, what: What) -> None:
    found = await _member(tx, books, what)
    if not await member_passkeys.drop(tx, books.partner_id, found.id, what["passkey"]):
        raise NotInBooksError


async def _member(tx: Reader, books: OpenBooks, what: What) -> Member:
    """One who accepted an invitation in the life that is lost has no account: it is made anew."""
    try:
        return await members.get(tx, books.partner_id, what["member"])
    except NotFoundError as error:
        raise NotInBooksError from error


_OF_OPERATORS: dict[Kind, Verb] = {
    Kind.OPERATOR_DISABLED: _disable,
    Kind.OPERATOR_ROLE: _lower,
    Kind.OPERATOR_PASSWORD: _set_password,
    Kind.OPERATOR_FACTORS_LOST: _forget_factors,
    Kind.OPERATOR_PASSKEY_REMOVED: _drop_passkey,
}
_OF_PARTNERS: dict[Kind, OfPartner] = {
    Kind.KEY_REVOKED: _revoke_key,
    Kind.KEY_SCOPES: _keep_scopes,
    Kind.KEY_ADDRESSES: _narrow_addresses,
    Kind.SECRETS_REVOKED: _revoke_secrets,
    Kind.USER_BLOCKED: _block,
    Kind.PARTNER_SUSPENDED: _suspend,
    Kind.PARTNER_CLOSED: _close,
    Kind.ORIGIN_REMOVED: _remove_origin,
    Kind.TON_DOMAIN_REMOVED: _remove_domain,
    Kind.WALLET_UNBOUND: _take_off,
    Kind.ORDER_CANCELLED: _cancel_order,
    Kind.ORDER_REFUNDED: _refund_order,
    Kind.PAYMENT_REVERSED: _reverse_payment,
    Kind.BALANCE_DEBITED: _debit,
    Kind.WITHDRAWAL_ENDED: _end_withdrawal,
    Kind.WEBHOOK_DISABLED: _disable_webhook,
    Kind.WEBHOOK_DELETED: _delete_webhook,
    Kind.MEMBER_DISABLED: _disable_member,
    Kind.MEMBER_ROLE: _lower_member,
    Kind.MEMBER_PASSWORD: _set_members_password,
    Kind.MEMBER_PASSKEY_REMOVED: _drop_members_passkey,
}
# What is done while the partner's fence is held.
_HOLDING = (Kind.PARTNER_SUSPENDED, Kind.PARTNER_CLOSED)
