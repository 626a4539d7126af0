"""The door of the console: operators, with the acts that their roles allow (`pages/doorway.py`)."""

from hashrail import db
from hashrail.api.serving.state import Serving
from hashrail.deployment import journal_file
from hashrail.pages.asking import Asked, Done, Looked
from hashrail.pages.console import asking, menu
from hashrail.pages.console.asking import Form
from hashrail.pages.console.pages import DEEDS, FORMS, VIEWS
from hashrail.pages.console.signing_in import ConsoleSignIn
from hashrail.pages.console.visit import Deed, View, Visit, link
from hashrail.pages.console.words import DONE
from hashrail.pages.desk import Desk
from hashrail.pages.doorway import Doorway, Second
from hashrail.pages.rendering import Templates
from hashrail.pages.visiting import Came, Elsewhere, Sheet, Shown
from hashrail.parties import changes, operator_sessions, operators, views
from hashrail.parties.permissions import ACTS
from hashrail.settings import Settings


class ConsoleDoor(Doorway[Visit, View, Deed, Form]):
    """What every handler of the console needs."""

    room = "console"
    sign_in = ConsoleSignIn()
    secure_cookie, cookie = "__Host-hashrail", "hashrail_console"
    second = Second("another admin", "the page of changes", link("/changes"))

    def __init__(self, settings: Settings, templates: Templates) -> None:
        super().__init__(settings, templates, views=VIEWS, deeds=DEEDS, forms=FORMS)

    async def visit(self, serving: Serving, token: str, came: Came) -> Visit | None:
        """Which operator's session it is."""
        deployment = serving.deployment
        pool = deployment.pool
        session = await operator_sessions.find(pool, token)
        if session is None or session.stage != "whole":
            return None
        operator = await operators.by_id(pool, session.operator_id)
        if came.is_click:
            async with db.transaction(pool) as tx:
                await operator_sessions.touch(tx, session)
        waiting = await changes.count(pool) if not operators.is_more("approver", operator.role) else 0
        return Visit(deployment=deployment, token=token, came=came, operator=operator, session=session, changes=waiting)

    def assert_may(self, visit: Visit, row: View | Deed | Form) -> None:
        """Raises OperatorRoleError."""
        operators.assert_may(visit.operator, row.least)

    async def show(self, view: View, visit: Visit) -> Shown | Elsewhere | Sheet:
        """What a page shows, of one moment."""
        async with db.snapshot(visit.deployment.pool) as tx:
            return await view.show(tx, visit)

    async def do_deed(self, deed: Deed, visit: Visit) -> str:
        """Do it in one transaction in which operators stay what they are, and who acts is looked up once more."""
        deployment = visit.deployment
        journal_file.check(deployment.settings.journal_file)
        if deed.act is not None and ACTS[deed.act].pays:
            deployment.assert_node_named()
        if deed.ready is not None:
            await deed.ready(visit)
        async with db.transaction(deployment.pool) as tx:
            await asking.let_in(tx, deed.act, visit, least=deed.least)
            return await deed.do(tx, visit)

    async def ask(self, form: Form, visit: Visit) -> Asked:
        """What a form asks now."""
        return await asking.asked(form, visit)

    async def look(self, form: Form, visit: Visit) -> Looked:
        """What a form would come to."""
        return await asking.look(form, visit)

    async def do_form(self, form: Form, visit: Visit) -> tuple[Done, bool]:
        """Do it, once."""
        done, waiting = await asking.do(form, visit)
        return done, bool(waiting)

    async def note(self, visit: Visit, name: str, subject: str) -> None:
        """Keep which operator was shown whom."""
        async with db.transaction(visit.deployment.pool) as tx:
            await views.note(tx, visit.operator, name, subject)

    def done(self, word: str) -> str | None:
        """What was done."""
        return DONE.get(word)

    def desk(self, visit: Visit) -> Desk:
        """The console's navigation."""
        return menu.of(visit)
