"""What the commands of support print for scripts, as shapes.py does for the others."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any

from msgspec import field

from hashrail.cli import payout_shapes, shapes
from hashrail.cli.printing import Shape, about, in_camel_case
from hashrail.parties.operators import Action
from hashrail.support.lists import Deposit, IncomeDay, Miner, Order, Stint


class FoundThing(Shape, kw_only=True):
    """Something that a text names."""

    kind: Annotated[str, about("what it is")]
    partner: Annotated[int | None, about("the number of its partner; null where it is of all")]
    partner_name: Annotated[str | None, about("the name of its partner")]
    name: Annotated[str, about("its number, or what it is called by")]
    partner_user_id: Annotated[str | None, about("whose it is, by the partner's own id")]
    said: Annotated[str, about("what is to be said of it in a line")]
    command: Annotated[str, about("the command that shows it")]


class UserMiner(Shape, kw_only=True):
    """A miner."""

    id: Annotated[int, about("its number, the nftId")]
    partner_user_id: Annotated[str, about("whose it is, by the partner's own id")]
    name: Annotated[str, about("its name")]
    power: Annotated[Decimal, about("TH/s")]
    energy_efficiency: Annotated[Decimal, about("W/TH")]
    state: Annotated[str, about("running, or ended by a refund")]
    created_at: Annotated[datetime, about("when it was issued, by the business clock")]


class MinerStint(Shape, kw_only=True):
    """A miner in one owner's hands, with constant power, efficiency and discounts."""

    partner_user_id: Annotated[str, about("whose it was, by the partner's own id")]
    power: Annotated[Decimal, about("TH/s")]
    energy_efficiency: Annotated[Decimal, about("W/TH")]
    level_discount: Annotated[Decimal, about("fraction that the owner's level takes off")]
    programmes: Annotated[list[str], about("programmes that take off more")]
    from_day: Annotated[date, about("the first day that it earned so")]
    to_day: Annotated[date | None, about("the first day that it did not; null while it does")]


class MinerWithStints(UserMiner, kw_only=True):
    """A miner with its whole past."""

    stints: Annotated[list[MinerStint], about("how long it was whose, oldest first")]

    @classmethod
    def whole(cls, one: Miner, stints: list[Stint]) -> "MinerWithStints":
        """The same for scripts."""
        return cls(
            id=one.id,
            partner_user_id=one.partner_user_id,
            name=one.name,
            power=one.power,
            energy_efficiency=one.energy_efficiency,
            state=one.state,
            created_at=one.created_at,
            stints=[MinerStint.of(each) for each in stints],
        )


class UserOrder(Shape, kw_only=True):
    """An order."""

    id: Annotated[int, about("its number")]
    external_id: Annotated[str, about("the partner's own id of it")]
    partner_user_id: Annotated[str, about("who buys, by the partner's own id")]
    nft_collection_id: Annotated[int, about("the offer")]
    power: Annotated[Decimal, about("TH/s")]
    energy_efficiency: Annotated[Decimal, about("W/TH")]
    value: Annotated[Decimal, about("its price, USD")]
    state: Annotated[str, about("created, issued, expired or cancelled")]
    created_at: Annotated[datetime, about("when it was made, by the business clock")]
    expires_at: Annotated[datetime, about("until when it has to be paid")]
    paid_at: Annotated[datetime | None, about("when the partner said that it is paid")]
    refunded_at: Annotated[datetime | None, about("when it was refunded")]
    nft_id: Annotated[int | None, about("the miner that it issued")]

    @classmethod
    def of(cls, one: Order) -> "UserOrder":
        """The same for scripts."""
        return cls(
            id=one.id,
            external_id=one.external_id,
            partner_user_id=one.partner_user_id,
            nft_collection_id=one.collection_id,
            power=one.power,
            energy_efficiency=one.energy_efficiency,
            value=one.value_usd,
            state=one.state,
            created_at=one.created_at,
            expires_at=one.expires_at,
            paid_at=one.paid_at,
            refunded_at=one.refunded_at,
            nft_id=one.miner_id,
        )


class UserDeposit(Shape, kw_only=True):
    """Bitcoin that arrived for a user."""

    id: Annotated[int, about("its number")]
    partner_user_id: Annotated[str, about("whose it is, by the partner's own id")]
    address: Annotated[str, about("where it arrived")]
    txid: Annotated[str, about("the transaction")]
    vout: Annotated[int, about("its output")]
    amount: Annotated[Decimal, about("BTC")]
    state: Annotated[str, about("pending, credited, lost or gone")]
    confirmations: Annotated[int, about("counted to a hundred")]
    created_at: Annotated[datetime, about("when it was first seen, by the business clock")]
    credited_at: Annotated[datetime | None, about("when it became the user's")]

    @classmethod
    def of(cls, one: Deposit) -> "UserDeposit":
        """The same for scripts."""
        return cls(
            id=one.id,
            partner_user_id=one.partner_user_id,
            address=one.address,
            txid=one.txid,
            vout=one.vout,
            amount=one.amount_btc,
            state=one.state,
            confirmations=one.confirmations,
            created_at=one.created_at,
            credited_at=one.credited_at,
        )


class UserAddress(Shape, kw_only=True):
    """An address that a user has bound."""

    id: Annotated[int | None, about("its number, to go on after; null once it is taken off")]
    partner_user_id: Annotated[str, about("whose it is, by the partner's own id")]
    address: Annotated[str, about("the address")]
    state: Annotated[str, about("bound, or unbound")]
    bound_at: Annotated[datetime, about("when it was bound, by the business clock")]
    usable_at: Annotated[datetime | None, about("from when it is paid; null: at once")]
    unbound_at: Annotated[datetime | None, about("when it was taken off; kept for 30 days")]


class UserIncome(Shape, kw_only=True):
    """What a user earned with a day."""

    day: Annotated[date, about("the day")]
    power: Annotated[Decimal, about("TH/s that earned")]
    gross: Annotated[Decimal, about("BTC before costs")]
    value: Annotated[Decimal, about("net BTC, adjustments that were credited with it included")]

    @classmethod
    def of(cls, one: IncomeDay) -> "UserIncome":
        """The same for scripts."""
        return cls(day=one.day, power=one.power, gross=one.gross_btc, value=one.net_btc)


class SeenBalance(Shape, kw_only=True):
    """What a user sees as their balance, and why."""

    currency: Annotated[str, about("of all figures")]
    spendable: Annotated[Decimal, about("what the user's screen shows: settled and unsettled less held, at least 0")]
    settled: Annotated[Decimal, about("what is posted on the account")]
    unsettled: Annotated[Decimal, about("income of closed days that is not on the account yet")]
    held: Annotated[Decimal, about("reserved, for withdrawals for example")]
    owned: Annotated[Decimal, about("what `account balance` shows: what is held counts")]


class UserNote(Shape, kw_only=True):
    """A note on a user."""

    id: Annotated[int, about("its number, to go on after")]
    operator: Annotated[str, about("who wrote it")]
    text: Annotated[str, about("what it says")]
    written_at: Annotated[datetime, about("when")]


class UserAction(Shape, kw_only=True):
    """Something that was done to a user, or to what is theirs."""

    id: Annotated[int, about("its number in the log")]
    operator: Annotated[str | None, about("who did it; null is whoever had the shell")]
    action: Annotated[str, about("what was done")]
    subject: Annotated[str, about("to what")]
    reason: Annotated[str | None, about("why")]
    done_at: Annotated[datetime, about("when")]
    before: Annotated[dict[str, Any] | None, about("what was there before")]
    after: Annotated[dict[str, Any] | None, about("what came instead")]

    @classmethod
    def of(cls, one: Action) -> "UserAction":
        """The same for scripts."""
        return cls(
            id=one.id,
            operator=one.operator,
            action=one.action,
            subject=one.subject,
            reason=one.reason,
            done_at=one.done_at,
            before=in_camel_case(one.before),
            after=in_camel_case(one.after),
        )


class UserPage(shapes.User, kw_only=True):
    """Everything about a user; of each list the newest."""

    partner: Annotated[int, about("the number of the partner")]
    level_discount: Annotated[Decimal, about("fraction that the user's level takes off maintenance")]
    settled_through: Annotated[date | None, about("the newest day whose income is on the account")]
    balances: Annotated[list[SeenBalance], about("what the user sees, and why")]
    income: Annotated[list[UserIncome], about("day by day")]
    miners: Annotated[list[MinerWithStints], about("with their stints")]
    orders: Annotated[list[UserOrder], about("what was bought")]
    deposits: Annotated[list[UserDeposit], about("what arrived")]
    withdrawals: Annotated[list[payout_shapes.Withdrawal], about("what was asked for, and what it waits for")]
    addresses: Annotated[list[UserAddress], about("bound, and lately taken off")]
    sessions: Annotated[list[shapes.Session], about("open ones")]
    notes: Annotated[list[UserNote], about("what operators wrote down")]
    history: Annotated[list[UserAction], about("what operators did to the user and to what is in these lists")]
    more: Annotated[list[str], about("lists of which there is more")] = field(default_factory=list)
