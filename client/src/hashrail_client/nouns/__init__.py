# Written by `python -m tools.python_sdk`; edit the tables of operations or the API's models, not this file.
"""The nouns of the clients, with every verb typed."""

from collections.abc import Awaitable, Callable
from typing import Any

from hashrail_client.calls import Call
from hashrail_client.nouns.balances import AsyncBalancesVerbs, AsyncUserBalancesVerbs, BalancesVerbs, UserBalancesVerbs
from hashrail_client.nouns.collections import (
    AsyncCollectionsVerbs,
    AsyncUserCollectionsVerbs,
    CollectionsVerbs,
    UserCollectionsVerbs,
)
from hashrail_client.nouns.deposits import AsyncDepositsVerbs, AsyncUserDepositsVerbs, DepositsVerbs, UserDepositsVerbs
from hashrail_client.nouns.exchange import AsyncExchangeVerbs, AsyncUserExchangeVerbs, ExchangeVerbs, UserExchangeVerbs
from hashrail_client.nouns.exports import AsyncExportsVerbs, ExportsVerbs
from hashrail_client.nouns.income import AsyncIncomeVerbs, AsyncUserIncomeVerbs, IncomeVerbs, UserIncomeVerbs
from hashrail_client.nouns.keys import AsyncKeysVerbs, KeysVerbs
from hashrail_client.nouns.miners import AsyncMinersVerbs, AsyncUserMinersVerbs, MinersVerbs, UserMinersVerbs
from hashrail_client.nouns.payments import AsyncPaymentsVerbs, PaymentsVerbs
from hashrail_client.nouns.proofs import AsyncProofsVerbs, AsyncUserProofsVerbs, ProofsVerbs, UserProofsVerbs
from hashrail_client.nouns.read_tokens import (
    AsyncReadTokensVerbs,
    AsyncUserReadTokensVerbs,
    ReadTokensVerbs,
    UserReadTokensVerbs,
)
from hashrail_client.nouns.sandbox import AsyncSandboxVerbs, SandboxVerbs
from hashrail_client.nouns.sessions import AsyncSessionsVerbs, SessionsVerbs
from hashrail_client.nouns.statement import AsyncStatementVerbs, StatementVerbs
from hashrail_client.nouns.ton import AsyncTonVerbs, TonVerbs
from hashrail_client.nouns.upgrades import AsyncUpgradesVerbs, UpgradesVerbs
from hashrail_client.nouns.users import AsyncUsersVerbs, UsersVerbs
from hashrail_client.nouns.wallets import AsyncUserWalletsVerbs, AsyncWalletsVerbs, UserWalletsVerbs, WalletsVerbs
from hashrail_client.nouns.webhooks import AsyncWebhooksVerbs, WebhooksVerbs
from hashrail_client.nouns.withdrawals import AsyncWithdrawalsVerbs, WithdrawalsVerbs


class Nouns:
    """The nouns of a partner's server, for code that blocks."""

    def __init__(self, send: Callable[[Call], Any]) -> None:
        self.balances = BalancesVerbs(send)
        self.collections = CollectionsVerbs(send)
        self.deposits = DepositsVerbs(send)
        self.exchange = ExchangeVerbs(send)
        self.exports = ExportsVerbs(send)
        self.income = IncomeVerbs(send)
        self.keys = KeysVerbs(send)
        self.miners = MinersVerbs(send)
        self.payments = PaymentsVerbs(send)
        self.proofs = ProofsVerbs(send)
        self.read_tokens = ReadTokensVerbs(send)
        self.sandbox = SandboxVerbs(send)
        self.sessions = SessionsVerbs(send)
        self.statement = StatementVerbs(send)
        self.ton = TonVerbs(send)
        self.upgrades = UpgradesVerbs(send)
        self.users = UsersVerbs(send)
        self.wallets = WalletsVerbs(send)
        self.webhooks = WebhooksVerbs(send)
        self.withdrawals = WithdrawalsVerbs(send)


class AsyncNouns:
    """The nouns of a partner's server, awaited."""

    def __init__(self, send: Callable[[Call], Awaitable[Any]]) -> None:
        self.balances = AsyncBalancesVerbs(send)
        self.collections = AsyncCollectionsVerbs(send)
        self.deposits = AsyncDepositsVerbs(send)
        self.exchange = AsyncExchangeVerbs(send)
        self.exports = AsyncExportsVerbs(send)
        self.income = AsyncIncomeVerbs(send)
        self.keys = AsyncKeysVerbs(send)
        self.miners = AsyncMinersVerbs(send)
        self.payments = AsyncPaymentsVerbs(send)
        self.proofs = AsyncProofsVerbs(send)
        self.read_tokens = AsyncReadTokensVerbs(send)
        self.sandbox = AsyncSandboxVerbs(send)
        self.sessions = AsyncSessionsVerbs(send)
        self.statement = AsyncStatementVerbs(send)
        self.ton = AsyncTonVerbs(send)
        self.upgrades = AsyncUpgradesVerbs(send)
        self.users = AsyncUsersVerbs(send)
        self.wallets = AsyncWalletsVerbs(send)
        self.webhooks = AsyncWebhooksVerbs(send)
        self.withdrawals = AsyncWithdrawalsVerbs(send)


class UserNouns:
    """The nouns of a user's client, for code that blocks."""

    def __init__(self, send: Callable[[Call], Any]) -> None:
        self.balances = UserBalancesVerbs(send)
        self.collections = UserCollectionsVerbs(send)
        self.deposits = UserDepositsVerbs(send)
        self.exchange = UserExchangeVerbs(send)
        self.income = UserIncomeVerbs(send)
        self.miners = UserMinersVerbs(send)
        self.proofs = UserProofsVerbs(send)
        self.read_tokens = UserReadTokensVerbs(send)
        self.wallets = UserWalletsVerbs(send)


class AsyncUserNouns:
    """The nouns of a user's client, awaited."""

    def __init__(self, send: Callable[[Call], Awaitable[Any]]) -> None:
        self.balances = AsyncUserBalancesVerbs(send)
        self.collections = AsyncUserCollectionsVerbs(send)
        self.deposits = AsyncUserDepositsVerbs(send)
        self.exchange = AsyncUserExchangeVerbs(send)
        self.income = AsyncUserIncomeVerbs(send)
        self.miners = AsyncUserMinersVerbs(send)
        self.proofs = AsyncUserProofsVerbs(send)
        self.read_tokens = AsyncUserReadTokensVerbs(send)
        self.wallets = AsyncUserWalletsVerbs(send)
