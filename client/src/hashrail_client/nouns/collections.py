# Written by `python -m tools.python_sdk`; edit the tables of operations or the API's models, not this file.
"""What is on sale."""

from hashrail_client.answers import CollectionPage
from hashrail_client.tables import ROWS, USER_ROWS
from hashrail_client.verbs import AsyncVerbs, Verbs


class CollectionsVerbs(Verbs):
    """What is on sale. Its verbs block."""

    _rows = ROWS["collections"]

    def list(self) -> CollectionPage:
        """What is on sale: {array}; value in USD, poolReward in BTC a day."""
        answer: CollectionPage = self._send("list")
        return answer


class AsyncCollectionsVerbs(AsyncVerbs):
    """What is on sale. Its verbs are awaited."""

    _rows = ROWS["collections"]

    async def list(self) -> CollectionPage:
        """What is on sale: {array}; value in USD, poolReward in BTC a day."""
        answer: CollectionPage = await self._send("list")
        return answer


class UserCollectionsVerbs(Verbs):
    """What is on sale. Its verbs block, and know the token's user alone."""

    _rows = USER_ROWS["collections"]

    def list(self) -> CollectionPage:
        """What is on sale: {array}; value in USD, poolReward in BTC a day."""
        answer: CollectionPage = self._send("list")
        return answer


class AsyncUserCollectionsVerbs(AsyncVerbs):
    """What is on sale. Its verbs are awaited, and know the token's user alone."""

    _rows = USER_ROWS["collections"]

    async def list(self) -> CollectionPage:
        """What is on sale: {array}; value in USD, poolReward in BTC a day."""
        answer: CollectionPage = await self._send("list")
        return answer
