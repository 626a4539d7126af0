# Written by `python -m tools.python_sdk`; edit the tables of operations or the API's models, not this file.
"""The API key that you call with."""

from hashrail_client.answers import Key
from hashrail_client.tables import ROWS
from hashrail_client.verbs import AsyncVerbs, Verbs


class KeysVerbs(Verbs):
    """The API key that you call with. Its verbs block."""

    _rows = ROWS["keys"]

    def get(self) -> Key:
        """What your key is: kind, scopes, allowedAddresses, the address that you call from, secretsSince, the
        partner.
        """
        answer: Key = self._send("get")
        return answer


class AsyncKeysVerbs(AsyncVerbs):
    """The API key that you call with. Its verbs are awaited."""

    _rows = ROWS["keys"]

    async def get(self) -> Key:
        """What your key is: kind, scopes, allowedAddresses, the address that you call from, secretsSince, the
        partner.
        """
        answer: Key = await self._send("get")
        return answer
