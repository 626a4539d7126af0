"""Events of alarms that concern the partner."""

from typing import ClassVar

from hashrail.events.event import Event, Moment


class AlarmEvent(Event, frozen=True):
    """An alarm by its number; `code` says what it is about, as CREDIT_NEARLY_USED."""

    KIND: ClassVar[str] = "alarm"
    ID: ClassVar[str] = "id"

    id: int
    code: str
    since: Moment


class AlarmBegan(AlarmEvent, frozen=True):
    """Something needs attention, and `message` says what, with its figures."""

    TYPE: ClassVar[str] = "alarm.began"

    message: str


class AlarmEnded(AlarmEvent, frozen=True):
    """It is so no more."""

    TYPE: ClassVar[str] = "alarm.ended"
