"""Figures as people type them wrongly, one of each kind that becomes final: the code of the refusal, and the words."""

import datetime as dt
from pathlib import Path

from hashrail.clock import ONE_DAY

PLAIN = {"--btc-usd": "80000", "--difficulty": "132e12", "--subsidy-btc": "1.5625", "--fees-btc": "0.0"}


def wrong_figures(today: dt.date, folder: Path) -> list[tuple[str, ...]]:
    """Every one of them; `today` is a day of the deployment that is not over, and files are written into the folder."""
    shifted, past = folder / "shifted.csv", str(today - 5 * ONE_DAY)
    shifted.write_text(f"day,btc_usd,difficulty,subsidy_btc,fees_btc,source\n{today},78862,65,132e12,1.5625,0.04\n")
    return [
        ("IMPLAUSIBLE_FIGURE", *rates_of(today, btc_usd="78.862")),
        ("IMPLAUSIBLE_FIGURE", *rates_of(today, difficulty="95.67")),
        ("CONFIRMATION_NEEDED", *rates_of(today, btc_usd="8000")),
        ("IMPLAUSIBLE_FIGURE", "rates", "import", str(shifted)),
        ("IMPLAUSIBLE_FIGURE", "day", "adjust", past, "--reason", "typing error", "--pool-btc-per-th", "0.0049"),
        ("CONFIRMATION_NEEDED", "day", "adjust", past, "--reason", "typing error", "--btc-usd", "8000"),
        ("IMPLAUSIBLE_FIGURE", "tariff", "set", "kwh_usd", "4.7", "--from", str(today)),
        ("CONFIRMATION_NEEDED", "tariff", "set", "pool_fee", "0.2", "--from", str(today)),
        ("CONFIRMATION_NEEDED", "programme", "fraction", "spring", "0.6", "--from", str(today)),
        ("IMPLAUSIBLE_FIGURE", "catalogue", "put", "--power", "1", "--efficiency", "15", "--price", "1e19"),
        ("CONFIRMATION_NEEDED", "catalogue", "put", "--power", "1", "--efficiency", "15", "--price", "179"),
        ("IMPLAUSIBLE_FIGURE", "catalogue", "capacity", "50000000000"),
        ("IMPLAUSIBLE_FIGURE", "partner", "credit-limit", "1000000000", "--partner", "partner"),
        (
            *("IMPLAUSIBLE_FIGURE", "partner", "payment", "record", "--partner", "partner"),
            *("--amount", "5000000000", "--reference", "SEPA 9"),
        ),
    ]


def rates_of(day: dt.date, **changes: str) -> tuple[str, ...]:
    """A day's rates, with some of them changed."""
    given = PLAIN | {f"--{name.replace('_', '-')}": value for name, value in changes.items()}
    return ("rates", "set", str(day), *(word for pair in given.items() for word in pair))
