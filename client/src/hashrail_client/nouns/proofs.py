# Written by `python -m tools.python_sdk`; edit the tables of operations or the API's models, not this file.
"""Days that the deployment signed, and what it owes."""

from hashrail_client.amounts import Day
from hashrail_client.answers import BalanceProof, DayDocument, Liabilities, Opening, ProofKeys, Reserves, SignedDays
from hashrail_client.tables import ROWS, USER_ROWS
from hashrail_client.verbs import AsyncVerbs, Verbs


class ProofsVerbs(Verbs):
    """Days that the deployment signed, and what it owes. Its verbs block."""

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

    def liabilities(self, *, day: Day | None = None) -> Liabilities:
        """The signed document of what was owed to all users after a day, or the newest. Anybody may ask."""
        answer: Liabilities = self._send("liabilities", day=day)
        return answer

    def liabilities_days(self, *, after: Day | None = None) -> SignedDays:
        """After which days, behind one, it was signed what is owed to all users. Anybody may ask."""
        answer: SignedDays = self._send("liabilities_days", after=after)
        return answer

    def reserves(self, *, day: Day | None = None) -> Reserves:
        """The coins that the wallet could spend after a day, or the newest, signed by their keys. Anybody may ask."""
        answer: Reserves = self._send("reserves", day=day)
        return answer

    def balance(self, partner_user_id: str, *, day: Day | None = None) -> BalanceProof:
        """A user's way into what was owed after a day, or the newest: {amount, nonce, index, path}. See
        liabilities.
        """
        answer: BalanceProof = self._send("balance", partner_user_id=partner_user_id, day=day)
        return answer


class AsyncProofsVerbs(AsyncVerbs):
    """Days that the deployment signed, and what it owes. Its verbs are awaited."""

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

    async def liabilities(self, *, day: Day | None = None) -> Liabilities:
        """The signed document of what was owed to all users after a day, or the newest. Anybody may ask."""
        answer: Liabilities = await self._send("liabilities", day=day)
        return answer

    async def liabilities_days(self, *, after: Day | None = None) -> SignedDays:
        """After which days, behind one, it was signed what is owed to all users. Anybody may ask."""
        answer: SignedDays = await self._send("liabilities_days", after=after)
        return answer

    async def reserves(self, *, day: Day | None = None) -> Reserves:
        """The coins that the wallet could spend after a day, or the newest, signed by their keys. Anybody may ask."""
        answer: Reserves = await self._send("reserves", day=day)
        return answer

    async def balance(self, partner_user_id: str, *, day: Day | None = None) -> BalanceProof:
        """A user's way into what was owed after a day, or the newest: {amount, nonce, index, path}. See
        liabilities.
        """
        answer: BalanceProof = await self._send("balance", partner_user_id=partner_user_id, day=day)
        return answer


class UserProofsVerbs(Verbs):
    """Days that the deployment signed, and what it owes. Its verbs block, and know the token's user alone."""

    _rows = USER_ROWS["proofs"]

    def balance(self, *, day: Day | None = None) -> BalanceProof:
        """The user's way into what was owed after a day, or the newest: {amount, nonce, index, path}. See
        liabilities.
        """
        answer: BalanceProof = self._send("balance", day=day)
        return answer


class AsyncUserProofsVerbs(AsyncVerbs):
    """Days that the deployment signed, and what it owes. Its verbs are awaited, and know the token's user alone."""

    _rows = USER_ROWS["proofs"]

    async def balance(self, *, day: Day | None = None) -> BalanceProof:
        """The user's way into what was owed after a day, or the newest: {amount, nonce, index, path}. See
        liabilities.
        """
        answer: BalanceProof = await self._send("balance", day=day)
        return answer
