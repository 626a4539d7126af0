"""Every page, form and deed of the portal, with the least role of each."""

from hashrail.pages.portal import home, own
from hashrail.pages.portal.visit import ROOT, Deed, Form, View

VIEWS: tuple[View, ...] = (
    View(ROOT, "home", "viewer", home.home),
    View(f"{ROOT}/account", "account", "viewer", own.account),
)
DEEDS: tuple[Deed, ...] = (
    Deed(f"{ROOT}/sign-out", "sign_out", "viewer", own.sign_out, while_suspended=True),
    Deed(f"{ROOT}/sessions", "end_session", "viewer", own.end, while_suspended=True),
)
FORMS: tuple[Form, ...] = ()
