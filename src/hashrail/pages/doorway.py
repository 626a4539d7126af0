"""The door of people's pages: whose session a request is of, whether their role suffices, and what is sent.

- A session is a cookie that no script reads and no other site's request carries (`HttpOnly`, `SameSite=Strict`).
- A form counts where the browser says that it is of this site (`Origin`, `Sec-Fetch-Site`) and it carries the word of
  its session.
- Nobody shows a page in a frame, nothing is kept by caches, and what is refused is a page with an advice.

Console and portal are two such doors: each has its own people, pages, paths and cookies (`ConsoleDoor`, `PortalDoor`).
"""

import hashlib
import hmac
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Protocol, TypeVar
from urllib.parse import urlencode

from litestar import Response
from litestar.enums import HttpMethod
from litestar.handlers import HTTPRouteHandler

from hashrail import db, texts
from hashrail.access import addresses
from hashrail.api.serving.answering import is_known
from hashrail.api.serving.door import ADDRESS
from hashrail.api.serving.state import Serving
from hashrail.errors import ForbiddenError, HashrailError
from hashrail.pages import files, forms
from hashrail.pages.asking import Asked, Done, Looked
from hashrail.pages.desk import Desk
from hashrail.pages.rendering import HTML, PRIVATE_HEADERS, Templates
from hashrail.pages.requests import (
    Answer,
    AnyRequest,
    FormNotOursError,
    Send,
    assert_of_this_site,
    form_of,
    from_of,
    led_to,
    named,
    query_of,
    route,
)
from hashrail.pages.signing import LOOPBACK, SignIn
from hashrail.pages.visiting import BaseVisit, Came, Download, Elsewhere, NotSignedInError, Sheet, Shown
from hashrail.parties import sent_forms
from hashrail.settings import Settings

# A page that looks by itself whether something is new says so: nobody has clicked, and no session lasts longer by it.
LIVE = "hashrail-live"
MAX_SUBJECT = 300


class PagesNeedHttpsError(ForbiddenError):
    """A production's pages are asked for over a network without TLS: the session could be read on the way."""

    code = "PAGES_NEED_HTTPS"
    advice = (
        "Come by https. Behind a proxy, name its network in HASHRAIL_TRUSTED_PROXIES, and let it say X-Forwarded-Proto."
    )


class Row(Protocol):
    """A row of a door's table."""

    @property
    def path(self) -> str:
        """Where it stands."""

    @property
    def name(self) -> str:
        """Its name in metrics, and in the log of who saw whom."""


class PageRow(Row, Protocol):
    """A page."""

    @property
    def template(self) -> str:
        """Where its template stands."""


class FormRow(Row, Protocol):
    """A form."""

    @property
    def looks(self) -> bool:
        """Whether it shows what it comes to before it is done."""


R = TypeVar("R", bound=BaseVisit)
X = TypeVar("X", bound=PageRow)
Y = TypeVar("Y", bound=Row)
Z = TypeVar("Z", bound=FormRow)


@dataclass(frozen=True, slots=True)
class Second:
    """Who else confirms what takes two, and where."""

    who: str
    page: str
    path: str


class Doorway(ABC, Generic[R, X, Y, Z]):
    """A door: `R` is its visit, `X`, `Y` and `Z` are its pages, deeds and forms."""

    room: ClassVar[str]
    sign_in: ClassVar[SignIn]
    # The cookie by TLS, which holds for the whole site, and the one without, which holds below the room's path.
    secure_cookie: ClassVar[str]
    cookie: ClassVar[str]
    second: ClassVar[Second]

    def __init__(
        self, settings: Settings, templates: Templates, *, views: Sequence[X], deeds: Sequence[Y], forms: Sequence[Z]
    ) -> None:
        self.settings = settings
        self.templates = templates
        self._views, self._deeds, self._forms = views, deeds, forms

    # What a room says of its own people.

    @abstractmethod
    async def visit(self, serving: Serving, token: str, came: Came) -> R | None:
        """Whose session the token is of; None where it is nobody's."""

    @abstractmethod
    def assert_may(self, visit: R, row: X | Y | Z) -> None:
        """The visitor's role suffices."""

    @abstractmethod
    async def show(self, view: X, visit: R) -> Shown | Elsewhere | Sheet | Download:
        """What a page shows."""

    @abstractmethod
    async def do_deed(self, deed: Y, visit: R) -> str:
        """Do a deed, in one transaction; answers where it leads."""

    @abstractmethod
    async def ask(self, form: Z, visit: R) -> Asked:
        """What a form asks."""

    @abstractmethod
    async def look(self, form: Z, visit: R) -> Looked:
        """What a form would come to."""

    @abstractmethod
    async def do_form(self, form: Z, visit: R) -> tuple[Done, bool]:
        """Do what a form asks, once; answers whether a part of it waits for a second."""

    @abstractmethod
    async def note(self, visit: R, name: str, subject: str) -> None:
        """Keep who was shown whom."""

    @abstractmethod
    def done(self, word: str) -> str | None:
        """What was done, by the word of a path."""

    @abstractmethod
    def desk(self, visit: R) -> Desk:
        """What stands around each page of somebody who is signed in."""

    def handlers(self) -> list[HTTPRouteHandler]:
        """The routes of every page, form and deed."""
        door = self.sign_in
        return [
            *(route(HttpMethod.GET, view.path, self._shows(view)) for view in self._views),
            *(route(HttpMethod.POST, deed.path, self._does(deed)) for deed in self._deeds),
            *(route(HttpMethod.GET, form.path, self._asks(form)) for form in self._forms),
            *(route(HttpMethod.POST, form.path, self._takes(form)) for form in self._forms),
            route(HttpMethod.GET, door.path, self.at_the_door("sign_in", self._ask_password)),
            route(HttpMethod.POST, door.path, self.at_the_door("sign_in", self._take_password)),
            route(HttpMethod.GET, door.code, self.at_the_door("code", self._ask_code)),
            route(HttpMethod.POST, door.code, self.at_the_door("code", self._take_code)),
        ]

    def _for_whoever_may(self, row: X | Z, answer: Callable[[AnyRequest, R], Awaitable[Answer]]) -> Send:
        """A page for who is signed in and may see it; others are led to the door, or told."""

        async def send(request: AnyRequest) -> Answer:
            visit: R | None = None
            try:
                visit = await self._visit(request)
                if visit is None:
                    return self._to_sign_in(request)
                self.assert_may(visit, row)
                return await answer(request, visit)
            except HashrailError as error:
                return self._refused(request, error, visit)

        return named(f"{self.room}_{row.name}", send)

    def _shows(self, view: X) -> Send:
        async def answer(request: AnyRequest, visit: R) -> Answer:
            shown = await self.show(view, visit)
            if isinstance(shown, Elsewhere):
                return led_to(shown.path)
            if isinstance(shown, Sheet):
                await self._note(visit, view.name, shown.subject)
                return files.sheet(visit.deployment.pool, shown)
            if isinstance(shown, Download):
                answer = files.part(request, shown)
                await self._note(visit, view.name, shown.subject)
                return answer
            done = self.done(visit.query.get("done", ""))
            page = self.page(view.template, {**shown.facts, "visit": visit, "done": done})
            page.headers["etag"] = tag = _tag(page)
            if is_known(tag, request.headers.multi_items()):
                return Response(b"", status_code=304, headers=page.headers, media_type=HTML)
            await self._note(visit, view.name, shown.subject)
            return page

        return self._for_whoever_may(view, answer)

    def _does(self, deed: Y) -> Send:
        async def send(request: AnyRequest) -> Answer:
            visit: R | None = None
            try:
                visit = await self._sender(request)
                return led_to(await self.do_deed(deed, visit))
            except HashrailError as error:
                return self._refused(request, error, visit)

        return named(f"{self.room}_{deed.name}", send)

    def _asks(self, form: Z) -> Send:
        """The form, with what stands in it now."""

        async def answer(_: AnyRequest, visit: R) -> Answer:
            asked = await self.ask(form, visit)
            await self._note(visit, form.name, asked.subject)
            return self._form(form, visit, asked, {**_first(asked), **visit.query})

        return self._for_whoever_may(form, answer)

    def _takes(self, form: Z) -> Send:
        """What was filled in: shown with what it comes to, or done."""

        async def send(request: AnyRequest) -> Answer:
            visit: R | None = None
            asked: Asked | None = None
            try:
                visit = await self._sender(request)
                self.assert_may(visit, form)
                asked = await self.ask(form, visit)
                with db.values_held():
                    return await self._step(form, visit, asked)
            except HashrailError as error:
                if visit is None or asked is None or isinstance(error, NotSignedInError):
                    return self._refused(request, error, visit)
                return self._form(form, visit, asked, visit.form, error=error, request=request)

        return named(f"{self.room}_{form.name}", send)

    async def _step(self, form: Z, visit: R, asked: Asked) -> Answer:
        step = visit.form.get("step", "look")
        if step == "again":
            return self._form(form, visit, asked, visit.form)
        if step != "do" and form.looks:
            looked = await self.look(form, visit)
            facts = {"form": form, "asked": asked, "visit": visit, "typed": visit.form, "looked": looked}
            return self.page("people/form_looked_at.html", {**facts, "once": sent_forms.new_word()})
        done, waits = await self.do_form(form, visit)
        path = f"{self.second.path}?done=asked" if waits else done.path
        if not done.shown:
            return led_to(path)
        facts = {"asked": asked, "visit": visit, "shown": done.shown, "path": path, "waits": waits}
        return self.page("people/form_shown_once.html", facts)

    def _form(
        self,
        form: Z,
        visit: R,
        asked: Asked,
        typed: Mapping[str, str],
        *,
        error: HashrailError | None = None,
        request: AnyRequest | None = None,
    ) -> Answer:
        facts = {"form": form, "asked": asked, "visit": visit, "typed": typed, "once": sent_forms.new_word()}
        return self.page("people/form.html", {**facts, "error": error}, error=error, request=request)

    async def _visit(self, request: AnyRequest) -> R | None:
        """Who is signed in; None where nobody is."""
        serving: Serving = request.app.state.serving
        serving.assert_may_answer()
        token = self.token(request)
        return None if token is None else await self.visit(serving, token, self._came(request))

    async def _sender(self, request: AnyRequest) -> R:
        """Who sends a form of a page of theirs. Raises FormNotOursError, NotSignedInError."""
        assert_of_this_site(request)
        visit = await self._visit(request)
        if visit is None:
            raise NotSignedInError("your session has ended")
        _assert_word(visit)
        return visit

    async def _note(self, visit: R, name: str, subject: str | None) -> None:
        if subject is not None:
            await self.note(visit, name, texts.shown(subject, MAX_SUBJECT))

    def at_the_door(self, name: str, answer: Send) -> Send:
        """A page for whoever is not signed in yet."""

        async def send(request: AnyRequest) -> Answer:
            try:
                serving: Serving = request.app.state.serving
                serving.assert_may_answer()
                self._assert_safe(request)
                if request.method == HttpMethod.POST:
                    assert_of_this_site(request)
                return await answer(request)
            except HashrailError as error:
                return self._refused(request, error, None)

        return named(f"{self.room}_{name}", send)

    async def _ask_password(self, request: AnyRequest) -> Answer:
        return self.page(f"{self.room}/sign_in.html", self.sign_in.asking(query_of(request)))

    async def _take_password(self, request: AnyRequest) -> Answer:
        form, deployment, door = form_of(request), request.app.state.serving.deployment, self.sign_in
        try:
            token, stage = await door.take_password(deployment, form, from_of(request))
        except HashrailError as error:
            facts = door.asking(form) | {"name": form.get("name", ""), "error": error}
            return self.page(f"{self.room}/sign_in.html", facts, error=error, request=request)
        return self.let_in(request, token, is_whole=stage == "whole", then=door.safe(form.get("next", "")))

    def let_in(self, request: AnyRequest, token: str, *, is_whole: bool, then: str) -> Answer:
        """On to a page, or first to the code, with a session's cookie."""
        return self._led_with(request, then if is_whole else f"{self.sign_in.code}?{urlencode({'next': then})}", token)

    async def _ask_code(self, request: AnyRequest) -> Answer:
        deployment = request.app.state.serving.deployment
        facts = await self.sign_in.asking_code(deployment, self.token(request), query_of(request), self._site(request))
        return led_to(self.sign_in.path) if facts is None else self.page(f"{self.room}/code.html", facts)

    async def _take_code(self, request: AnyRequest) -> Answer:
        form, deployment = form_of(request), request.app.state.serving.deployment
        waiting, door = self.token(request), self.sign_in
        try:
            token = await door.take_code(deployment, waiting, form, from_of(request), self._site(request))
        except HashrailError as error:
            facts = await door.asking_code(deployment, waiting, form, self._site(request))
            if facts is None:
                raise NotSignedInError("the password was given too long ago") from error
            return self.page(f"{self.room}/code.html", facts | {"error": error}, error=error, request=request)
        return self._led_with(request, door.safe(form.get("next", "")), token)

    def _led_with(self, request: AnyRequest, path: str, token: str) -> Answer:
        """On to a page, with a session's cookie."""
        answer = led_to(path)
        if self._is_secure(request):
            cookie = f"{self.secure_cookie}={token}; Path=/; HttpOnly; SameSite=Strict; Secure"
        else:
            cookie = f"{self.cookie}={token}; Path={self.sign_in.root}; HttpOnly; SameSite=Strict"
        answer.headers["set-cookie"] = cookie
        return answer

    def token(self, request: AnyRequest) -> str | None:
        """The session that the browser carries."""
        return request.cookies.get(self.secure_cookie if self._is_secure(request) else self.cookie)

    def _came(self, request: AnyRequest) -> Came:
        numbers = {str(name): forms.numbered(name, int(value)) for name, value in request.path_params.items()}
        path = request.scope["path"]
        is_click = LIVE not in request.headers
        return Came(
            from_of(request), self._site(request), path, numbers, query_of(request), form_of(request), is_click=is_click
        )

    def _site(self, request: AnyRequest) -> str:
        """Our address, as the browser asked for it."""
        return f"{'https' if self._is_secure(request) else 'http'}://{request.headers.get('host', '')}"

    def _is_secure(self, request: AnyRequest) -> bool:
        """Whether the browser came by TLS: to this process, or to a proxy that is believed."""
        if request.scope["scheme"] == "https":
            return True
        client = request.scope["client"]
        told = request.headers.get("x-forwarded-proto", "").split(",")[-1].strip()
        trusted = self.settings.trusted_proxies
        return told == "https" and client is not None and addresses.is_in(addresses.unmapped(client[0]), trusted)

    def _assert_safe(self, request: AnyRequest) -> None:
        """Raises PagesNeedHttpsError."""
        is_near = addresses.is_in(request.scope["state"][ADDRESS], LOOPBACK)
        if self.settings.mode == "production" and not is_near and not self._is_secure(request):
            raise PagesNeedHttpsError("a password would be readable on its way")

    def _to_sign_in(self, request: AnyRequest) -> Answer:
        """To sign in, and then back here. A link on another site carries no cookie: the page asks for itself anew."""
        if request.headers.get("sec-fetch-site") == "cross-site":
            return self.page("people/again.html", {})
        query = request.scope["query_string"].decode("latin-1")
        back = request.scope["path"] + (f"?{query}" if query else "")
        return led_to(f"{self.sign_in.path}?{urlencode({'next': back})}")

    def _refused(self, request: AnyRequest, error: HashrailError, visit: R | None) -> Answer:
        facts = {"error": error, "visit": visit, "request_id": request.scope["state"]["request_id"]}
        return self.page("people/refused.html", facts, error=error, request=request)

    def page(
        self,
        template: str,
        facts: Mapping[str, Any],
        *,
        error: HashrailError | None = None,
        request: AnyRequest | None = None,
    ) -> Answer:
        """A page of this room, or what was refused as one."""
        headers = dict(PRIVATE_HEADERS)
        if error is not None and request is not None:
            request.scope["state"]["error"] = error.code
            if "seconds" in error.details:
                headers["retry-after"] = str(error.details["seconds"])
        visit: R | None = facts.get("visit")
        room: dict[str, Any] = {"base": f"{self.room}/base.html", "root": self.sign_in.root, "second": self.second}
        room["desk"] = None if visit is None else self.desk(visit)
        body = self.templates.render(template, {"visit": None, "done": None, "error": None, **room, **facts})
        return Response(body, status_code=200 if error is None else error.status, media_type=HTML, headers=headers)


def _assert_word(visit: BaseVisit) -> None:
    """Raises FormNotOursError."""
    if not hmac.compare_digest(visit.form.get("word", "").encode(), visit.word.encode()):
        raise FormNotOursError("the form is of another session")


def _tag(page: Answer) -> str:
    """What tells a page from one with other content."""
    return f'"{hashlib.sha256(page.content).hexdigest()[:32]}"'


def _first(asked: Asked) -> Mapping[str, str]:
    """What stands in the fields at first, as texts."""
    return {each.name: forms.typed(each) for each in asked.fields}
