"""Notes on users: by whom, in order, once, for ever."""

import asyncio

import pytest

from hashrail import db
from hashrail.parties.operators import Operator
from hashrail.support import notes
from hashrail.support.notes import MAX_LENGTH, NoteTextError
from tests.support.operators import hired
from tests.support.world import World


async def written(world: World, who: Operator, user_id: int, text: str) -> bool:
    """Whether a note is new."""
    async with db.transaction(world.pool) as tx:
        return (await notes.add(tx, who, world.partner.id, user_id, text))[1]


async def test_notes_are_read_newest_first_with_who(world: World, olga: Operator) -> None:
    alice, bob = await world.user("alice"), await world.user("bob")
    oleg = await hired(world.pool, "oleg", "viewer")
    assert await written(world, olga, alice.id, " called, case 88\n")
    assert not await written(world, olga, alice.id, "called, case 88"), "sent twice"
    assert await written(world, oleg, alice.id, "called, case 88")
    assert await written(world, olga, alice.id, "called, case 88"), "somebody else has said something meanwhile"
    assert await written(world, olga, bob.id, "x" * MAX_LENGTH)
    found = await notes.of_user(world.pool, world.partner.id, alice.id, limit=9)
    assert [(one.operator, one.text) for one in found] == [
        (name, "called, case 88") for name in ("olga", "oleg", "olga")
    ]
    assert await notes.of_user(world.pool, world.partner.id, alice.id, limit=1) == found[:1]
    assert await notes.of_user(world.pool, world.partner.id, alice.id, limit=9, after=found[0].id) == found[1:]


async def test_the_same_at_once_is_one(world: World, olga: Operator) -> None:
    alice = await world.user("alice")
    assert sorted(await asyncio.gather(*(written(world, olga, alice.id, "once") for _ in range(4)))) == [
        *(False, False, False),
        True,
    ]


@pytest.mark.parametrize("text", ["", " \n", "x" * (MAX_LENGTH + 1), "a\0b"])
async def test_what_says_nothing_or_too_much_is_refused(world: World, olga: Operator, text: str) -> None:
    alice = await world.user("alice")
    with pytest.raises(NoteTextError) as caught:
        await written(world, olga, alice.id, text)
    assert caught.value.details["field"] == "text"
    assert await notes.of_user(world.pool, world.partner.id, alice.id, limit=9) == []
