"""What commands print for scripts, noun by noun; what is said of withdrawals and payouts stands in payout_shapes.py.

Names are the API's wherever it has the noun, and the same in every command. `printing.py` says how values are written.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from msgspec import field

from hashrail.access.api_keys import KeyKind
from hashrail.cli.distribution_shapes import Servers
from hashrail.cli.printing import Shape, about
from hashrail.deployment.facts import ChainKind
from hashrail.parties.members import Role as MemberRole
from hashrail.parties.operators import Role
from hashrail.settings import Mode, Network

# The deployment


class Difference(Shape, kw_only=True):
    """Where an environment says something else of the deployment than its database."""

    fact: Annotated[str, about("what is said differently")]
    database: Annotated[str, about("what the database says")]
    environment: Annotated[str, about("what this environment says")]
    setting: Annotated[str, about("the variable that says it")]


class Deployment(Shape, kw_only=True):
    """What a deployment is."""

    mode: Annotated[Mode, about("for ever")]
    network: Annotated[Network, about("of every bitcoin address")]
    chain: Annotated[ChainKind, about("where payouts and deposits happen: nowhere here, simulated, or on a node")]
    wallet: Annotated[str | None, about("the wallet on the node")]
    signer: Annotated[str | None, about("SHA-256 of the external signer's public descriptors; null: the wallet signs")]
    created_at: Annotated[datetime, about("since when the database says so")]
    differences: Annotated[list[Difference], about("where this environment says something else")]


class Beginning(Shape, kw_only=True):
    """What a deployment has to begin with."""

    mode: Annotated[Mode, about("for ever")]
    network: Annotated[Network, about("of every bitcoin address")]
    chain: Annotated[ChainKind, about("where payouts and deposits happen: nowhere here, simulated, or on a node")]
    done: Annotated[list[str], about("what was written now")]
    lacking: Annotated[list[str], about("what it has not got yet: offers, capacity, first day, admin")]
    is_selling: Annotated[bool, about("whether the catalogue and the figures have an answer")]
    offers: Annotated[int, about("how many are on sale")]
    capacity: Annotated[Decimal | None, about("TH that may be sold; null: without a cap")]
    published_through: Annotated[date | None, about("the newest published day")]
    admin: Annotated[str | None, about("an admin, the first by name")]


# Parties


class PartnerFacts(Shape, kw_only=True):
    """What a partner is and owes, whether it has a number or is only looked at."""

    name: Annotated[str, about("its name")]
    created_at: Annotated[datetime, about("when it was opened, by the business clock")]
    owed_usd: Annotated[Decimal, about("USD owed for what was issued; negative when it has paid in advance")]
    reserved_usd: Annotated[Decimal, about("USD that open orders have reserved")]
    credit_limit_usd: Annotated[Decimal, about("the most that both may be together, USD")]
    standing: Annotated[Literal["open", "suspended", "closed"], about("what it may do: `partner suspend`")]
    standing_reason: Annotated[str | None, about("why its standing was changed last")]
    standing_since: Annotated[datetime | None, about("when that was, by the wall's clock")]


class Partner(PartnerFacts, kw_only=True):
    """A partner, with what it owes."""

    id: Annotated[int, about("the number that commands and PARTNER:ID name it by")]
    partner_id: Annotated[str, about("the public id that its own programs know")]


class Payment(Shape, kw_only=True):
    """Something that a partner has paid."""

    id: Annotated[int, about("the number that `partner payment reverse` names it by")]
    reference: Annotated[str, about("the bank's reference")]
    amount_usd: Annotated[Decimal, about("USD")]
    recorded_at: Annotated[datetime, about("when it was recorded, by the business clock")]
    reversed_at: Annotated[datetime | None, about("since when it counts no more")]
    reason: Annotated[str | None, about("why it was reversed")]


class RefundTerms(Shape, kw_only=True):
    """What becomes of the income of a partner's refunded miners."""

    income: Annotated[Literal["keep", "take"], about("keep: users keep it; take: it is taken as far as it is there")]


class Taking(Shape, kw_only=True):
    """What a refunded miner earned in a user's hands, BTC."""

    partner_user_id: Annotated[str, about("whose it was, by the partner's own id")]
    earned: Annotated[Decimal, about("what the miner earned there up to the last closed day")]
    taken: Annotated[Decimal, about("what was taken from the user's balance")]
    shortfall: Annotated[Decimal, about("what was not there any more")]


class Refund(Shape, kw_only=True):
    """A refunded order."""

    nft_id: Annotated[int, about("the miner that has ended")]
    value: Annotated[Decimal, about("USD that are owed no more: the order's price and that of the miner's upgrades")]
    income: Annotated[Literal["keep", "take"], about("what became of what the miner had earned")]
    reason: Annotated[str, about("why")]
    refunded_at: Annotated[datetime, about("when, by the business clock")]
    takings: Annotated[list[Taking], about("what was taken, from each who had the miner")]


class Key(Shape, kw_only=True):
    """An API key of a partner."""

    key_id: Annotated[int, about("the number that `partner key` commands name it by")]
    api_key: Annotated[str, about("what a request sends in X-PARTNER-API-KEY")]
    kind: Annotated[KeyKind, about("which operations it is for")]
    label: Annotated[str, about("what it is for, in the operator's words")]
    scopes: Annotated[list[str], about("what it may do")]
    allowed_ips: Annotated[list[str], about("networks that may use it; none is any")]
    created_at: Annotated[datetime, about("when it was made")]
    expires_at: Annotated[datetime | None, about("when it ends by itself")]
    revoked_at: Annotated[datetime | None, about("when it was ended for good")]
    last_used_at: Annotated[datetime | None, about("when a request was last accepted with it")]
    unsigned_upgrades: Annotated[bool, about("whether upgrades may come without a signature")]
    requests_per_minute: Annotated[int | None, about("its own rate limit, 0 for none; null is the deployment's")]
    live_secrets: Annotated[int, about("secrets that sign for it: two while it is rotated")]


class NewKey(Key, kw_only=True):
    """A key that was made or rotated, with its new secret."""

    api_secret: Annotated[str | None, about("the secret, shown this once; a publishable key has none")]


class NewUsers(Shape, kw_only=True):
    """How many users a partner may register in 24 hours, and has registered."""

    per_day: Annotated[int | None, about("its own bound, 0 for none; null is the deployment's")]
    registered: Annotated[int, about("users that it registered within the last 24 hours, by the business clock")]


class Session(Shape, kw_only=True):
    """An open session of a user."""

    id: Annotated[str, about("what `session end --id` names it by")]
    partner_user_id: Annotated[str, about("whose it is, by the partner's own id")]
    key_id: Annotated[int | None, about("the key that opened it; null where a TON wallet did, or it is not known")]
    opened_at: Annotated[datetime, about("when the user logged in")]
    renewed_at: Annotated[datetime, about("when its tokens were last renewed")]
    ends_at: Annotated[datetime, about("when it ends unless it is renewed, and at the latest")]


class ReadToken(Shape, kw_only=True):
    """A read token of a user, which a dashboard reads with."""

    id: Annotated[str, about("what `session end --id` names it by")]
    name: Annotated[str, about("the user's word for it")]
    created_at: Annotated[datetime, about("when it was made")]
    expires_at: Annotated[datetime, about("when it ends by itself")]
    last_used_on: Annotated[date | None, about("the day of its last use, UTC; null until there is one")]


class User(Shape, kw_only=True):
    """A user of a partner."""

    id: Annotated[int, about("the number that the API calls userId")]
    partner_user_id: Annotated[str, about("the partner's own id of the user")]
    created_at: Annotated[datetime, about("when the user was registered, by the business clock")]
    email: Annotated[str | None, about("as the partner last sent it")]
    blocked_at: Annotated[datetime | None, about("since when nothing may be written for the user")]


class Operator(Shape, kw_only=True):
    """Somebody who looks after the deployment."""

    name: Annotated[str, about("the name for --as")]
    role: Annotated[Role, about("what the operator may do")]
    created_at: Annotated[datetime, about("when the operator was added")]
    disabled_at: Annotated[datetime | None, about("since when nothing goes by this name")]


class Member(Shape, kw_only=True):
    """Somebody of a partner who uses its portal."""

    id: Annotated[int, about("their number")]
    email: Annotated[str, about("the address by which they sign in")]
    name: Annotated[str, about("what the team calls them")]
    role: Annotated[MemberRole, about("what they may see and do")]
    created_at: Annotated[datetime, about("since when they have the account")]
    disabled_at: Annotated[datetime | None, about("since when the account has ended")]


class InvitedMember(Shape, kw_only=True):
    """Somebody who is invited into a partner's portal."""

    email: Annotated[str, about("the address by which they will sign in")]
    name: Annotated[str, about("what the team calls them")]
    role: Annotated[MemberRole, about("what they may see and do")]
    link: Annotated[str, about("where they set a password: shown once, counts once, for seven days")]


class Alone(Shape, kw_only=True):
    """Up to which sum of 24 hours one operator does something alone."""

    kind: Annotated[str, about("what is added up")]
    currency: Annotated[str, about("in which currency")]
    amount: Annotated[Decimal, about("the most that takes no second admin")]


class Action(Shape, kw_only=True):
    """Something that an operator did."""

    id: Annotated[int, about("its number, in the order of the log")]
    operator: Annotated[str | None, about("who did it; null is whoever had the shell")]
    action: Annotated[str, about("what was done")]
    subject: Annotated[str, about("to what")]
    reason: Annotated[str | None, about("why, where a reason is asked for")]
    done_at: Annotated[datetime, about("when")]
    before: Annotated[dict[str, Any] | None, about("what was there, by name; null where nothing was, or none is kept")]
    after: Annotated[dict[str, Any] | None, about("what is there since, by name")]


class OperatorPolicy(Shape, kw_only=True):
    """When two accounts of operators are two people."""

    apart_seconds: Annotated[int, about("how long an account and who made or changed it count as one person")]
    two_admins: Annotated[bool, about("whether two admins are two people: then what loosens the regime takes both")]


class Change(Shape, kw_only=True):
    """A change that waits for a second admin."""

    id: Annotated[int, about("its number")]
    act: Annotated[str, about("the command that asked for it")]
    subject: Annotated[str, about("what is to be changed")]
    before: Annotated[dict[str, Any], about("what is there, by name")]
    after: Annotated[dict[str, Any], about("what is to be there, by name")]
    asked_by: Annotated[str, about("the operator who asked")]
    asked_at: Annotated[datetime, about("when")]
    alone_from: Annotated[datetime, about("from when on who asked may confirm it alone")]
    expires_at: Annotated[datetime, about("until when it waits")]


# Days


class Day(Shape, kw_only=True):
    """What fixes the rates of a mining day."""

    day: Annotated[date, about("the mining day, UTC")]
    pool_reward_per_th: Annotated[Decimal, about("BTC per TH a day, before costs")]
    btc_rate: Annotated[Decimal, about("USD for a bitcoin")]
    gomining_rate: Annotated[Decimal, about("USD for a token")]
    k_wh: Annotated[Decimal, about("USD for a kWh")] = field(name="kWh")
    service_cost: Annotated[Decimal, about("USD per TH a day")]
    discount_cap: Annotated[Decimal | None, about("the most that discounts add up to; fixed when it is published")]
    difficulty: Annotated[Decimal | None, about("network difficulty that the pool reward was reckoned from")]
    subsidy_btc: Annotated[Decimal | None, about("block subsidy that it was reckoned from, BTC")]
    fees_btc: Annotated[Decimal | None, about("mean fees of a block that it was reckoned from, BTC")]
    source: Annotated[str, about("where the figures come from")]
    entered_at: Annotated[datetime, about("when they were entered, by the business clock")]
    published_at: Annotated[datetime | None, about("since when they are fixed")]
    publishes_at: Annotated[datetime | None, about("when they are at the earliest; null once they are")]
    held: Annotated[list[str], about("why they wait for an operator; empty where they do not")]
    held_for_two: Annotated[bool, about("whether they wait for two")]


class Doubt(Shape, kw_only=True):
    """A figure that is far from what stood before."""

    field: Annotated[str, about("which figure")]
    confirm: Annotated[str, about("what to give with --confirm if it is meant")]
    why: Annotated[str, about("what it was held against")]
    takes_two: Annotated[bool, about("whether it takes a second admin, where there is one")]


class Effect(Shape, kw_only=True):
    """What figures come to: BTC that users are credited with, and who they are."""

    partners: Annotated[int, about("partners whose users earn")]
    miners: Annotated[int, about("miners that earn")]
    power: Annotated[Decimal, about("TH of them")]
    credits_btc: Annotated[Decimal, about("BTC that they would be credited with")]
    before_btc: Annotated[Decimal | None, about("BTC that they would be at the figures before; null without any")]
    since: Annotated[date | None, about("the day whose figures these are")]


class EnteredDay(Shape, kw_only=True):
    """A day's rates as they were entered, or would be."""

    day: Annotated[date, about("the mining day, UTC")]
    pool_reward_per_th: Annotated[Decimal, about("BTC per TH a day, before costs")]
    btc_rate: Annotated[Decimal, about("USD for a bitcoin")]
    gomining_rate: Annotated[Decimal, about("USD for a token")]
    k_wh: Annotated[Decimal, about("USD for a kWh")] = field(name="kWh")
    service_cost: Annotated[Decimal, about("USD per TH a day")]
    publishes_at: Annotated[datetime, about("when it is published at the earliest")]
    dry_run: Annotated[bool, about("whether nothing was changed")]
    doubts: Annotated[list[Doubt], about("figures that are far from what stood before")]
    effect: Annotated[Effect, about("what they come to")]
    notes: Annotated[list[str], about("why the node was not heard; empty: it was, or there is none")]


class AdjustedDay(Shape, kw_only=True):
    """A correction of a published day, or what it would come to."""

    id: Annotated[int | None, about("the adjustment; null in a dry run")]
    dry_run: Annotated[bool, about("whether nothing was changed")]
    doubts: Annotated[list[Doubt], about("figures that are far from what was published")]
    effect: Annotated[Effect, about("what the day comes to with it")]
    notes: Annotated[list[str], about("why the node was not heard; empty: it was, or there is none")]


class RatesPolicy(Shape, kw_only=True):
    """What a day waits for before it is published."""

    publish_delay_seconds: Annotated[int, about("how long it waits after it was entered")]


class RateClass(Shape, kw_only=True):
    """What a day pays for a TH of one efficiency, level and set of programmes."""

    id: Annotated[int, about("the class")]
    energy_efficiency: Annotated[Decimal, about("W/TH")]
    level_discount: Annotated[Decimal, about("fraction that the level takes off maintenance")]
    programmes: Annotated[list[int], about("numbers of the programmes that take off more")]
    total_discount: Annotated[Decimal, about("fraction that all take off together, within the cap")]
    pool_reward_per_th: Annotated[Decimal, about("BTC per TH before costs")]
    c1_value_per_th: Annotated[Decimal, about("electricity, BTC per TH")]
    c2_value_per_th: Annotated[Decimal, about("service, BTC per TH")]
    net_income_per_th: Annotated[Decimal, about("BTC per TH that is credited")]


class Adjustment(Shape, kw_only=True):
    """A correction of a published day: what its inputs should have been."""

    id: Annotated[int, about("the adjustmentId of the records that it makes")]
    effective_day: Annotated[date, about("the day with which the differences are credited")]
    reason: Annotated[str, about("why, as published")]
    pool_reward_per_th: Annotated[Decimal, about("BTC per TH a day, before costs")]
    btc_rate: Annotated[Decimal, about("USD for a bitcoin")]
    k_wh: Annotated[Decimal, about("USD for a kWh")] = field(name="kWh")
    service_cost: Annotated[Decimal, about("USD per TH a day")]


class Source(Shape, kw_only=True):
    """Something that was asked for one of a day's figures."""

    figure: Annotated[str, about("which figure: chain, btc_usd, gomining_usd, kwh_usd, service_usd_per_th, pool_fee")]
    source: Annotated[str, about("who was asked: an exchange and pair, a node and its blocks, a tariff, the settings")]
    value: Annotated[Decimal | None, about("what it said; null where it said nothing, and for blocks")]
    url: Annotated[str | None, about("where it was asked")]
    sha256: Annotated[str | None, about("SHA-256 of the answer as it came; of blocks, of a line for each")]
    left_out: Annotated[str | None, about("why the figure does not rest on it; null: it does")]


class WholeDay(Shape, kw_only=True):
    """Everything that was published for a day."""

    inputs: Annotated[Day, about("what fixes its rates")]
    classes: Annotated[list[RateClass], about("the rates of every class")]
    adjustments: Annotated[list[Adjustment], about("its corrections, in order")]
    sources: Annotated[list[Source], about("what its figures rest on; none where they were entered by hand")]


class Closing(Shape, kw_only=True):
    """How far the days are."""

    published_through: Annotated[date | None, about("the newest published day")]
    due_through: Annotated[date, about("the newest day that is over and may be credited")]
    missing_rates: Annotated[date | None, about("the day that nobody has entered rates for")]
    waiting: Annotated[str | None, about("DAY_HELD or DAY_DELAYED where the next day waits though its rates are there")]
    days_closed: Annotated[int, about("days that this command closed, counted for each partner")]


class ProgrammeFraction(Shape, kw_only=True):
    """What a discount programme gives from a day on."""

    name: Annotated[str, about("the programme")]
    from_day: Annotated[date | None, about("the first day that it counts; null while nothing is set")]
    fraction: Annotated[Decimal | None, about("what it takes off maintenance: 0.05 is 5 %")]


# Selling


class Collection(Shape, kw_only=True):
    """An offer of the catalogue."""

    id: Annotated[int, about("the nftCollectionId of an order")]
    power: Annotated[Decimal, about("TH/s")]
    energy_efficiency: Annotated[Decimal, about("W/TH")]
    value: Annotated[Decimal, about("its price, USD")]
    on_sale: Annotated[bool, about("whether it can be ordered")]


class UpgradeStep(Shape, kw_only=True):
    """The step from toLevel + 1 to toLevel W/TH, for one TH."""

    to_level: Annotated[int, about("W/TH that the step leads to")]
    price_usd: Annotated[Decimal, about("USD per TH")]


class Tariff(Shape, kw_only=True):
    """What upgrades cost."""

    price_usd: Annotated[Decimal, about("of a TH in the first band, USD")]
    band_discount: Annotated[Decimal, about("fraction off for each further band")]
    power_upgrade_price_config: Annotated[list[UpgradeStep], about("what a TH costs more, by W/TH")]
    energy_efficiency_upgrade_price_config: Annotated[list[UpgradeStep], about("what a step costs, by W/TH")]


# The books


class Balance(Shape, kw_only=True):
    """What a user has."""

    partner_user_id: Annotated[str, about("the partner's own id of the user")]
    at: Annotated[datetime, about("the moment that is looked at")]
    currency: Annotated[Literal["BTC"], about("of the balance")]
    balance: Annotated[Decimal, about("with income that was credited and not yet settled, and what is held")]
    held: Annotated[Decimal | None, about("of it, reserved: for withdrawals, for example; null at a past moment")]
    spendable: Annotated[Decimal | None, about("what the user's own screen shows; null at a past moment")]


class Account(Shape, kw_only=True):
    """An account of a partner's chart."""

    id: Annotated[int, about("its number in the chart of accounts")]
    name: Annotated[str, about("its name there")]
    currency: Annotated[str, about("what it is kept in")]
    balance: Annotated[Decimal, about("credits minus debits, posted")]


class Step(Shape, kw_only=True):
    """A step of a calculation."""

    name: Annotated[str, about("what is reckoned")]
    reckoning: Annotated[str, about("how")]
    result: Annotated[str, about("the figure, with every digit")]
    unit: Annotated[str, about("its unit")]


class Part(Shape, kw_only=True):
    """What one thing has changed in income."""

    name: Annotated[str, about("what has changed, in the order in which it was put in place")]
    value: Annotated[Decimal, about("BTC that it added or took")]


class Income(Shape, kw_only=True):
    """An income record with its calculation, or what changed income from one day or period to another."""

    nft_id: Annotated[int | None, about("the miner; null for all of a user's")]
    partner_user_id: Annotated[str | None, about("whose it is; null for a change of a miner in whosever hands")]
    day: Annotated[date | None, about("the day that was mined; null for a change")]
    value: Annotated[Decimal, about("net, BTC; of a change what the parts add up to")]
    steps: Annotated[list[Step], about("from published inputs to the last digit; none for a change")]
    before: Annotated[Decimal | None, about("BTC of the first day or period; null for one record")]
    after: Annotated[Decimal | None, about("BTC of the second one; null for one record")]
    parts: Annotated[list[Part], about("what changed it; they add up to the value to the last digit")]


class Invariant(Shape, kw_only=True):
    """A rule of the books."""

    name: Annotated[str, about("its name in the runbook")]
    rule: Annotated[str, about("what has to hold")]
    holds: Annotated[bool, about("whether it does")]
    rows: Annotated[list[dict[str, str]], about("rows that break it, by their columns in the database")]


class Audit(Shape, kw_only=True):
    """The outcome of an audit."""

    ok: Annotated[bool, about("whether every invariant holds")]
    whole: Annotated[bool, about("whether everything was looked at")]
    since: Annotated[datetime | None, about("the mark that it went on from; null: it was whole")]
    written: Annotated[dict[str, int], about("rows that were written since the mark, by table")]
    milliseconds: Annotated[int, about("how long it took")]
    marked: Annotated[bool, about("whether it has left a mark for the next one")]
    invariants: Annotated[list[Invariant], about("those that were looked at: after a broken one none is")]
    servers: Annotated[Servers | None, about("null: the database is on one server")]
