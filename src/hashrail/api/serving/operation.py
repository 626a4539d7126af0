"""What an operation is, and how one is declared: beside its handler, by the noun that it belongs to.

    MINERS = Noun("Miners")

    @MINERS.read(6, "c2s_miners", "GET", "/c2s/nft/find-by-user", Auth.BEARER, refuses=cursors.REFUSALS)
    async def own_miners(call: Call, query: PageQuery) -> Data[Listing[MinerOut]]:
        ...

What is sent and answered is read from the handler's annotations, once, when it is declared: the last argument is the
model of the query or body. A type checker holds the handler to the shape that its decorator wants.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from functools import partial
from inspect import signature
from typing import Any, Generic, Literal, TypeAlias, TypedDict, TypeVar, Unpack

from msgspec import Struct

from hashrail.api.serving import reading, running
from hashrail.api.serving.call import Call, File, Reply
from hashrail.api.serving.running import Read, Write, WriteInSteps, WriteOutsideBooks, WriteTogether
from hashrail.errors import HashrailError

JSON = "application/json"
Method = Literal["GET", "POST"]
F = TypeVar("F", bound=Struct)


class Auth(Enum):
    """What an operation asks of its caller."""

    SERVER_KEY = "key of a partner's server"
    BEARER = "a user's token"
    KEY_OR_BEARER = "a user's token, or a client's key"
    SIGNED = "signature"
    ANY_KEY_OR_BEARER = "a user's token, or any key"
    NONE = "nobody"


@dataclass(frozen=True, slots=True)
class Operation(Generic[F]):
    """One operation of the API. `number` is the contract's; an extension has none.

    `scope` is what a key needs, and the key that opened the session of a token; None asks for none.
    `answer` is the annotation of what it answers, `story` its handler's docstring. `refuses` are the errors of its own,
    beside what its `auth` and reading it may refuse. A write that is `in_steps` commits on its way. `may_be_unsigned`
    lets keys with that setting leave the signature out. What is `in_books` is refused of a partner that is not open,
    unless it may be done `while_suspended`. What is `for_every_site` may be called by the pages of any
    site. What `waits` takes its partner's turn itself, whenever it looks; so does what is `gathered`, whose requests
    of one partner may share a commit. What `commits` beside being no write tells its position too. What may be read
    `from_standbys` writes nothing, and nothing is decided by it.
    """

    number: int | None
    name: str
    method: Method
    path: str
    auth: Auth
    tag: str
    model: type[F]
    answer: Any
    story: str
    run: Callable[[Call, F], Awaitable[Reply]]
    writes: bool = False
    in_steps: bool = False
    in_books: bool = False
    scope: str | None = None
    may_be_unsigned: bool = False
    also_at: tuple[str, ...] = ()
    refuses: tuple[type[HashrailError], ...] = ()
    media_type: str = JSON
    for_every_site: bool = False
    while_suspended: bool = False
    waits: bool = False
    gathered: bool = False
    commits: bool = False
    from_standbys: bool = False

    @property
    def takes_turns(self) -> bool:
        """Whether it takes its partner's turn itself."""
        return self.waits or self.gathered

    @property
    def is_for_anybody(self) -> bool:
        """Whether it is for every site and asks for no credential: nobody looks at a body, and answers are kept."""
        return self.for_every_site and self.auth is Auth.NONE


AnyOperation: TypeAlias = Operation[Any]


# Where an operation names no scope. What a key alone opens is no secret, or needs more than the key.
DEFAULT_SCOPES = {Auth.SIGNED: "read", Auth.BEARER: "read"}


class Facts(TypedDict, total=False):
    """What may be said of an operation beside where it is and who may call it."""

    scope: str | None
    may_be_unsigned: bool
    also_at: tuple[str, ...]
    refuses: tuple[type[HashrailError], ...]
    media_type: str
    for_every_site: bool
    while_suspended: bool
    waits: bool
    commits: bool
    from_standbys: bool


# Number, name, method, path, and who may call.
Place: TypeAlias = tuple[int | None, str, Method, str, Auth]


class Noun:
    """The operations of one noun, for both doors, in the order in which its page declares them.

    `tag` is what the document calls the noun.
    """

    def __init__(self, tag: str) -> None:
        self.tag = tag
        self.operations: list[AnyOperation] = []

    def read(
        self, number: int | None, name: str, method: Method, path: str, auth: Auth, **facts: Unpack[Facts]
    ) -> Callable[[Read[F]], Operation[F]]:
        """Declare what only answers."""

        def declare(handler: Read[F]) -> Operation[F]:
            run = partial(reading.read if facts.get("from_standbys") else running.read, handler)
            return self._add((number, name, method, path, auth), handler, run, facts)

        return declare

    def unkept_write(
        self, number: int | None, name: str, path: str, auth: Auth, **facts: Unpack[Facts]
    ) -> Callable[[Read[F]], Operation[F]]:
        """Declare what opens its own transaction and keeps no answer: what it uses up, a repetition cannot use."""
        return self.read(number, name, "POST", path, auth, **(facts | Facts(commits=True)))

    def write(
        self, number: int | None, name: str, path: str, auth: Auth, **facts: Unpack[Facts]
    ) -> Callable[[Write[F]], Operation[F]]:
        """Declare what writes in the caller's books: the fence is shared for it, and the partner has to be open."""

        def declare(handler: Write[F]) -> Operation[F]:
            run = partial(running.write, handler, while_suspended=facts.get("while_suspended", False))
            return self._add((number, name, "POST", path, auth), handler, run, facts, writes=True, in_books=True)

        return declare

    def write_gathered(
        self,
        number: int | None,
        name: str,
        path: str,
        auth: Auth,
        together: WriteTogether[F],
        **facts: Unpack[Facts],
    ) -> Callable[[Write[F]], Operation[F]]:
        """Declare what writes in the caller's books, and what does so for several of its requests at once."""

        def declare(handler: Write[F]) -> Operation[F]:
            suspended = facts.get("while_suspended", False)
            run = partial(running.write_gathered, handler, together, while_suspended=suspended)
            place: Place = (number, name, "POST", path, auth)
            return self._add(place, handler, run, facts, writes=True, in_books=True, gathered=True)

        return declare

    def write_outside_books(
        self, number: int | None, name: str, path: str, auth: Auth, **facts: Unpack[Facts]
    ) -> Callable[[WriteOutsideBooks[F]], Operation[F]]:
        """Declare what writes and needs no fence."""

        def declare(handler: WriteOutsideBooks[F]) -> Operation[F]:
            run = partial(running.write_outside_books, handler)
            return self._add((number, name, "POST", path, auth), handler, run, facts, writes=True)

        return declare

    def write_in_steps(
        self, number: int | None, name: str, path: str, auth: Auth, **facts: Unpack[Facts]
    ) -> Callable[[WriteInSteps[F]], Operation[F]]:
        """Declare what commits on its way."""

        def declare(handler: WriteInSteps[F]) -> Operation[F]:
            run = partial(running.write_in_steps, handler)
            return self._add((number, name, "POST", path, auth), handler, run, facts, writes=True, in_steps=True)

        return declare

    def _add(
        self,
        place: Place,
        handler: Callable[..., object],
        run: Callable[[Call, F], Awaitable[Reply]],
        facts: Facts,
        *,
        writes: bool = False,
        in_steps: bool = False,
        in_books: bool = False,
        gathered: bool = False,
    ) -> Operation[F]:
        model, answer, story = _read_from(handler)
        is_json = facts.get("media_type", JSON) == JSON
        assert (answer in (bytes, File)) is not is_json, f"{handler} answers bytes where it says that they are no JSON"
        facts = Facts(scope=DEFAULT_SCOPES.get(place[-1])) | facts
        operation = Operation(
            *place, self.tag, model, answer, story, run, writes, in_steps, in_books, gathered=gathered, **facts
        )
        self.operations.append(operation)
        return operation


def _read_from(handler: Callable[..., object]) -> tuple[type[Any], Any, str]:
    """(model, answer, story) of a handler."""
    read = signature(handler)
    *_, fields = read.parameters.values()
    model = fields.annotation
    assert isinstance(model, type), f"{handler} takes no model of the wire"
    assert issubclass(model, Struct), f"{handler} takes no model of the wire"
    return model, read.return_annotation, handler.__doc__ or ""
