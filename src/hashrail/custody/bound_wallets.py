"""Bound wallets: bitcoin addresses that a user has bound for withdrawals.

    bound -> unbound -> bound again, as if it were new

Binding the same address again changes nothing, nor does unbinding it again. Addresses are checked for the deployment's
network.

Where a partner's users withdraw to bound addresses only, whoever has stolen a session binds an address of their own. So
the first address of a user may be paid at once; one that is bound beside another, or after one was taken off, waits
first (`Terms.cooldown`): what is asked for meanwhile is reserved and can be cancelled, and no batch pays it.

Withdrawals that were asked for before an address was unbound go their way. What was unbound is kept for 30 days.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from hashrail import clock, db
from hashrail.bitcoin.addresses import parse
from hashrail.books.fence import OpenBooks
from hashrail.db import Reader, Tx
from hashrail.deployment import journal
from hashrail.deployment.journal import Kind
from hashrail.errors import ConflictError, NotFoundError
from hashrail.events import drafts
from hashrail.events.types.wallets import WalletBound, WalletUnbound
from hashrail.parties import users
from hashrail.parties.users import User
from hashrail.settings import Network, Settings

KEPT = timedelta(days=30)


class WalletNotBoundError(NotFoundError):
    """The user has not bound this address."""

    code = "WALLET_NOT_BOUND"
    advice = "List the user's bound addresses (#20, #23), and name one of them."


class TooManyWalletsError(ConflictError):
    """The user has bound as many addresses as they may, those taken off within 30 days included."""

    code = "TOO_MANY_WALLETS"
    advice = "Use an address that is bound; one that was taken off counts for 30 days."


@dataclass(frozen=True, slots=True)
class Terms:
    """What a deployment asks: the network, how many addresses a user may have, how long another one waits."""

    network: Network
    per_user: int
    cooldown: timedelta

    @classmethod
    def of(cls, settings: Settings) -> "Terms":
        """Those of the settings."""
        cooldown = timedelta(seconds=settings.binding_cooldown_seconds)
        return cls(settings.network, settings.wallets_per_user, cooldown)


@dataclass(frozen=True, slots=True)
class Wallet:
    """A bound address. `usable_at` is from when it may be paid where only bound ones are; None is at once."""

    id: int
    user_id: int
    address: str
    created_at: datetime
    usable_at: datetime | None


@dataclass(frozen=True, slots=True)
class Others:
    """Addresses of a user beside one: how many there are and lately were, whether any was bound before at all.

    And whether this very one is bound, or was taken off lately.
    """

    count: int
    any_before: bool
    has_it: bool
    had_it: bool

    @classmethod
    def beside(cls, address: str, known: Mapping[str, bool]) -> "Others":
        """Of the addresses that are known of a user: bound, or else taken off lately."""
        is_bound = known.get(address)
        return cls(len(known) - (address in known), bool(known), is_bound is True, is_bound is False)


def usable_at(books: OpenBooks, terms: Terms, others: Others) -> datetime | None:
    """From when an address that is bound now may be paid, beside those; None is at once."""
    waits = others.any_before and terms.cooldown > timedelta(0)
    return books.now + terms.cooldown if waits else None


def told(user: User, address: str, usable: datetime | None) -> WalletBound:
    """What the partner is told of an address that is bound."""
    shown = None if usable is None else clock.iso(usable)
    return WalletBound(user_id=user.id, partner_user_id=user.partner_user_id, address=address, usable_at=shown)


async def bind(
    tx: Tx,
    books: OpenBooks,
    terms: Terms,
    *,
    user_id: int,
    address: str,
    field: str = "partnerUserId",
    locked: User | None = None,
) -> bool:
    """Bind an address to a user; False when it was bound before.

    `field` is what the caller named the user in; `locked` is the user where the caller has locked them.
    Raises AddressInvalidError, UserBlockedError, TooManyWalletsError.
    """
    checked = parse(address, terms.network, field="address").text
    user = await _active(tx, books, user_id, field, locked)
    others = Others.beside(checked, await _known(tx, books.partner_id, user_id))
    if others.has_it:
        return False
    if others.count >= terms.per_user:
        raise TooManyWalletsError(f"at most {terms.per_user} addresses", field="address", limit=terms.per_user)
    usable = usable_at(books, terms, others)
    await tx.execute(
        "INSERT INTO wallet (partner_id, user_id, address, created_at, usable_at) VALUES ($1, $2, $3, $4, $5)",
        books.partner_id,
        user_id,
        checked,
        books.now,
        usable,
    )
    if others.had_it:
        await tx.execute(
            "DELETE FROM wallet_unbound WHERE partner_id = $1 AND user_id = $2 AND address = $3",
            books.partner_id,
            user_id,
            checked,
        )
    await _journal(tx, Kind.WALLET_BOUND, user, checked)
    await drafts.note(tx, books.partner_id, told(user, checked, usable))
    return True


async def unbind(
    tx: Tx,
    books: OpenBooks,
    terms: Terms,
    *,
    user_id: int,
    address: str,
    field: str = "partnerUserId",
    locked: User | None = None,
) -> bool:
    """Take an address off; False when it was taken off before. Withdrawals to it that were asked for go their way.

    Raises AddressInvalidError, UserBlockedError, WalletNotBoundError.
    """
    checked = parse(address, terms.network, field="address").text
    user = await _active(tx, books, user_id, field, locked)
    if await take_off(tx, books, user, checked):
        return True
    if not await _was_unbound(tx, books.partner_id, user_id, checked):
        raise WalletNotBoundError("the user has not bound this address", field="address")
    return False


async def take_off(tx: Tx, books: OpenBooks, user: User, address: str) -> bool:
    """Take an address off a user, blocked or not; False where it is not bound."""
    row = await tx.fetchrow(
        """DELETE FROM wallet WHERE partner_id = $1 AND user_id = $2 AND address = $3
           RETURNING created_at, usable_at""",
        books.partner_id,
        user.id,
        address,
    )
    if row is None:
        return False
    await tx.execute(
        """INSERT INTO wallet_unbound (partner_id, user_id, address, bound_at, usable_at, unbound_at)
           VALUES ($1, $2, $3, $4, $5, $6)""",
        books.partner_id,
        user.id,
        address,
        row["created_at"],
        row["usable_at"],
        books.now,
    )
    await _journal(tx, Kind.WALLET_UNBOUND, user, address)
    unbound = WalletUnbound(user_id=user.id, partner_user_id=user.partner_user_id, address=address)
    await drafts.note(tx, books.partner_id, unbound)
    return True


async def of_user(
    tx: Reader, partner_id: int, user_id: int, *, limit: int, offset: int = 0, after: int = 0
) -> list[Wallet]:
    """A page of the user's bound addresses, by id; `after` is the last id of the page before."""
    rows = await tx.fetch(
        """SELECT id, user_id, address, created_at, usable_at FROM wallet
           WHERE partner_id = $1 AND user_id = $2 AND id > $5 ORDER BY id LIMIT $3 OFFSET $4""",
        partner_id,
        user_id,
        limit,
        offset,
        after,
    )
    return [db.record(Wallet, row) for row in rows]


async def count(tx: Reader, partner_id: int, user_id: int) -> int:
    """How many addresses the user has bound."""
    found: int = await tx.fetchval(
        "SELECT count(*) FROM wallet WHERE partner_id = $1 AND user_id = $2", partner_id, user_id
    )
    return found


async def newest(tx: Reader, partner_id: int, user_id: int) -> str | None:
    """The address that the user has bound last; None if there is none."""
    address: str | None = await tx.fetchval(
        "SELECT address FROM wallet WHERE partner_id = $1 AND user_id = $2 ORDER BY id DESC LIMIT 1",
        partner_id,
        user_id,
    )
    return address


async def is_bound(tx: Reader, partner_id: int, user_id: int, address: str) -> bool:
    """Whether the user has bound this very address."""
    bound: bool = await tx.fetchval(
        "SELECT EXISTS (SELECT 1 FROM wallet WHERE partner_id = $1 AND user_id = $2 AND address = $3)",
        partner_id,
        user_id,
        address,
    )
    return bound


async def forget_unbound(tx: Tx, partner_id: int, *, now: datetime) -> int:
    """Delete what was taken off long ago; answers how many."""
    rows = await tx.fetch(
        "DELETE FROM wallet_unbound WHERE partner_id = $1 AND unbound_at <= $2 RETURNING address",
        partner_id,
        now - KEPT,
    )
    return len(rows)


async def _active(tx: Tx, books: OpenBooks, user_id: int, field: str, locked: User | None) -> User:
    """The user under their lock. Raises UserBlockedError."""
    user = (await users.lock(tx, books.partner_id, [user_id]))[user_id] if locked is None else locked
    users.assert_active(user, field=field)
    return user


async def _journal(tx: Tx, kind: Kind, user: User, address: str) -> None:
    await journal.note(tx, kind, partner_id=user.partner_id, user=user.partner_user_id, address=address)


async def _known(tx: Tx, partner_id: int, user_id: int) -> dict[str, bool]:
    """The user's addresses, and whether each is bound or was taken off lately."""
    rows = await tx.fetch(
        """SELECT address, true AS is_bound FROM wallet WHERE partner_id = $1 AND user_id = $2
           UNION ALL SELECT address, false FROM wallet_unbound WHERE partner_id = $1 AND user_id = $2""",
        partner_id,
        user_id,
    )
    return {row["address"]: row["is_bound"] for row in rows}


async def _was_unbound(tx: Tx, partner_id: int, user_id: int, address: str) -> bool:
    found: bool = await tx.fetchval(
        "SELECT EXISTS (SELECT 1 FROM wallet_unbound WHERE partner_id = $1 AND user_id = $2 AND address = $3)",
        partner_id,
        user_id,
        address,
    )
    return found
