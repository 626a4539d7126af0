"""Paying users: their balances, their wallets and their withdrawals."""

from hashrail import users
from hashrail.api import reads
from hashrail.api.call import Auth, Call, Route
from hashrail.api.models import Data, Listing, UserPageQuery, WalletBalanceOut
from hashrail.money import plain


async def balances(call: Call, query: UserPageQuery) -> Data[Listing[WalletBalanceOut]]:
    """#24: what the user can spend and what is held, decimal texts, a row a currency."""
    user = await users.find(call.pool, call.partner_id, query.partner_user_id)
    found = await reads.balances(call, user.id, query.limit, query.offset)
    return Data(
        Listing(
            [
                WalletBalanceOut(
                    id=account.account_id,
                    currency=account.currency,
                    gmt_value=plain(spendable) if account.currency == "GOMINING" else None,
                    freezed_value=plain(account.debits_pending),
                    value=plain(spendable),
                )
                for account, spendable in found
            ]
        )
    )


ROUTES = (Route(24, "s2s_balances", "GET", "/s2s/wallet/get-balances", Auth.SIGNED, UserPageQuery, balances),)
