"""A member's act that is under way: for whom it is done, what it changes, and what waits for a second owner.

One that only `tries` is undone by its caller, so it leaves nothing in the log.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from hashrail.acts.acting import Noted
from hashrail.books.fence import OpenBooks
from hashrail.db import Tx
from hashrail.parties import member_changes, member_log
from hashrail.parties.members import Member


@dataclass(frozen=True, slots=True)
class MemberActing:
    """An act of a member; the fence of the partner is shared as `books`.

    What it changed is `noted`, what it comes to is `told` in sentences, and `asked` counts what waits for a second.
    """

    member: Member
    books: OpenBooks
    noted: list[Noted] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    asked: list[int] = field(default_factory=list)
    tries: bool = False

    @property
    def partner_id(self) -> int:
        """Whose everything is."""
        return self.member.partner_id

    async def note(
        self,
        tx: Tx,
        act: str,
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
            await member_log.note(tx, self.member, act, subject, reason or None, before=before, after=after)

    async def waits(
        self,
        tx: Tx,
        act: str,
        subject: str,
        *,
        before: Mapping[str, object],
        after: Mapping[str, object],
        secret: str | None = None,
    ) -> None:
        """Let a second owner confirm it; it is not done now. Raises SecondOwnerMissingError, MemberRoleError."""
        number = await member_changes.ask(tx, self.member, act, subject, before=before, after=after, secret=secret)
        self.noted.append(Noted(subject, before, after, waits=True))
        self.asked.append(number)
