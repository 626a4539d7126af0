"""What the commands about alarms print for scripts; `printing.py` says how values are written."""

from datetime import datetime
from typing import Annotated, Literal

from hashrail.cli.printing import Shape, about
from hashrail.settings import Severity


class Alarm(Shape, kw_only=True):
    """An alarm that rings."""

    code: Annotated[str, about("its rule, which the runbook has a row for")]
    subject: Annotated[str, about("of what: a partner, a job, a finding; empty where there is one of it")]
    severity: Annotated[Severity, about("how grave it is")]
    message: Annotated[str, about("what is so, with its figures")]
    since: Annotated[datetime, about("since when it is so")]
    rings_at: Annotated[datetime, about("since when it rings")]
    quiet_at: Annotated[datetime | None, about("since when it is so no more; it ends soon")]
    told_at: Annotated[datetime | None, about("when it was last told; null: silenced, or no worker lives to tell")]
    silenced_until: Annotated[datetime | None, about("until when it is not told")]
    todo: Annotated[str, about("what to do")]
    page: Annotated[str, about("where more is said")]


class Delivery(Shape, kw_only=True):
    """What came of a test message."""

    target: Annotated[str, about("who was to be told, by the name in HASHRAIL_ALARM_URLS")]
    delivered: Annotated[bool, about("whether it was taken")]
    cause: Annotated[str | None, about("what went wrong")]


class Told(Shape, kw_only=True):
    """A message about an alarm."""

    written_at: Annotated[datetime, about("when it was to be told")]
    code: Annotated[str, about("the alarm's code")]
    subject: Annotated[str, about("of what")]
    what: Annotated[Literal["begins", "goes on", "ends"], about("what was told of it")]
    severity: Annotated[Severity, about("how grave")]
    body: Annotated[str, about("the text")]
    delivered: Annotated[list[str], about("whom it has reached")]
    waiting: Annotated[list[str], about("for whom it is tried again")]
    given_up: Annotated[list[str], about("for whom it was given up, after a week")]


class Silence(Shape, kw_only=True):
    """Something that is not told for a while."""

    id: Annotated[int, about("its number")]
    code: Annotated[str, about("the alarm's code")]
    subject: Annotated[str | None, about("of what only; null is all of it")]
    reason: Annotated[str, about("why")]
    silenced_by: Annotated[str | None, about("the operator; null is whoever had the shell")]
    silenced_at: Annotated[datetime, about("since when")]
    until: Annotated[datetime, about("until when")]
