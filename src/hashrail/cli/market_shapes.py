"""What commands print for scripts of fetched rates and of tariffs; `shapes.py` has what their days show."""

from datetime import date
from decimal import Decimal
from typing import Annotated

from msgspec import field

from hashrail.cli.printing import Shape, about
from hashrail.cli.shapes import Doubt, Effect, Source
from hashrail.rewards.tariffs import Kind


class FetchedInputs(Shape, kw_only=True):
    """What a day's rates would be fixed by, as it was fetched."""

    pool_reward_per_th: Annotated[Decimal, about("BTC per TH a day, before costs, less the pool's fee")]
    btc_rate: Annotated[Decimal, about("USD for a bitcoin")]
    gomining_rate: Annotated[Decimal, about("USD for a token")]
    k_wh: Annotated[Decimal, about("USD for a kWh")] = field(name="kWh")
    service_cost: Annotated[Decimal, about("USD per TH a day")]
    difficulty: Annotated[Decimal | None, about("network difficulty of the day's blocks")]
    subsidy_btc: Annotated[Decimal | None, about("their mean subsidy, BTC")]
    fees_btc: Annotated[Decimal | None, about("their mean fees, BTC")]
    source: Annotated[str, about("where the figures come from, in a line")]


class Fetch(Shape, kw_only=True):
    """What was fetched for a day."""

    day: Annotated[date, about("the mining day, UTC")]
    entered: Annotated[bool, about("whether it was entered")]
    inputs: Annotated[FetchedInputs | None, about("its figures; null where one is missing")]
    doubts: Annotated[list[Doubt], about("figures that are further from the day before than usual: the day is held")]
    code: Annotated[str | None, about("why the day has to wait; null: it does not")]
    reason: Annotated[str | None, about("the same in words")]
    sources: Annotated[list[Source], about("what was asked")]
    effect: Annotated[Effect | None, about("what the figures of a dry run come to, where the day need not wait")]


class DatedTariff(Shape, kw_only=True):
    """What counts from a day on."""

    kind: Annotated[Kind, about("USD a kWh, USD a TH and day, fraction")]
    from_day: Annotated[date, about("the first mining day that it counts for")]
    value: Annotated[Decimal, about("the figure")]
