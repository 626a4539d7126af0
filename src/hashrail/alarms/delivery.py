"""Telling people: each receiver is a URL of apprise's, which knows mail, chats, pagers and plain webhooks.

Every attempt has a thread of its own and a deadline, so a receiver that is slow or hangs holds nothing else up; while a
thread has not come back, its receiver is left alone. URLs hold secrets: nothing of apprise's own log is shown, and what
is said of a failure is put together here.
"""

import asyncio
import logging
import re
import threading
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

import structlog
from pydantic import SecretStr

from hashrail import business_clock, db, texts
from hashrail.alarms import messages
from hashrail.alarms.messages import Message, Taken
from hashrail.deployment.opened import Deployment
from hashrail.settings import BadSettingError, Settings

if TYPE_CHECKING:
    import apprise

DEADLINE_SECONDS = 30
STATUS = re.compile(r"error=(\d{3})\b")
log = structlog.get_logger()


class Receivers:
    """The receivers of this process, by name."""

    def __init__(self, urls: Mapping[str, SecretStr]) -> None:
        self._urls = urls
        # Threads that have not come back, by receiver.
        self._busy: dict[str, threading.Thread] = {}

    def is_free(self, name: str) -> bool:
        """Whether nothing is on its way to a receiver."""
        thread = self._busy.get(name)
        return thread is None or not thread.is_alive()

    async def send(self, name: str, message: Message) -> str | None:
        """Send a message; answers what went wrong, None where nothing did. It may have arrived all the same."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[str | None] = loop.create_future()

        def settle(cause: str | None) -> None:
            if not answer.done():
                answer.set_result(cause)

        def work() -> None:
            cause: str | None = "not sent: a fault of the program"
            try:
                cause = _notify(self._urls[name].get_secret_value(), message)
            finally:
                if not loop.is_closed():
                    loop.call_soon_threadsafe(settle, cause)

        self._busy[name] = threading.Thread(target=work, name=f"alarm to {name}", daemon=True)
        self._busy[name].start()
        try:
            cause = await asyncio.wait_for(answer, DEADLINE_SECONDS)
        except TimeoutError:
            return f"no answer within {DEADLINE_SECONDS} s"
        # It has answered: that its thread takes a moment longer to end holds up no message.
        del self._busy[name]
        return cause


def check(settings: Settings) -> None:
    """Raises BadSettingError for a URL that apprise does not know; it is named, and not shown."""
    for name, url in settings.alarm_urls.items():
        if _service(url.get_secret_value()) is None:
            raise BadSettingError(f"alarm_urls: apprise does not know the URL of {name}, or it lacks something")


async def deliver(deployment: Deployment, receivers: Receivers) -> int:
    """Send what is due to everybody, each for themselves; answers how many messages arrived."""
    names = [name for name in deployment.settings.alarm_urls if receivers.is_free(name)]
    return sum(await asyncio.gather(*(_deliver_to(deployment, receivers, name) for name in names)))


async def _deliver_to(deployment: Deployment, receivers: Receivers, name: str) -> int:
    """Until nothing is due, or something fails: then the others would fail too, and wait."""
    count = 0
    while (taken := await _take(deployment.pool, name)) is not None:
        cause = await receivers.send(name, taken.message)
        async with db.transaction(deployment.pool) as tx:
            at = (await business_clock.read(tx)).database_now
            if cause is None:
                await messages.delivered(tx, taken, at=at)
                count += 1
            else:
                await messages.failed(tx, taken, cause, at=at)
        if cause is not None:
            log.warning("alarm not delivered", target=name, message=taken.message.name, cause=cause)
            break
    return count


async def _take(pool: db.Pool, name: str) -> Taken | None:
    async with db.transaction(pool) as tx:
        return await messages.take(tx, name, at=(await business_clock.read(tx)).database_now)


def _notify(url: str, message: Message) -> str | None:
    """Send in this thread, however long that takes."""
    from apprise import Apprise, NotifyFormat, NotifyType  # noqa: PLC0415

    kinds = {"info": NotifyType.INFO, "warning": NotifyType.WARNING, "critical": NotifyType.FAILURE}
    kind = NotifyType.SUCCESS if message.what == "ends" else kinds[message.severity]
    service = _service(url)
    if service is None:
        return "apprise does not know the URL"
    # As text: what a name of somebody's holds is shown, and formats nothing.
    body, title = texts.shown_lines(f"{message.body}\nMessage {message.name}"), texts.shown(message.title)
    result = Apprise([service]).notify(body, title=title, notify_type=kind, body_format=NotifyFormat.TEXT)
    if result:
        return None
    said = [seen[1] for entry in result.logs() if (seen := STATUS.search(entry.message))]
    return f"refused with {said[-1]}" if said else "not reached, or refused"


def _service(url: str) -> "apprise.NotifyBase | None":
    # Imported here: only a worker that tells somebody needs it, and it is large.
    from apprise import Apprise, AppriseAsset  # noqa: PLC0415

    _log()
    made: Any = Apprise.instantiate(url, asset=AppriseAsset(app_id="Hashrail", app_desc="Hashrail"))
    return made  # type: ignore[no-any-return]


@cache
def _log() -> logging.Logger:
    """Apprise's log, which tells hosts and parts of URLs: nothing of it goes anywhere else."""
    found = logging.getLogger("apprise")
    found.propagate = False
    found.addHandler(logging.NullHandler())
    return found
