"""Attempts to sign in are counted, and who may try waits for nobody."""

import datetime as dt

import pytest

from hashrail import clock, db
from hashrail.parties import sign_in_attempts


async def test_what_began_earlier_and_is_counted_later_waits_no_more(
    pool: db.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Attempts at one moment overtake each other: the free ones are free, and a later one waits from the newest."""
    now = clock.wall_now()
    ago = [0, 3, 2, 1, 4]
    for seconds in ago:
        monkeypatch.setattr(clock, "wall_now", lambda seconds=seconds: now - dt.timedelta(seconds=seconds))
        async with db.transaction(pool) as tx:
            await sign_in_attempts.count(tx, name="olga", place="203.0.113.7")
    with pytest.raises(sign_in_attempts.TooManySignInsError) as refused:
        async with db.transaction(pool) as tx:
            await sign_in_attempts.count(tx, name="olga", place="203.0.113.7")
    assert refused.value.details == {"seconds": 1 + ago[-1]}
