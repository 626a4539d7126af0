"""The portal's deeds and forms: who acts is let in once more in the transaction that does it (`pages/asking.py`)."""

from functools import partial

from hashrail import db
from hashrail.books import fence
from hashrail.db import Tx
from hashrail.deployment import journal_file
from hashrail.pages import asking, forms
from hashrail.pages.asking import Asked, Done, Looked
from hashrail.pages.forms import Values
from hashrail.pages.portal.acting import MemberActing
from hashrail.pages.portal.visit import Deed, Form, Visit
from hashrail.pages.visiting import NotSignedInError
from hashrail.parties import member_sessions, members, sent_forms


async def asked(form: Form, visit: Visit) -> Asked:
    """What the form asks now. Raises what the page's verbs do."""
    async with db.snapshot(visit.deployment.pool) as tx:
        return await form.ask(tx, visit)


async def look(form: Form, visit: Visit) -> Looked:
    """What it would come to. Raises what the act refuses."""
    values, visit = await _prepared(form, visit)
    async with db.transaction(visit.deployment.pool) as tx:
        acting = await let_in(tx, form, visit, tries=True)
        return await asking.look(tx, acting, partial(form.do, tx, acting, visit, values))


async def do(form: Form, visit: Visit) -> tuple[Done, bool]:
    """Do it, once; answers whether a part of it waits. Raises what the act refuses, and FormSentError."""
    values, visit = await _prepared(form, visit)
    word = asking.once(visit.form)
    async with db.transaction(visit.deployment.pool) as tx:
        acting = await let_in(tx, form, visit)
        await sent_forms.take_of_member(tx, acting.member, word)
        done = await form.do(tx, acting, visit, values)
    if form.then is not None and not acting.asked:
        done = await form.then(acting, visit, values, done)
    return done, bool(acting.asked)


async def do_deed(deed: Deed, visit: Visit) -> str:
    """Do it, in one transaction; answers where it leads."""
    journal_file.check(visit.deployment.settings.journal_file)
    if deed.ready is not None:
        await deed.ready(visit)
    async with db.transaction(visit.deployment.pool) as tx:
        return await deed.do(tx, await let_in(tx, deed, visit), visit)


async def let_in(tx: Tx, row: Deed | Form, visit: Visit, *, tries: bool = False) -> MemberActing:
    """Whoever is signed in still is, and may do it; members stay what they are.

    Raises NotSignedInError, MemberRoleError, PartnerSuspendedError, PartnerClosedError.
    """
    if row.manages:
        await members.hold_alone(tx, visit.partner_id)
    else:
        await members.hold(tx, visit.partner_id)
    session = await member_sessions.find(tx, visit.token)
    if session is None or session.stage != "whole":
        raise NotSignedInError("your session has ended")
    found = await members.get(tx, session.partner_id, session.member_id)
    members.assert_may(found, row.least)
    books = await fence.share(tx, found.partner_id)
    if row.while_suspended:
        books.assert_not_closed()
    else:
        books.assert_open()
    return MemberActing(found, books, tries=tries)


async def _prepared(form: Form, visit: Visit) -> tuple[Values, Visit]:
    """What was filled in, and what the world outside says to it."""
    deployment = visit.deployment
    journal_file.check(deployment.settings.journal_file)
    values = forms.read((await asked(form, visit)).fields, visit.form)
    return values, visit if form.ready is None else visit.with_told(await form.ready(visit, values))
