"""Every page, form and deed of the console, with the least role of each."""

from hashrail.pages.console import (
    alarms,
    blocking,
    books_pages,
    changes,
    home,
    hook_pages,
    payout_pages,
    portal_people,
    searching,
    selling_pages,
    staff_pages,
    users,
    withdrawals,
)
from hashrail.pages.console.asking import Form
from hashrail.pages.console.visit import ROOT, Deed, View

PARTNER = f"{ROOT}/partners/{{partner:int}}"
USER = f"{ROOT}/users/{{partner:int}}/{{user:int}}"
CHANGE = f"{ROOT}/changes/{{change:int}}"
WITHDRAWAL = f"{ROOT}/withdrawals/{{partner:int}}/{{withdrawal:int}}"

VIEWS = (
    View(ROOT, "home", "viewer", home.home),
    *books_pages.VIEWS,
    *selling_pages.VIEWS,
    View(f"{PARTNER}/portal", "partner_portal", "support", portal_people.people),
    View(f"{ROOT}/search", "search", "support", searching.search),
    View(f"{ROOT}/users", "users", "support", users.by_name),
    View(USER, "user", "support", users.user),
    View(f"{USER}/block", "block", "approver", blocking.ask),
    View(f"{USER}/unblock", "unblock", "admin", blocking.ask),
    View(f"{ROOT}/income", "income", "support", users.income),
    View(f"{ROOT}/withdrawals", "withdrawals", "support", withdrawals.listed),
    View(WITHDRAWAL, "withdrawal", "support", withdrawals.one),
    View(f"{WITHDRAWAL}/approve", "approve", "approver", withdrawals.ask_to_approve),
    View(f"{WITHDRAWAL}/refuse", "refuse", "approver", withdrawals.ask_to_refuse),
    *payout_pages.VIEWS,
    *hook_pages.VIEWS,
    View(f"{ROOT}/changes", "changes", "approver", changes.listed),
    View(f"{ROOT}/alarms", "alarms", "viewer", alarms.listed),
    *staff_pages.VIEWS,
)
DEEDS = (
    *staff_pages.DEEDS,
    Deed(f"{ROOT}/pause", "pause", "payouts pause", home.pause),
    *books_pages.DEEDS,
    *payout_pages.DEEDS,
    Deed(f"{USER}/notes", "add_note", "user note add", users.add_note),
    Deed(f"{USER}/block", "block", "user block", blocking.block),
    Deed(f"{USER}/unblock", "unblock", "user unblock", blocking.unblock),
    Deed(f"{WITHDRAWAL}/approve", "approve", "payouts approve", withdrawals.approve),
    Deed(f"{WITHDRAWAL}/refuse", "refuse", "payouts refuse", withdrawals.refuse),
)
FORMS = (
    *selling_pages.FORMS,
    Form(
        *(f"{CHANGE}/confirm", "confirm_change", "change confirm", changes.ask_to_confirm, changes.confirm),
        grave=True,
        ready=changes.ready,
        then=changes.settle,
    ),
    Form(
        f"{PARTNER}/portal/invite",
        *("invite_member", "partner portal invite", portal_people.ask_to_invite, portal_people.invite),
    ),
    Form(
        f"{PARTNER}/portal/{{member:int}}/disable",
        *("end_member", "partner portal disable", portal_people.ask_to_disable, portal_people.disable),
        grave=True,
    ),
    *books_pages.FORMS,
    *payout_pages.FORMS,
    *staff_pages.FORMS,
    *hook_pages.FORMS,
    Form(f"{ROOT}/alarms/silence", "silence_alarm", "alarms silence", alarms.ask_to_silence, alarms.silence),
    Form(
        f"{ROOT}/alarms/{{silence:int}}/unsilence",
        *("end_silence", "alarms unsilence", alarms.ask_to_unsilence, alarms.unsilence),
    ),
    Form(f"{CHANGE}/withdraw", "withdraw_change", "change withdraw", changes.ask_to_withdraw, changes.withdraw),
)
