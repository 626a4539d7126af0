"""The door of the portal: members of partners, with what their roles allow (`pages/doorway.py`), and invitations."""

from contextlib import AsyncExitStack
from typing import Any

from litestar.enums import HttpMethod
from litestar.handlers import HTTPRouteHandler

from hashrail import db
from hashrail.api.serving.state import Serving
from hashrail.errors import HashrailError
from hashrail.pages.asking import Asked, Done, Looked
from hashrail.pages.desk import Desk
from hashrail.pages.doorway import Doorway, Second
from hashrail.pages.portal import asking, menu
from hashrail.pages.portal.pages import DEEDS, FORMS, VIEWS
from hashrail.pages.portal.signing_in import PortalSignIn
from hashrail.pages.portal.visit import ROOT, Deed, Form, View, Visit, link
from hashrail.pages.portal.words import DONE
from hashrail.pages.rendering import Templates
from hashrail.pages.requests import Answer, AnyRequest, form_of, from_of, query_of, route
from hashrail.pages.signing import asks_codes
from hashrail.pages.visiting import Came, Download, Elsewhere, Shown
from hashrail.parties import invitations, member_log, member_sessions, member_signing_in, members, partners, passwords
from hashrail.settings import Settings

JOIN = f"{ROOT}/join"


class PortalDoor(Doorway[Visit, View, Deed, Form]):
    """What every handler of the portal needs."""

    room = "portal"
    sign_in = PortalSignIn()
    secure_cookie, cookie = "__Host-hashrail-portal", "hashrail_portal"
    second = Second("another owner", "the page of keys", link("/keys"))

    def __init__(self, settings: Settings, templates: Templates) -> None:
        is_sandbox = settings.mode == "sandbox"
        super().__init__(
            settings,
            templates,
            views=[each for each in VIEWS if is_sandbox or not each.of_sandbox],
            deeds=DEEDS,
            forms=[each for each in FORMS if is_sandbox or not each.of_sandbox],
        )

    def handlers(self) -> list[HTTPRouteHandler]:
        """The routes of every page, form and deed, and of invitations."""
        return [
            *super().handlers(),
            route(HttpMethod.GET, JOIN, self.at_the_door("join", self._ask_to_join)),
            route(HttpMethod.POST, JOIN, self.at_the_door("join", self._join)),
        ]

    async def visit(self, serving: Serving, token: str, came: Came) -> Visit | None:
        """Which member's session it is."""
        pool = serving.deployment.pool
        session = await member_sessions.find(pool, token)
        if session is None or session.stage != "whole":
            return None
        member = await members.get(pool, session.partner_id, session.member_id)
        partner = await partners.by_number(pool, session.partner_id)
        assert partner is not None, "partners stay"
        if came.is_click:
            async with db.transaction(pool) as tx:
                await member_sessions.touch(tx, session)
        return Visit(
            deployment=serving.deployment,
            token=token,
            came=came,
            serving=serving,
            member=member,
            partner=partner,
            session=session,
        )

    def assert_may(self, visit: Visit, row: View | Deed | Form) -> None:
        """Raises MemberRoleError."""
        members.assert_may(visit.member, row.least)

    async def show(self, view: View, visit: Visit) -> Shown | Elsewhere | Download:
        """What a page shows, of one moment: in the partner's turn, as its requests of the API are.

        Raises PartnerBusyError.
        """
        serving = visit.serving
        async with AsyncExitStack() as turns:
            await turns.enter_async_context(serving.turns.turn(visit.partner_id))
            if view.is_heavy:
                await turns.enter_async_context(serving.heavy.turn(visit.partner_id))
            tx = await turns.enter_async_context(db.snapshot(visit.deployment.pool))
            return await view.show(tx, visit)

    async def do_deed(self, deed: Deed, visit: Visit) -> str:
        """Do it in one transaction."""
        return await asking.do_deed(deed, visit)

    async def ask(self, form: Form, visit: Visit) -> Asked:
        """What a form asks now."""
        return await asking.asked(form, visit)

    async def look(self, form: Form, visit: Visit) -> Looked:
        """What a form would come to."""
        return await asking.look(form, visit)

    async def do_form(self, form: Form, visit: Visit) -> tuple[Done, bool]:
        """Do it, once."""
        return await asking.do(form, visit)

    async def note(self, visit: Visit, name: str, subject: str) -> None:
        """Keep which member was shown whom."""
        async with db.transaction(visit.deployment.pool) as tx:
            await member_log.saw(tx, visit.member, name, subject)

    def done(self, word: str) -> str | None:
        """What was done."""
        return DONE.get(word)

    def desk(self, visit: Visit) -> Desk:
        """The portal's navigation."""
        return menu.of(visit)

    async def _ask_to_join(self, request: AnyRequest) -> Answer:
        token = query_of(request).get("invitation", "")
        return self.page("portal/join.html", await self._invitation(request, token))

    async def _join(self, request: AnyRequest) -> Answer:
        form, deployment = form_of(request), request.app.state.serving.deployment
        token = form.get("invitation", "")
        facts = await self._invitation(request, token)
        try:
            session, stage = await member_signing_in.by_invitation(
                deployment.pool,
                token,
                form.get("password", ""),
                asks_codes=asks_codes(deployment),
                where=from_of(request),
            )
        except HashrailError as error:
            return self.page("portal/join.html", facts | {"error": error}, error=error, request=request)
        return self.let_in(request, session, is_whole=stage == "whole", then=ROOT)

    async def _invitation(self, request: AnyRequest, token: str) -> dict[str, Any]:
        """What the page of an invitation shows. Raises InvitationNotFoundError."""
        pool = request.app.state.serving.deployment.pool
        found = await invitations.of_token(pool, token)
        partner = await partners.by_number(pool, found.partner_id)
        return {"one": found, "partner": partner, "token": token, "least": passwords.LEAST_PASSWORD}
