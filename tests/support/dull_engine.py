"""The reward engine once more, dull on purpose: one row for each miner and day, plain fractions, no database.

Nothing of the real engine is used here and nothing is clever. State is what holds right now; at midnight every miner
is written down as it is, and that row is what it mines with on the new day. Publishing a day makes one record of each
row of the day, an adjustment makes one more. Sums are made by adding records up. Amounts are BTC, power is TH,
efficiency is W/TH; ids are the real engine's.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from fractions import Fraction

ONE_DAY = timedelta(days=1)
CREDITED_AFTER_MIDNIGHT = timedelta(minutes=5)
CAP = Fraction("0.35")
LEVELS = {
    Fraction(th): Fraction(discount)
    for th, discount in (
        (0, "0"),
        (5, "0.003"),
        (10, "0.006"),
        (25, "0.009"),
        (50, "0.012"),
        (100, "0.015"),
        (200, "0.018"),
        (500, "0.021"),
        (1000, "0.024"),
        (2500, "0.027"),
        (5000, "0.03"),
        (7000, "0.033"),
        (9000, "0.036"),
        (12000, "0.039"),
        (20000, "0.042"),
        (50000, "0.045"),
        (100000, "0.048"),
        (250000, "0.051"),
        (400000, "0.054"),
        (750000, "0.057"),
        (1000000, "0.06"),
    )
}
NOTHING = Fraction(0)


def rounded(btc: Fraction) -> Fraction:
    """14 decimals; Python's `round` sends the tie of a Fraction to the even neighbour."""
    return Fraction(round(btc * 10**14), 10**14)


@dataclass(frozen=True)
class Inputs:
    """What a day was published with: pool reward in BTC per TH, prices in USD."""

    pool: Fraction
    btc_usd: Fraction
    kwh_usd: Fraction
    service_usd: Fraction


@dataclass(frozen=True)
class Figures:
    """Pool reward, electricity, service and what is left, in BTC."""

    pool: Fraction
    c1: Fraction
    c2: Fraction
    net: Fraction

    def times(self, power: Fraction) -> "Figures":
        """What `power` TH make of figures that are per TH."""
        return Figures(self.pool * power, self.c1 * power, self.c2 * power, self.net * power)

    def minus(self, other: "Figures") -> "Figures":
        """What these figures are more than others."""
        return Figures(self.pool - other.pool, self.c1 - other.c1, self.c2 - other.c2, self.net - other.net)


def per_th(inputs: Inputs, efficiency: Fraction, discount: Fraction) -> Figures:
    """A day's figures for one TH; an idle miner has none."""
    c1 = rounded(inputs.kwh_usd * 24 / 1000 * efficiency * (1 - discount) / inputs.btc_usd)
    c2 = rounded(inputs.service_usd * (1 - discount) / inputs.btc_usd)
    if inputs.pool < c1 + c2:
        return Figures(NOTHING, NOTHING, NOTHING, NOTHING)
    return Figures(inputs.pool, c1, c2, inputs.pool - c1 - c2)


@dataclass
class Partner:
    """A partner, and its last closed day."""

    closed_through: date | None


@dataclass
class User:
    """A user as he is right now; what is reserved of his balance cannot be taken from it."""

    partner: int
    level: Fraction = NOTHING
    programmes: set[int] = field(default_factory=set)
    settled_through: date | None = None
    balance: Fraction = NOTHING
    reserved: Fraction = NOTHING


@dataclass
class Miner:
    """A miner as it is right now."""

    owner: int
    power: Fraction
    efficiency: Fraction


@dataclass(frozen=True)
class Row:
    """One miner on one day, as it was at that day's first instant."""

    day: date
    partner: int
    user: int
    miner: int
    power: Fraction
    efficiency: Fraction
    level: Fraction
    programmes: frozenset[int]


@dataclass(frozen=True)
class Record:
    """What one row earned, or what an adjustment added to it; credited with the day `credited`."""

    row: Row
    source: tuple[str, int]
    credited: date
    figures: Figures


class DullEngine:
    """One operator with its partners; every method is something that happens, or a sum."""

    def __init__(self, today: date) -> None:
        self.today = today
        self.levels = dict(LEVELS)
        self.partners: dict[int, Partner] = {}
        self.users: dict[int, User] = {}
        self.miners: dict[int, Miner] = {}
        self.fractions: dict[int, dict[date, Fraction]] = defaultdict(dict)
        self.in_force: dict[date, Inputs] = {}
        self.rows: list[Row] = []
        self.records: list[Record] = []
        self.control: dict[int, Fraction] = defaultdict(Fraction)
        self.taken: dict[int, Fraction] = defaultdict(Fraction)
        self.corrected: dict[int, Fraction] = defaultdict(Fraction)
        self.moved: list[tuple[int, datetime, Fraction]] = []

    # What happens.

    def partner_opens(self, partner: int) -> None:
        """A new partner has nothing to do with days that are published already."""
        self.partners[partner] = Partner(closed_through=self.published_through)

    def user_registers(self, partner: int, user: int) -> None:
        """A new user of a partner."""
        self.users[user] = User(partner)

    def user_buys(self, user: int, miner: int, power: Fraction, efficiency: Fraction) -> None:
        """A new miner."""
        self.miners[miner] = Miner(user, power, efficiency)
        self._follow_level(user)

    def miner_moves(self, miner: int, buyer: int) -> None:
        """A miner changes hands."""
        seller = self.miners[miner].owner
        self.miners[miner].owner = buyer
        self._follow_level(seller)
        self._follow_level(buyer)

    def miner_improves(self, miner: int, power: Fraction, efficiency: Fraction) -> None:
        """A miner has another power or efficiency."""
        self.miners[miner].power = power
        self.miners[miner].efficiency = efficiency
        self._follow_level(self.miners[miner].owner)

    def miner_refunded(self, miner: int, *, takes: bool, at: datetime) -> dict[int, tuple[Fraction, Fraction]]:
        """A miner is gone from tomorrow on. Answers what each who had it earned and gives back, where it is taken."""
        owner = self.miners.pop(miner).owner
        self._follow_level(owner)
        found = {}
        had_it = {owner} | {row.user for row in self.rows if row.miner == miner}
        for user_id in sorted(had_it) if takes else ():
            self.settle(user_id)
            user = self.users[user_id]
            closed = self.partners[user.partner].closed_through
            mine = [r for r in self.records if r.row.user == user_id and r.row.miner == miner]
            earned = sum((r.figures.net for r in mine if closed is not None and r.credited <= closed), NOTHING)
            if earned > 0:
                there = user.balance - user.reserved + min(NOTHING, self.unsettled(user_id))
                taken = min(earned, max(NOTHING, there))
                found[user_id] = (earned, taken)
                self.taken[user.partner] += taken
                self._move(user_id, -taken, at)
        return found

    def partner_ends(self, partner: int) -> None:
        """A partner is closed for good: its miners are gone from tomorrow on."""
        gone = [number for number, miner in self.miners.items() if self.users[miner.owner].partner == partner]
        owners = {self.miners.pop(number).owner for number in gone}
        for owner in owners:
            self._follow_level(owner)

    def user_corrected(self, user_id: int, amount: Fraction, at: datetime) -> bool:
        """Somebody gives or takes by hand; answers whether it was there to be taken."""
        if amount < 0:
            self.settle(user_id)
            user = self.users[user_id]
            if user.balance - user.reserved + min(NOTHING, self.unsettled(user_id)) + amount < 0:
                return False
        self.corrected[self.users[user_id].partner] += amount
        self._move(user_id, amount, at)
        return True

    def user_joins(self, user: int, programme: int) -> None:
        """A user takes part in a programme."""
        self.users[user].programmes.add(programme)
        self._follow_level(user)

    def user_leaves(self, user: int, programme: int) -> None:
        """A user no longer takes part."""
        self.users[user].programmes.discard(programme)
        self._follow_level(user)

    def midnight(self) -> None:
        """A day begins: every miner is written down as it is."""
        self.today += ONE_DAY
        self.rows += self.as_of_now(self.today)

    def publish(self, day: date, inputs: Inputs) -> None:
        """Every row of the day earns."""
        self.in_force[day] = inputs
        for row in self._rows_of(day):
            figures = per_th(inputs, row.efficiency, self.discount(row)).times(row.power)
            self.records.append(Record(row, ("day", day.toordinal()), day, figures))

    def adjust(self, adjustment: int, day: date, inputs: Inputs) -> None:
        """Every row of the day gets what it should have had more, with the next day to be published."""
        assert self.published_through is not None
        credited = self.published_through + ONE_DAY
        for row in self._rows_of(day):
            right = per_th(inputs, row.efficiency, self.discount(row)).times(row.power)
            wrong = per_th(self.in_force[day], row.efficiency, self.discount(row)).times(row.power)
            self.records.append(Record(row, ("adjustment", adjustment), credited, right.minus(wrong)))
        self.in_force[day] = inputs

    def close(self, partner: int, day: date) -> None:
        """What was credited with the day is owed to the partner's users from now on."""
        self.partners[partner].closed_through = day
        self.control[partner] += sum(r.figures.net for r in self._records_of(partner) if r.credited == day)

    def settle(self, user_id: int) -> Fraction:
        """Pay a user what he is owed up to the last closed day; a debt waits until he can bear it."""
        user = self.users[user_id]
        through = self.partners[user.partner].closed_through
        amount = self.unsettled(user_id)
        if user.balance - user.reserved + amount < 0:
            return NOTHING
        user.balance += amount
        self.control[user.partner] -= amount
        user.settled_through = through
        return amount

    # Sums.

    @property
    def published_through(self) -> date | None:
        """The last published day."""
        return max(self.in_force, default=None)

    def next_to_close(self, partner: int) -> date | None:
        """The day that a partner can close next, if it is published."""
        if not self.in_force:
            return None
        closed = self.partners[partner].closed_through
        day = min(self.in_force) if closed is None else closed + ONE_DAY
        return day if day in self.in_force else None

    def discount(self, row: Row) -> Fraction:
        """Level and programmes of a row on its day, at most the cap."""
        return min(CAP, row.level + sum(self.fraction(programme, row.day) for programme in row.programmes))

    def fraction(self, programme: int, day: date) -> Fraction:
        """What a programme gives on a day: the newest entry that has begun."""
        begun = [from_day for from_day in self.fractions[programme] if from_day <= day]
        return self.fractions[programme][max(begun)] if begun else NOTHING

    def income(self, user: int, after: date | None, through: date) -> Fraction:
        """What was credited to a user for days after `after` up to `through`."""
        mine = [r for r in self.records if r.row.user == user and r.credited <= through]
        return sum((r.figures.net for r in mine if after is None or r.credited > after), NOTHING)

    def unsettled(self, user_id: int) -> Fraction:
        """What a user is owed."""
        user = self.users[user_id]
        closed = self.partners[user.partner].closed_through
        return NOTHING if closed is None else self.income(user_id, user.settled_through, closed)

    def owned_at(self, user_id: int, moment: datetime) -> Fraction:
        """What a user had at a moment, nothing being spent here: all that was credited by then, settled or not."""
        by_hand = sum((amount for user, at, amount in self.moved if user == user_id and at <= moment), NOTHING)
        closed = self.partners[self.users[user_id].partner].closed_through
        mine = [r for r in self.records if r.row.user == user_id and closed is not None and r.credited <= closed]
        return sum((r.figures.net for r in mine if credited_at(r.credited) <= moment), by_hand)

    def postings(self, partner: int) -> dict[tuple[str, int, int], Fraction]:
        """What closed days moved out of the pool: (kind, object, leg) -> signed amount, where there is one."""
        closed = self.partners[partner].closed_through
        legs: dict[tuple[str, int, int], Fraction] = defaultdict(Fraction)
        for record in self._records_of(partner):
            if closed is not None and record.credited <= closed:
                kind, number = record.source
                legs[kind, number, 1] += record.figures.net
                legs[kind, number, 2] += record.figures.c1
                legs[kind, number, 3] += record.figures.c2
        return {key: amount for key, amount in legs.items() if amount != 0}

    def power_by_class(
        self, partner: int, rows: Iterable[Row]
    ) -> dict[tuple[Fraction, Fraction, frozenset[int]], Fraction]:
        """TH of a partner's rows by (efficiency, level, programmes)."""
        power: dict[tuple[Fraction, Fraction, frozenset[int]], Fraction] = defaultdict(Fraction)
        for row in rows:
            if row.partner == partner:
                power[row.efficiency, row.level, row.programmes] += row.power
        return dict(power)

    def closed_rows(self, partner: int) -> list[Row]:
        """The rows of a partner's last closed day."""
        closed = self.partners[partner].closed_through
        return [row for row in self.rows if row.partner == partner and row.day == closed]

    def as_of_now(self, day: date) -> list[Row]:
        """Every miner as it is right now, written down for `day`."""
        rows = []
        for miner_id, miner in self.miners.items():
            user = self.users[miner.owner]
            rows.append(
                Row(
                    day=day,
                    partner=user.partner,
                    user=miner.owner,
                    miner=miner_id,
                    power=miner.power,
                    efficiency=miner.efficiency,
                    level=user.level,
                    programmes=frozenset(user.programmes),
                )
            )
        return rows

    def adjusted(self, day: date, **changes: Fraction) -> Inputs:
        """The inputs in force of a day with some of them changed."""
        return replace(self.in_force[day], **changes)

    def _rows_of(self, day: date) -> list[Row]:
        return [row for row in self.rows if row.day == day]

    def _records_of(self, partner: int) -> list[Record]:
        return [record for record in self.records if record.row.partner == partner]

    def _move(self, user_id: int, amount: Fraction, at: datetime) -> None:
        """Something comes or goes that no day has made."""
        self.users[user_id].balance += amount
        self.moved.append((user_id, at, amount))

    def _follow_level(self, user: int) -> None:
        """A user's level follows his total TH whenever something of his changes."""
        total = sum((miner.power for miner in self.miners.values() if miner.owner == user), NOTHING)
        reached = [th for th in self.levels if th <= total]
        self.users[user].level = self.levels[max(reached)] if reached else NOTHING


def credited_at(day: date) -> datetime:
    """00:05 UTC of the next day."""
    midnight = datetime.fromisoformat(f"{day + ONE_DAY}T00:00:00+00:00")
    return midnight + CREDITED_AFTER_MIDNIGHT
