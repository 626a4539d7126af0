# Written by `python -m tools.python_sdk`; edit the tables of operations or the API's models, not this file.
"""Days that the deployment signed."""

from hashrail_client.amounts import Day
from hashrail_client.answers import DayDocument, Opening, ProofKeys, SignedDays
from hashrail_client.tables import ROWS
from hashrail_client.verbs import AsyncVerbs, Verbs


class ProofsVerbs(Verbs):
    """Days that the deployment signed. Its verbs block."""

    _rows = ROWS["proofs"]

    def keys(self) -> ProofKeys:
        """The keys that days are signed with. Anybody may ask."""
        answer: ProofKeys = self._send("keys")
        return answer

    def days(self, *, after: Day | None = None) -> SignedDays:
        """The signed days after one, oldest first, by their checksums. Anybody may ask."""
        answer: SignedDays = self._send("days", after=after)
        return answer

    def day(self, day: Day) -> DayDocument:
        """The signed document of a day. Anybody may ask."""
        answer: DayDocument = self._send("day", day=day)
        return answer

    def power(self, day: Day) -> Opening:
        """What opens your own line of a signed day: {day, salt, text}."""
        answer: Opening = self._send("power", day=day)
        return answer


class AsyncProofsVerbs(AsyncVerbs):
    """Days that the deployment signed. Its verbs are awaited."""

    _rows = ROWS["proofs"]

    async def keys(self) -> ProofKeys:
        """The keys that days are signed with. Anybody may ask."""
        answer: ProofKeys = await self._send("keys")
        return answer

    async def days(self, *, after: Day | None = None) -> SignedDays:
        """The signed days after one, oldest first, by their checksums. Anybody may ask."""
        answer: SignedDays = await self._send("days", after=after)
        return answer

    async def day(self, day: Day) -> DayDocument:
        """The signed document of a day. Anybody may ask."""
        answer: DayDocument = await self._send("day", day=day)
        return answer

    async def power(self, day: Day) -> Opening:
        """What opens your own line of a signed day: {day, salt, text}."""
        answer: Opening = await self._send("power", day=day)
        return answer
