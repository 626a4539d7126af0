"""The portal's navigation: which pages stand in it, in groups, and which forms its command palette begins.

Who may not see a page is not led to it: the least role is the page's own, of the one table of pages.
"""

from hashrail.pages import desk
from hashrail.pages.desk import Desk, Entry, Group
from hashrail.pages.portal.pages import FORMS, VIEWS
from hashrail.pages.portal.visit import ROOT, Form, View, Visit

OWN = Entry("Your account", f"{ROOT}/account", "a")
MENU = (
    Group("", (Entry("Home", ROOT, "h"), Entry("Income", f"{ROOT}/income", "i"))),
    Group(
        "Money",
        (
            Entry("Statement", f"{ROOT}/statement", "s"),
            Entry("Invoices", f"{ROOT}/invoices", "v"),
        ),
    ),
    Group(
        "Your users",
        (
            Entry("Users", f"{ROOT}/users", "u"),
            Entry("Miners", f"{ROOT}/miners", "m"),
            Entry("Orders", f"{ROOT}/orders", "o"),
            Entry("Withdrawals", f"{ROOT}/withdrawals", "w"),
            Entry("Deposits", f"{ROOT}/deposits", "d"),
            Entry("Exports", f"{ROOT}/exports", "e"),
        ),
    ),
    Group(
        "Integration",
        (
            Entry("Keys", f"{ROOT}/keys", "k", also=(f"{ROOT}/changes",)),
            Entry("Requests", f"{ROOT}/requests", "r"),
            Entry("Webhooks", f"{ROOT}/webhooks", "b"),
            Entry("Deliveries", f"{ROOT}/deliveries", "y"),
            Entry("Events", f"{ROOT}/events", "n"),
            Entry("Time machine", f"{ROOT}/sandbox", "x"),
        ),
    ),
    Group("Team", (Entry("Team", f"{ROOT}/team", "t"), Entry("Log", f"{ROOT}/log", "l"))),
    Group("You", (OWN,)),
)
BY_PATH = {view.path: view for view in VIEWS}


def of(visit: Visit) -> Desk:
    """What stands around a page of this visit."""
    groups = [Group(each.words, [one for one in each.entries if _sees(visit, BY_PATH[one.path])]) for each in MENU]
    begin = [form for form in FORMS if "{" not in form.path and form.begins and _sees(visit, form)]
    return Desk(
        name="Portal",
        home=ROOT,
        groups=desk.at(groups, visit.path, home=ROOT),
        acts=[Entry(form.name.replace("_", " ").capitalize(), form.path) for form in begin],
        who=visit.member.name,
        role=f"{visit.member.role} of {visit.partner.name}",
        own=OWN.path,
        sign_out=f"{ROOT}/sign-out",
        word=visit.word,
        search=f"{ROOT}/users" if _sees(visit, BY_PATH[f"{ROOT}/users"]) else None,
        search_words="A user, by your id",
    )


def _sees(visit: Visit, row: View | Form) -> bool:
    return visit.may(row.least) and (visit.deployment.is_sandbox or not row.of_sandbox)
