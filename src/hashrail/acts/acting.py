"""An act that is under way: on which deployment and for whom it is done, what it changes, and what waits for a second.

Every act is a function of a transaction and an `Acting`. Commands and the console's forms call the same ones, so both
refuse, note and let wait alike. Who calls has let the operator in; an act that is undone again shows by `noted` and
`asked` what it would come to.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal

from hashrail import db
from hashrail.db import Tx
from hashrail.deployment.opened import Deployment
from hashrail.parties import alone, changes, operators
from hashrail.parties.alone import Kind
from hashrail.parties.changes import Change
from hashrail.parties.operators import Operator


@dataclass(frozen=True, slots=True)
class Noted:
    """What an act has changed: of what, from what to what; `waits` says that a second has to confirm it first."""

    subject: str
    before: Mapping[str, object] | None
    after: Mapping[str, object] | None
    waits: bool = False


@dataclass(frozen=True, slots=True)
class Acting:
    """An act that is under way: on which deployment, and for whom; None is whoever has the shell.

    `opened` is None where a deployment is changed from beside it: it is not open then.

    What it changed is `noted`, and what it comes to is `told` in sentences. What waits for a second instead of being
    done is `asked`; whoever called says so once that is committed. One that only `tries` is undone by its caller, so it
    leaves nothing in the log.
    """

    act: str
    opened: Deployment | None
    operator: Operator | None
    admit: Callable[[Tx], Awaitable[Operator | None]]
    asked: list[Change] = field(default_factory=list)
    noted: list[Noted] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    tries: bool = False

    @property
    def deployment(self) -> Deployment:
        """The deployment that is open."""
        assert self.opened is not None, f"{self.act} is done from beside the deployment"
        return self.opened

    @property
    def named(self) -> Operator:
        """Who acts, where the act asks for somebody in any case."""
        assert self.operator is not None, f"{self.act} is not done without a name"
        return self.operator

    @asynccontextmanager
    async def step(self) -> AsyncIterator[Tx]:
        """A transaction of an act that commits in steps. Who acts is let in once more: they may have been disabled."""
        async with db.transaction(self.deployment.pool) as tx:
            await self.admit(tx)
            yield tx

    async def note(
        self,
        tx: Tx,
        subject: str,
        *,
        before: Mapping[str, object] | None = None,
        after: Mapping[str, object] | None = None,
        reason: str | None = None,
    ) -> None:
        """Keep what was changed. What is the same before and after was not."""
        if before is not None and before == after:
            return
        self.noted.append(Noted(subject, before, after))
        if not self.tries:
            await operators.note(tx, self.operator, self.act, subject, reason or None, before=before, after=after)

    def shows(self, subject: str, *, before: Mapping[str, object] | None, after: Mapping[str, object] | None) -> None:
        """What was changed by a verb that keeps it in the log itself. What is the same before and after was not."""
        if before is None or before != after:
            self.noted.append(Noted(subject, before, after))

    async def waits(
        self,
        tx: Tx,
        subject: str,
        *,
        before: Mapping[str, object],
        after: Mapping[str, object],
        secret: str | None = None,
    ) -> bool:
        """Let a second confirm it, where it takes two; then it is not done now."""
        if self.tries:
            is_asked = self.operator is not None and await changes.takes_two(tx)
            if is_asked:
                self.noted.append(Noted(subject, before, after, waits=True))
            return is_asked
        made = await changes.ask(tx, self.operator, self.act, subject, before=before, after=after, secret=secret)
        if made is not None:
            self.asked.append(made)
        return made is not None

    async def waits_beyond(
        self,
        tx: Tx,
        subject: str,
        of: tuple[Kind, str, Decimal],
        *,
        before: Mapping[str, object],
        after: Mapping[str, object],
    ) -> bool:
        """Let a second confirm what goes beyond what one does alone in a day; what does not is counted.

        `of` says of which kind it is, its currency and how much. Where nobody else could confirm it, it is done.
        """
        if await alone.is_beyond(tx, self.operator, *of) and await self.waits(tx, subject, before=before, after=after):
            return True
        await alone.count(tx, self.operator, *of)
        return False
