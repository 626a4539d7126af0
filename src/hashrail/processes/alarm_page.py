"""`GET /api/admin/alarms`: what rings, for the operator's monitoring, on the listener of the probes.

It stands there and not in the API, whose port is the partners' and the world's: no key of a partner and no token of a
user is anything to it. It is read anew whenever nobody is reading (`onlooker`).
"""

from http import HTTPStatus

import msgspec

from hashrail import clock
from hashrail.alarms.states import Ringing
from hashrail.errors import HashrailError
from hashrail.processes.onlooker import Onlooker
from hashrail.processes.probes import Page


class AlarmPage:
    """What rings."""

    def __init__(self, onlooker: Onlooker) -> None:
        self._onlooker = onlooker

    async def page(self) -> Page:
        """`{"alarms": [...]}`, the gravest first; or by its code why it cannot be read, which is an alarm as well."""
        try:
            seen = await self._onlooker.look()
        except HashrailError as error:
            shape = {"statusCode": error.status, "error": error.code, "message": error.message}
            return Page(msgspec.json.encode(shape), status=HTTPStatus(error.status))
        return Page(msgspec.json.encode({"alarms": [_shape(each) for each in seen.ringing]}))


def _shape(one: Ringing) -> dict[str, object]:
    """Under the names that `hashrail alarms --json` has."""
    return {
        "code": one.code,
        "subject": one.subject,
        "severity": one.severity,
        "message": one.message,
        "since": clock.iso(one.since),
        "ringsAt": clock.iso(one.rings_at),
        "quietAt": None if one.quiet_at is None else clock.iso(one.quiet_at),
        "toldAt": None if one.told_at is None else clock.iso(one.told_at),
        "silencedUntil": None if one.silenced_until is None else clock.iso(one.silenced_until),
        "todo": one.todo,
        "page": one.page,
    }
