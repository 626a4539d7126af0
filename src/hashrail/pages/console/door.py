"""The door of the console: whose session a request is of, whether their role suffices, and what is sent.

- A session is a cookie that no script reads and no other site's request carries (`HttpOnly`, `SameSite=Strict`).
- A form counts where the browser says that it is of this site (`Origin`, `Sec-Fetch-Site`) and it carries the word of
  its session.
- Nobody shows a page in a frame, nothing is kept by caches, and what is refused is a page with an advice.
"""

import hmac
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, urlencode, urlsplit

from litestar import Request, Response
from litestar.enums import HttpMethod
from litestar.handlers import HTTPRouteHandler

from hashrail import db, texts
from hashrail.access import addresses
from hashrail.api.serving.door import ADDRESS, body_of
from hashrail.api.serving.state import Serving
from hashrail.deployment import journal_file
from hashrail.errors import ForbiddenError, HashrailError
from hashrail.pages import forms
from hashrail.pages.console import asking, menu, signing_in
from hashrail.pages.console.asking import Asked, Form
from hashrail.pages.console.pages import DEEDS, FORMS, VIEWS
from hashrail.pages.console.visit import ROOT, Deed, Elsewhere, NotSignedInError, View, Visit, link
from hashrail.pages.console.words import DONE
from hashrail.pages.forms import MAX_NUMBER, FieldNotANumberError
from hashrail.pages.rendering import HEADERS, HTML, Templates
from hashrail.parties import changes, operator_sessions, operators, sent_forms, views
from hashrail.parties.permissions import ACTS
from hashrail.parties.signing_in import From
from hashrail.settings import Settings

AnyRequest: TypeAlias = Request[Any, Any, Any]
Answer: TypeAlias = Response[bytes]
# `same-origin`: without a referrer browsers do not say of a form where it comes from.
CONSOLE_HEADERS = HEADERS | {
    "cache-control": "no-store",
    "referrer-policy": "same-origin",
    "x-frame-options": "DENY",
}
SECURE_COOKIE, COOKIE = "__Host-hashrail", "hashrail_console"
MAX_FIELDS = 50
MAX_SUBJECT = 300


class FormNotOursError(ForbiddenError):
    """The form was not sent by a page of this console, or by one of an earlier session."""

    code = "FORM_NOT_OURS"
    advice = "Open the page anew, and send the form from there. Did a link of somebody else lead you here?"


class ConsoleNeedsHttpsError(ForbiddenError):
    """A production's console is asked for over a network without TLS: the session could be read on the way."""

    code = "CONSOLE_NEEDS_HTTPS"
    advice = (
        "Come by https. Behind a proxy, name its network in HASHRAIL_TRUSTED_PROXIES, and let it say X-Forwarded-Proto."
    )


@dataclass(frozen=True, slots=True)
class ConsoleDoor:
    """What every handler of the console needs."""

    settings: Settings
    templates: Templates

    def handlers(self) -> list[HTTPRouteHandler]:
        """The routes of every page and deed."""
        return [
            *(_route(HttpMethod.GET, view.path, self._shows(view)) for view in VIEWS),
            *(_route(HttpMethod.POST, deed.path, self._does(deed)) for deed in DEEDS),
            *(_route(HttpMethod.GET, form.path, self._asks(form)) for form in FORMS),
            *(_route(HttpMethod.POST, form.path, self._takes(form)) for form in FORMS),
            _route(HttpMethod.GET, signing_in.PATH, self._at_the_door("sign_in", self._ask_password)),
            _route(HttpMethod.POST, signing_in.PATH, self._at_the_door("sign_in", self._take_password)),
            _route(HttpMethod.GET, signing_in.CODE, self._at_the_door("code", self._ask_code)),
            _route(HttpMethod.POST, signing_in.CODE, self._at_the_door("code", self._take_code)),
        ]

    def _shows(self, view: View) -> Callable[[AnyRequest], Awaitable[Answer]]:
        async def send(request: AnyRequest) -> Answer:
            visit: Visit | None = None
            try:
                visit = await self._visit(request)
                if visit is None:
                    return self._to_sign_in(request)
                operators.assert_may(visit.operator, view.least)
                async with db.snapshot(visit.deployment.pool) as tx:
                    shown = await view.show(tx, visit)
                if isinstance(shown, Elsewhere):
                    return _led_to(shown.path)
                await _note(visit, view.name, shown.subject)
                done = DONE.get(visit.query.get("done", ""))
                return self._page(view.template, {**shown.facts, "visit": visit, "done": done})
            except HashrailError as error:
                return self._refused(request, error, visit)

        return _named(f"console_{view.name}", send)

    def _does(self, deed: Deed) -> Callable[[AnyRequest], Awaitable[Answer]]:
        async def send(request: AnyRequest) -> Answer:
            visit: Visit | None = None
            try:
                assert_of_this_site(request)
                visit = await self._visit(request)
                if visit is None:
                    raise NotSignedInError("your session has ended")
                _assert_word(visit)
                path = await self._done(deed, visit)
                return _led_to(path)
            except HashrailError as error:
                return self._refused(request, error, visit)

        return _named(f"console_{deed.name}", send)

    async def _done(self, deed: Deed, visit: Visit) -> str:
        """Do it in one transaction in which operators stay what they are, and who acts is looked up once more."""
        deployment = visit.deployment
        journal_file.check(deployment.settings.journal_file)
        if deed.act is not None and ACTS[deed.act].pays:
            deployment.assert_node_named()
        async with db.transaction(deployment.pool) as tx:
            await asking.let_in(tx, deed.act, visit)
            return await deed.do(tx, visit)

    def _asks(self, form: Form) -> Callable[[AnyRequest], Awaitable[Answer]]:
        """The form, with what stands in it now."""

        async def send(request: AnyRequest) -> Answer:
            visit: Visit | None = None
            try:
                visit = await self._visit(request)
                if visit is None:
                    return self._to_sign_in(request)
                operators.assert_may(visit.operator, form.least)
                asked = await asking.asked(form, visit)
                await _note(visit, form.name, asked.subject)
                return self._form(form, visit, asked, {**_first(asked), **visit.query})
            except HashrailError as error:
                return self._refused(request, error, visit)

        return _named(f"console_{form.name}", send)

    def _takes(self, form: Form) -> Callable[[AnyRequest], Awaitable[Answer]]:
        """What was filled in: shown with what it comes to, or done."""

        async def send(request: AnyRequest) -> Answer:
            visit: Visit | None = None
            asked: Asked | None = None
            try:
                assert_of_this_site(request)
                visit = await self._visit(request)
                if visit is None:
                    raise NotSignedInError("your session has ended")
                _assert_word(visit)
                operators.assert_may(visit.operator, form.least)
                asked = await asking.asked(form, visit)
                return await self._step(form, visit, asked)
            except HashrailError as error:
                if visit is None or asked is None or isinstance(error, NotSignedInError):
                    return self._refused(request, error, visit)
                return self._form(form, visit, asked, visit.form, error=error, request=request)

        return _named(f"console_{form.name}", send)

    async def _step(self, form: Form, visit: Visit, asked: Asked) -> Answer:
        step = visit.form.get("step", "look")
        if step == "again":
            return self._form(form, visit, asked, visit.form)
        if step != "do" and form.looks:
            looked = await asking.look(form, visit)
            facts = {"form": form, "asked": asked, "visit": visit, "typed": visit.form, "looked": looked}
            return self._page("console/form_looked_at.html", {**facts, "once": sent_forms.new_word()})
        done, waiting = await asking.do(form, visit)
        path = link("/changes", done="asked") if waiting else done.path
        if not done.shown:
            return _led_to(path)
        facts = {"asked": asked, "visit": visit, "shown": done.shown, "path": path, "changes": waiting}
        return self._page("console/form_shown_once.html", facts)

    def _form(
        self,
        form: Form,
        visit: Visit,
        asked: Asked,
        typed: Mapping[str, str],
        *,
        error: HashrailError | None = None,
        request: AnyRequest | None = None,
    ) -> Answer:
        facts = {"form": form, "asked": asked, "visit": visit, "typed": typed, "once": sent_forms.new_word()}
        return self._page("console/form.html", {**facts, "error": error}, error=error, request=request)

    async def _visit(self, request: AnyRequest) -> Visit | None:
        """Who is signed in; None where nobody is."""
        serving: Serving = request.app.state.serving
        serving.assert_newest()
        token = self._token(request)
        if token is None:
            return None
        pool = serving.deployment.pool
        session = await operator_sessions.find(pool, token)
        if session is None or session.stage != "whole":
            return None
        operator = await operators.by_id(pool, session.operator_id)
        async with db.transaction(pool) as tx:
            await operator_sessions.touch(tx, session)
        numbers = {str(name): int(value) for name, value in request.path_params.items()}
        if any(value > MAX_NUMBER for value in numbers.values()):
            raise FieldNotANumberError("nothing has such a number", field=next(iter(numbers)))
        return Visit(
            serving.deployment,
            operator,
            session,
            token,
            _from(request),
            numbers,
            _fields(request.scope["query_string"]),
            form_of(request),
            path=request.scope["path"],
            changes=await changes.count(pool) if not operators.is_more("approver", operator.role) else 0,
        )

    def _at_the_door(
        self, name: str, answer: Callable[[AnyRequest], Awaitable[Answer]]
    ) -> Callable[[AnyRequest], Awaitable[Answer]]:
        """A page for whoever is not signed in yet."""

        async def send(request: AnyRequest) -> Answer:
            try:
                serving: Serving = request.app.state.serving
                serving.assert_newest()
                self._assert_safe(request)
                if request.method == HttpMethod.POST:
                    assert_of_this_site(request)
                return await answer(request)
            except HashrailError as error:
                return self._refused(request, error, None)

        return _named(f"console_{name}", send)

    async def _ask_password(self, request: AnyRequest) -> Answer:
        return self._page("console/sign_in.html", signing_in.asking(_fields(request.scope["query_string"])))

    async def _take_password(self, request: AnyRequest) -> Answer:
        form, deployment = form_of(request), request.app.state.serving.deployment
        try:
            token, stage = await signing_in.take_password(deployment, form, _from(request))
        except HashrailError as error:
            facts = signing_in.asking(form) | {"name": form.get("name", ""), "error": error}
            return self._page("console/sign_in.html", facts, error=error, request=request)
        then = signing_in.safe(form.get("next", ""))
        path = then if stage == "whole" else f"{signing_in.CODE}?{urlencode({'next': then})}"
        return self._led_with(request, path, token)

    async def _ask_code(self, request: AnyRequest) -> Answer:
        facts = await signing_in.asking_code(
            request.app.state.serving.deployment, self._token(request), _fields(request.scope["query_string"])
        )
        return _led_to(signing_in.PATH) if facts is None else self._page("console/code.html", facts)

    async def _take_code(self, request: AnyRequest) -> Answer:
        form, deployment = form_of(request), request.app.state.serving.deployment
        waiting = self._token(request)
        try:
            token = await signing_in.take_code(deployment, waiting, form, _from(request))
        except HashrailError as error:
            facts = await signing_in.asking_code(deployment, waiting, form)
            if facts is None:
                raise NotSignedInError("the password was given too long ago") from error
            return self._page("console/code.html", facts | {"error": error}, error=error, request=request)
        return self._led_with(request, signing_in.safe(form.get("next", "")), token)

    def _led_with(self, request: AnyRequest, path: str, token: str) -> Answer:
        """On to a page, with a session's cookie."""
        answer = _led_to(path)
        if self._is_secure(request):
            cookie = f"{SECURE_COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict; Secure"
        else:
            cookie = f"{COOKIE}={token}; Path={ROOT}; HttpOnly; SameSite=Strict"
        answer.headers["set-cookie"] = cookie
        return answer

    def _token(self, request: AnyRequest) -> str | None:
        return request.cookies.get(SECURE_COOKIE if self._is_secure(request) else COOKIE)

    def _is_secure(self, request: AnyRequest) -> bool:
        """Whether the browser came by TLS: to this process, or to a proxy that is believed."""
        if request.scope["scheme"] == "https":
            return True
        client = request.scope["client"]
        told = request.headers.get("x-forwarded-proto", "").split(",")[-1].strip()
        trusted = self.settings.trusted_proxies
        return told == "https" and client is not None and addresses.is_in(addresses.unmapped(client[0]), trusted)

    def _assert_safe(self, request: AnyRequest) -> None:
        """Raises ConsoleNeedsHttpsError."""
        is_near = addresses.is_in(request.scope["state"][ADDRESS], signing_in.LOOPBACK)
        if self.settings.mode == "production" and not is_near and not self._is_secure(request):
            raise ConsoleNeedsHttpsError("a password would be readable on its way")

    def _to_sign_in(self, request: AnyRequest) -> Answer:
        """To sign in, and then back here. A link on another site carries no cookie: the page asks for itself anew."""
        if request.headers.get("sec-fetch-site") == "cross-site":
            return self._page("console/again.html", {})
        query = request.scope["query_string"].decode("latin-1")
        back = request.scope["path"] + (f"?{query}" if query else "")
        return _led_to(f"{signing_in.PATH}?{urlencode({'next': back})}")

    def _refused(self, request: AnyRequest, error: HashrailError, visit: Visit | None) -> Answer:
        facts = {"error": error, "visit": visit, "request_id": request.scope["state"]["request_id"]}
        return self._page("console/refused.html", facts, error=error, request=request)

    def _page(
        self,
        template: str,
        facts: Mapping[str, Any],
        *,
        error: HashrailError | None = None,
        request: AnyRequest | None = None,
    ) -> Answer:
        headers = dict(CONSOLE_HEADERS)
        if error is not None and request is not None:
            request.scope["state"]["error"] = error.code
            if "seconds" in error.details:
                headers["retry-after"] = str(error.details["seconds"])
        visit = facts.get("visit")
        around = {"visit": None, "done": None, "error": None, "desk": None if visit is None else menu.of(visit)}
        body = self.templates.render(template, {**around, **facts})
        return Response(body, status_code=200 if error is None else error.status, media_type=HTML, headers=headers)


async def _note(visit: Visit, name: str, subject: str | None) -> None:
    """Keep who was shown whom."""
    if subject is not None:
        async with db.transaction(visit.deployment.pool) as tx:
            await views.note(tx, visit.operator, name, texts.shown(subject, MAX_SUBJECT))


def _first(asked: Asked) -> Mapping[str, str]:
    """What stands in the fields at first, as texts."""
    return {each.name: forms.typed(each) for each in asked.fields}


def assert_of_this_site(request: AnyRequest) -> None:
    """The browser says that the form is of this site. Raises FormNotOursError."""
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
    is_told = origin is not None or site is not None
    is_ours = site in (None, "same-origin") and (
        origin is None or urlsplit(origin).netloc.lower() == request.headers.get("host", "").lower()
    )
    if not (is_told and is_ours):
        raise FormNotOursError("the form is of another site")


def form_of(request: AnyRequest) -> dict[str, str]:
    """The fields of a form; of two by one name the last counts."""
    return _fields(body_of(request.scope)) if request.method == HttpMethod.POST else {}


def _assert_word(visit: Visit) -> None:
    """Raises FormNotOursError."""
    if not hmac.compare_digest(visit.form.get("word", "").encode(), visit.word.encode()):
        raise FormNotOursError("the form is of another session")


def _fields(text: bytes) -> dict[str, str]:
    """Names and values of a query or a form; what is no such thing has none."""
    try:
        return dict(parse_qsl(text.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS))
    except ValueError:
        return {}


def _from(request: AnyRequest) -> From:
    address = request.scope["state"][ADDRESS]
    return From(address, addresses.place_of(address), texts.shown(request.headers.get("user-agent", "")))


def _led_to(path: str) -> Answer:
    return Response(b"", status_code=303, headers=CONSOLE_HEADERS | {"location": path}, media_type=HTML)


def _named(
    operation: str, send: Callable[[AnyRequest], Awaitable[Answer]]
) -> Callable[[AnyRequest], Awaitable[Answer]]:
    async def named(request: AnyRequest) -> Answer:
        request.scope["state"]["operation"] = operation
        return await send(request)

    return named


def _route(method: HttpMethod, path: str, send: Callable[[AnyRequest], Awaitable[Answer]]) -> HTTPRouteHandler:
    async def handler(request: AnyRequest) -> Response[bytes]:
        return await send(request)

    return HTTPRouteHandler(path, http_method=method, name=f"{method} {path}")(handler)
