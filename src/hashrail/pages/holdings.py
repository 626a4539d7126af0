"""What pages show of a user and of a miner, in the console and in the portal: stints on a line, income to be drawn."""

from collections.abc import Mapping
from typing import Any

from hashrail import business_clock, clock
from hashrail.db import Tx
from hashrail.money import plain
from hashrail.pages import stint_lines
from hashrail.parties import users
from hashrail.support import lists
from hashrail.support.lists import Page
from hashrail.support.miner_pages import MinerPage
from hashrail.support.user_pages import Belongings

DAYS_DRAWN = 366


async def of_user(tx: Tx, page: Belongings) -> Mapping[str, Any]:
    """Of a user, with what is theirs."""
    user = page.user
    drawn = await lists.income(tx, user.partner_id, user.id, Page(DAYS_DRAWN, user_id=user.id))
    today = clock.day_of(await business_clock.now(tx))
    first = stint_lines.first_day([stints for _, stints in page.miners], today)
    return {
        "page": page,
        "user": user,
        "income": [{"day": one.day.isoformat(), "net": plain(one.net_btc)} for one in reversed(drawn)],
        "lines": [(miner, stint_lines.bars(stints, user, first, today)) for miner, stints in page.miners],
        "first": first,
        "today": today,
        "last_day": page.income[0].day if page.income else None,
        "box": stint_lines.BOX,
    }


async def of_miner(tx: Tx, partner_id: int, page: MinerPage) -> Mapping[str, Any]:
    """Of a miner, with whose it is."""
    owner = await users.get(tx, partner_id, page.user_id)
    today = clock.day_of(await business_clock.now(tx))
    first = stint_lines.first_day([page.stints], today)
    return {
        "page": page,
        "owner": owner,
        "bars": stint_lines.bars(page.stints, owner, first, today),
        "first": first,
        "today": today,
        "box": stint_lines.BOX,
    }
