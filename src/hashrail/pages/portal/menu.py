"""The portal's navigation: which pages stand in it, in groups, and which forms its command palette begins.

Who may not see a page is not led to it: the least role is the page's own, of the one table of pages.
"""

from hashrail.pages import desk
from hashrail.pages.desk import Desk, Entry, Group
from hashrail.pages.portal.pages import FORMS, VIEWS
from hashrail.pages.portal.visit import ROOT, Visit

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
        ),
    ),
    Group("Team", (Entry("Team", f"{ROOT}/team", "t"), Entry("Log", f"{ROOT}/log", "l"))),
    Group("You", (OWN,)),
)
LEAST = {view.path: view.least for view in VIEWS}


def of(visit: Visit) -> Desk:
    """What stands around a page of this visit."""
    groups = [Group(each.words, [one for one in each.entries if visit.may(LEAST[one.path])]) for each in MENU]
    begin = [form for form in FORMS if "{" not in form.path and form.begins and visit.may(form.least)]
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
        search=f"{ROOT}/users" if visit.may(LEAST[f"{ROOT}/users"]) else None,
        search_words="A user, by your id",
    )
