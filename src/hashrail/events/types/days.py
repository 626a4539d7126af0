"""Events of mined days; BTC is net of the user, electricity and service together what the pool paid."""

from typing import ClassVar

from hashrail.events.event import Btc, Day, Event, Power


class DayEvent(Event, frozen=True):
    """What a day brought to the partner's users together: `value` net, `c1Value` electricity, `c2Value` service.

    `poolReward` is gross, the sum of the three.
    """

    KIND: ClassVar[str] = "day"
    ID: ClassVar[str] = "day"

    day: Day
    power: Power
    pool_reward: Btc
    value: Btc
    c1_value: Btc
    c2_value: Btc


class DayClosed(DayEvent, frozen=True):
    """A day is closed, and what it brought is credited; days on which nobody had a miner are not told."""

    TYPE: ClassVar[str] = "day.closed"


class AdjustmentPublished(DayEvent, frozen=True):
    """A closed day's rates were corrected: its users are credited or charged the differences with `effectiveDay`."""

    TYPE: ClassVar[str] = "adjustment.published"
    KIND: ClassVar[str] = "adjustment"
    ID: ClassVar[str] = "adjustment_id"

    adjustment_id: int
    effective_day: Day
