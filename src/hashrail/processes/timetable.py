"""The timetable of the worker: what it does again and again, on which queue, how often.

`worker` defines each of these jobs by its row; whoever looks after the worker reads what runs when.
"""

from dataclasses import dataclass
from typing import Literal

from hashrail.exports import export
from hashrail.parties import member_tasks, tasks

EVERY_MINUTE = "* * * * *"
EVERY_TEN_MINUTES = "*/10 * * * *"
EVERY_HOUR = "17 * * * *"
EVERY_DAY = "41 3 * * *"
# The rhythms for people; times are UTC.
WORDS = {
    EVERY_MINUTE: "every minute",
    EVERY_TEN_MINUTES: "every ten minutes",
    EVERY_HOUR: "every hour, at 17 past",
    EVERY_DAY: "every day, at 03:41 UTC",
}
Name = Literal[
    "keep_days",
    "write_journal",
    "pay",
    "forget_stalled",
    "audit",
    "make_exports",
    "take_liabilities",
    "do_tasks",
    "do_member_tasks",
    "fetch_rates",
    "see_wallet",
    "reconcile",
]


@dataclass(frozen=True, slots=True)
class Row:
    """A job: its rhythm, what it does, its queue, and under which name its outcome is noted.

    One that is `of_chain` is there with a node only.
    """

    name: Name
    cron: str
    does: str
    queue: str = "default"
    noted: str = ""
    of_chain: bool = False

    @property
    def rhythm(self) -> str:
        """How often it runs, in words."""
        return WORDS[self.cron]

    @property
    def observed(self) -> str:
        """What its outcome is called."""
        return self.noted or self.name


ROWS = (
    Row("keep_days", EVERY_MINUTE, "publishes, closes and signs days, expires orders, forgets what is past its time"),
    Row("write_journal", EVERY_MINUTE, "writes the journal beside the database"),
    Row("pay", EVERY_MINUTE, "makes a run of payouts"),
    Row("forget_stalled", EVERY_MINUTE, "ends jobs of workers that were killed", noted="forget_stalled_jobs"),
    Row("audit", EVERY_HOUR, "sums up accounts and checks every invariant, once a day of everything"),
    Row("make_exports", EVERY_MINUTE, "makes the files that partners asked for", export.QUEUE),
    Row("take_liabilities", EVERY_MINUTE, "signs the sum of what is owed, when it is due", export.QUEUE),
    Row("do_tasks", EVERY_MINUTE, "does what operators asked for in the console", tasks.QUEUE),
    Row("do_member_tasks", EVERY_MINUTE, "does what members asked for in the portal", member_tasks.QUEUE),
    Row("fetch_rates", EVERY_TEN_MINUTES, "fetches the figures of days that have none", of_chain=True),
    Row("see_wallet", EVERY_TEN_MINUTES, "looks at what the wallet has", of_chain=True),
    Row("reconcile", EVERY_DAY, "reconciles wallet, chain and books", of_chain=True),
)
CRON = {row.name: row.cron for row in ROWS}
