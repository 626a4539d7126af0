"""The console's navigation: which pages stand in it, in groups, and which forms its command palette begins.

Who may not see a page is not led to it: the least role is the page's own, of the one table of pages.
"""

from collections.abc import Sequence
from dataclasses import replace

from hashrail.pages import desk
from hashrail.pages.console.asking import Form
from hashrail.pages.console.pages import FORMS, VIEWS
from hashrail.pages.console.visit import ROOT, Visit
from hashrail.pages.desk import Desk, Entry, Group

CHANGES = Entry("Changes", f"{ROOT}/changes", "c")
MENU = (
    Group("", (Entry("Home", ROOT, "h"),)),
    Group(
        "Mining",
        (
            Entry("Days", f"{ROOT}/days", "d", also=(f"{ROOT}/day",)),
            Entry("Charts", f"{ROOT}/days/figures", "f"),
            Entry("Pool receipts", f"{ROOT}/pool", "r"),
        ),
    ),
    Group(
        "Selling",
        (
            Entry("Partners", f"{ROOT}/partners", "p", also=(f"{ROOT}/users",)),
            Entry("Catalogue", f"{ROOT}/catalogue", "a"),
            Entry("Orders", f"{ROOT}/orders", also=(f"{ROOT}/order",)),
            Entry("Tariffs", f"{ROOT}/tariffs", "t", also=(f"{ROOT}/discounts",)),
        ),
    ),
    Group(
        "Money",
        (
            Entry("Payouts", f"{ROOT}/payouts", "y", also=(f"{ROOT}/batches",)),
            Entry("Withdrawals", f"{ROOT}/withdrawals", "w"),
            Entry("Deposits", f"{ROOT}/deposits", "i"),
            Entry("Ledger", f"{ROOT}/ledger", "b", also=(f"{ROOT}/account", f"{ROOT}/transfer")),
            Entry("Trial balance", f"{ROOT}/trial-balance"),
        ),
    ),
    Group(
        "Telling partners",
        (Entry("Webhooks", f"{ROOT}/webhooks", "e"), Entry("Events", f"{ROOT}/events", "n")),
    ),
    Group("Trust", (Entry("Audit", f"{ROOT}/audit", "u"), Entry("Proofs", f"{ROOT}/proofs", "v"))),
    Group(
        "Running",
        (
            Entry("Alarms", f"{ROOT}/alarms", "m"),
            CHANGES,
            Entry("Tasks", f"{ROOT}/tasks", "k"),
            Entry("Jobs", f"{ROOT}/jobs", "j"),
            Entry("Log", f"{ROOT}/log", "l"),
            Entry("Operators", f"{ROOT}/operators", "o"),
            Entry("Deployment", f"{ROOT}/deployment"),
        ),
    ),
)
# Pages of the palette that are no place of their own in the navigation.
OWN = Entry("Your sessions", f"{ROOT}/sessions", "s")
LEAST = {view.path: view.least for view in VIEWS}
SEARCH = f"{ROOT}/search"


def of(visit: Visit) -> Desk:
    """What stands around a page of this visit."""
    groups = [
        Group(each.words, [_counted(entry, visit) for entry in each.entries if visit.may(LEAST[entry.path])])
        for each in (*MENU, Group("You", (OWN,)))
    ]
    return Desk(
        name="Console",
        home=ROOT,
        groups=desk.at(groups, visit.path, home=ROOT),
        acts=[Entry(words_of(form), form.path) for form in beginnings() if visit.may(form.least)],
        who=visit.operator.name,
        role=visit.operator.role,
        own=OWN.path,
        sign_out=f"{ROOT}/sign-out",
        word=visit.word,
        search=SEARCH if visit.may(LEAST[SEARCH]) else None,
        search_words="id, txid, address, name, key",
    )


def beginnings() -> Sequence[Form]:
    """The forms that begin with nothing chosen before."""
    return [form for form in FORMS if "{" not in form.path and form.begins]


def words_of(form: Form) -> str:
    """What a form does, as a person would look for it: "Create partner" of create_partner."""
    return form.name.replace("_", " ").capitalize()


def _counted(entry: Entry, visit: Visit) -> Entry:
    return replace(entry, count=visit.changes) if entry is CHANGES else entry
