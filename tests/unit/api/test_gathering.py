"""Requests that come while another of their kind is at work go together after it, and nobody is lost."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from hashrail.api.serving import gathering
from hashrail.api.serving.gathering import Gatherings
from hashrail.api.serving.turns import PartnerBusyError
from hashrail.errors import ConflictError, HashrailError

KEY = (1, "order")


@pytest.fixture(autouse=True)
def timeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """No turn ends by itself, however slow the machine is."""
    monkeypatch.setattr(gathering, "TURN_SECONDS", 600)


@pytest.fixture
def sociable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits for company waits for it."""
    monkeypatch.setattr(gathering, "COMPANY_SECONDS", 600)


@dataclass
class Desk:
    """Requests by name: who is at work, and with whom; work ends when it is let go."""

    gatherings: Gatherings = field(default_factory=Gatherings)
    done: list[list[str]] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    odd: frozenset[str] = frozenset()
    refused: frozenset[str] = frozenset()
    broken: bool = False

    async def ask(self, name: str) -> str:
        """What one request is answered; a name with a number at its end is one of that partner's."""
        key = (int(name[1:] or 1), "order") if name != "last" else KEY

        async def alone() -> str:
            self.done.append([name])
            await self.gate.wait()
            return f"{name} alone"

        async def together(names: Sequence[str]) -> list[str | HashrailError | None]:
            self.done.append([*names])
            await self.gate.wait()
            if self.broken:
                raise RuntimeError
            return [self.outcome(each) for each in names]

        return await self.gatherings.run(key, name, alone, together)

    def outcome(self, name: str) -> str | HashrailError | None:
        """With others."""
        if name in self.refused:
            return ConflictError(name)
        return None if name in self.odd else f"{name} together"

    async def asked(self, *names: str) -> "list[asyncio.Task[str]]":
        """Requests in this order, as far as they come by themselves."""
        tasks = [asyncio.create_task(self.ask(name)) for name in names]
        await self.settled()
        return tasks

    async def shared(self, *names: str) -> None:
        """The first one by itself, and the others together after it."""
        self.gate.clear()
        tasks = await self.asked(*names)
        self.gate.set()
        await asyncio.gather(*tasks)

    async def settled(self) -> None:
        """Everything that can go on has gone on."""
        for _ in range(20):
            await asyncio.sleep(0)

    async def all_done(self) -> None:
        """Nothing is left of anybody: the next one goes at once."""
        await self.settled()
        assert await asyncio.gather(*await self.asked("last")) == ["last alone"]


async def test_the_first_goes_at_once_and_the_others_together() -> None:
    """Each has its own answer, and nobody waits for company."""
    desk = Desk()
    tasks = await desk.asked("a", "b", "c", "d")
    assert desk.done == [["a"]]
    desk.gate.set()
    assert await asyncio.gather(*tasks) == ["a alone", "b together", "c together", "d together"]
    assert desk.done == [["a"], ["b", "c", "d"]]
    await desk.all_done()


async def test_one_that_takes_long_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is in its way need not be in the others', who go once, and not again when it ends."""
    monkeypatch.setattr(gathering, "PATIENCE_SECONDS", 0)
    desk = Desk()
    tasks = await desk.asked("a", "b", "c")
    assert desk.done == [["a"], ["b", "c"]]
    desk.gate.set()
    assert await asyncio.gather(*tasks) == ["a alone", "b together", "c together"]
    await desk.all_done()


async def test_one_that_waits_alone_goes_alone() -> None:
    desk = Desk()
    tasks = await desk.asked("a", "b")
    desk.gate.set()
    assert await asyncio.gather(*tasks) == ["a alone", "b alone"]
    await desk.all_done()


async def test_what_is_not_plain_is_done_by_itself_afterwards() -> None:
    """A refusal is that of one request."""
    desk = Desk(odd=frozenset({"c"}), refused=frozenset({"d"}))
    tasks = await desk.asked("a", "b", "c", "d")
    desk.gate.set()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert found[:3] == ["a alone", "b together", "c alone"]
    assert isinstance(found[3], ConflictError)
    await desk.all_done()


async def test_a_fault_leaves_each_to_itself() -> None:
    """Nobody waits for ever for what failed."""
    desk = Desk(broken=True)
    told: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    tasks = await desk.asked("a", "b", "c")
    desk.gate.set()
    assert await asyncio.gather(*tasks) == ["a alone", "b alone", "c alone"]
    await desk.all_done()


async def test_no_more_than_so_many_share_a_transaction(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "MOST", 2)
    desk = Desk()
    tasks = await desk.asked("a", "b", "c", "d", "e")
    desk.gate.set()
    await asyncio.gather(*tasks)
    assert desk.done == [["a"], ["b", "c"], ["d", "e"]]
    await desk.all_done()


async def test_who_hangs_up_while_they_wait_is_left_out() -> None:
    desk = Desk()
    a, b, c, d = await desk.asked("a", "b", "c", "d")
    b.cancel()
    await desk.settled()
    desk.gate.set()
    assert await asyncio.gather(a, c, d) == ["a alone", "c together", "d together"]
    assert b.cancelled()
    assert desk.done == [["a"], ["c", "d"]]
    await desk.all_done()


async def test_who_hangs_up_at_work_ends_nothing_of_the_others() -> None:
    """Also the one at the front of them, and the one whom they wait for."""
    desk = Desk()
    a, b, c, d = await desk.asked("a", "b", "c", "d")
    a.cancel()
    await desk.settled()
    assert desk.done == [["a"], ["b", "c", "d"]]
    b.cancel()
    await desk.settled()
    desk.gate.set()
    assert await asyncio.gather(c, d) == ["c together", "d together"]
    assert (a.cancelled(), b.cancelled()) == (True, True)
    await desk.all_done()


async def test_a_lead_that_comes_as_its_request_hangs_up_goes_on() -> None:
    """Both happen between two turns of the loop."""
    desk = Desk()
    a, b = await desk.asked("a", "b")
    desk.gate.set()
    while not a.done():
        await asyncio.sleep(0)
    (c,) = [asyncio.create_task(desk.ask("c"))]
    b.cancel()
    assert await asyncio.wait_for(c, 5) == "c alone"
    await desk.all_done()


async def test_too_many_are_refused_and_nobody_waits_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "MAX_WAITING", 1)
    monkeypatch.setattr(gathering, "WAIT_SECONDS", 0)
    desk = Desk()
    a, b, c = await desk.asked("a", "b", "c")
    found = await asyncio.gather(b, c, return_exceptions=True)
    assert [type(one) for one in found] == [PartnerBusyError, PartnerBusyError]
    desk.gate.set()
    assert await a == "a alone"
    assert desk.done == [["a"]]
    await desk.all_done()


async def test_who_is_at_work_when_they_have_waited_long_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    """What may be done by now is not refused."""
    monkeypatch.setattr(gathering, "PATIENCE_SECONDS", 0)
    monkeypatch.setattr(gathering, "WAIT_SECONDS", 0)
    desk = Desk()
    a, b, c = await desk.asked("a", "b", "c")
    assert desk.done == [["a"], ["b", "c"]]
    monkeypatch.setattr(gathering, "WAIT_SECONDS", 600)
    desk.gate.set()
    assert await asyncio.gather(a, b, c) == ["a alone", "b together", "c together"]
    await desk.all_done()


async def test_partners_have_their_turns_one_after_the_other() -> None:
    """Two are at work at once; the others gather meanwhile, and whoever was at work comes behind them."""
    desk = Desk()
    tasks = await desk.asked("a1", "a2", "b1", "b2", "a3", "a4", "b4", "b3")
    assert desk.done == [["a1"], ["a2"]]
    desk.gate.set()
    await asyncio.gather(*tasks)
    assert desk.done == [["a1"], ["a2"], ["a3", "b3"], ["a4", "b4"], ["b1"], ["b2"]]
    await desk.all_done()


async def test_who_takes_long_keeps_nobody_from_their_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether by themselves or together: their partners wait for them, and nobody else does."""
    desk = Desk()
    tasks = await desk.asked("a1", "b1", "c1", "a2")
    desk.gate.set()
    await desk.settled()
    desk.gate.clear()
    monkeypatch.setattr(gathering, "TURN_SECONDS", 0)
    tasks += await desk.asked("d1", "e1", "f1", "d2", "e2", "a3", "a4")
    assert {names[0] for names in desk.done[-4:]} == {"d1", "d2", "a3", "a4"}
    desk.gate.set()
    await asyncio.gather(*tasks)
    monkeypatch.setattr(gathering, "TURN_SECONDS", 600)
    await desk.all_done()


async def test_who_waits_for_a_turn_hangs_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The turn is the next one's, also when it comes at the same moment."""
    monkeypatch.setattr(gathering, "AT_WORK", 1)
    desk = Desk()
    a, b, c, d = await desk.asked("a1", "b2", "c3", "d4")
    b.cancel()
    await desk.settled()
    desk.gate.set()
    while not a.done():
        await asyncio.sleep(0)
    c.cancel()
    assert await asyncio.wait_for(d, 5) == "d4 alone"
    assert desk.done == [["a1"], ["d4"]]
    await desk.all_done()


@pytest.mark.usefixtures("sociable")
async def test_who_follows_several_waits_for_as_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever was at work together comes again soon: one by one they would go by themselves."""
    desk = Desk()
    await desk.shared("a", "b", "c", "d")
    assert desk.done == [["a"], ["b", "c", "d"]]
    e, f = await desk.asked("e", "f")
    assert len(desk.done) == 2
    monkeypatch.setattr(gathering, "COMPANY_SECONDS", 0)
    (g,) = await desk.asked("g")
    assert await asyncio.gather(e, f, g) == ["e together", "f together", "g together"]
    await desk.all_done()


@pytest.mark.usefixtures("sociable")
async def test_company_that_is_there_already_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """They have come while the others were at work."""
    desk = Desk()
    tasks = await desk.asked("a", "b", "c")
    desk.gate.set()
    while not tasks[0].done():
        await asyncio.sleep(0)
    desk.gate.clear()
    tasks += await desk.asked("d", "e")
    desk.gate.set()
    await desk.settled()
    assert desk.done == [["a"], ["b", "c"], ["d", "e"]]
    monkeypatch.setattr(gathering, "COMPANY_SECONDS", 0)
    tasks += await desk.asked("f", "g")
    await asyncio.gather(*tasks)
    await desk.all_done()


async def test_nobody_waits_long_for_company() -> None:
    """After a moment one goes by itself, and a lane where nobody comes is gone."""
    desk = Desk()
    await desk.shared("a", "b", "c")
    assert await asyncio.gather(*await desk.asked("d")) == ["d alone"]
    await desk.shared("a", "b", "c")
    await asyncio.sleep(10 * gathering.COMPANY_SECONDS)
    assert desk.gatherings == Gatherings()


@pytest.mark.usefixtures("sociable")
async def test_who_waits_for_company_keeps_nobody_from_their_turn() -> None:
    """Their own turn is over."""
    desk = Desk()
    await desk.shared("a1", "a2", *("b1", "c1"), *("b2", "c2"))
    waiting = await desk.asked("f1", "f2")
    assert await asyncio.gather(*await desk.asked("a3", "a4")) == ["a3 alone", "a4 alone"]
    assert await asyncio.gather(*waiting, *await desk.asked("g1", "g2")) == [
        *("f1 together", "f2 together", "g1 together", "g2 together")
    ]
