"""Every page, form and deed of the portal, with the least role of each."""

from hashrail.pages.portal import (
    deposits,
    events,
    exports,
    home,
    income,
    invoices,
    key_changes,
    keys,
    miners,
    orders,
    own,
    places,
    playing,
    requests,
    sandbox,
    statement,
    team,
    users,
    webhooks,
    withdrawals,
)
from hashrail.pages.portal.visit import ROOT, Ask, Deed, DoForm, Form, View

KEY = f"{ROOT}/keys/{{key:int}}"
CHANGE = f"{ROOT}/changes/{{change:int}}"
MEMBER = f"{ROOT}/team/{{member:int}}"
WEBHOOK = f"{ROOT}/webhooks/{{webhook:int}}"
DELIVERY = f"{WEBHOOK}/deliveries/{{position:int}}"


def _of_sandbox(path: str, name: str, ask: Ask, do: DoForm, *, grave: bool = False) -> Form:
    """A form of the time machine."""
    return Form(
        f"{ROOT}/sandbox/{path}", name, "developer", ask, do, grave=grave, while_suspended=True, of_sandbox=True
    )


SANDBOX_FORMS: tuple[Form, ...] = (
    _of_sandbox("advance", "let_time_pass", sandbox.ask_to_advance, sandbox.advance),
    _of_sandbox("scenario", "how_days_go", sandbox.ask_for_scenario, sandbox.choose_scenario),
    _of_sandbox("chain", "tell_the_chain", sandbox.ask_of_chain, sandbox.tell_chain),
    _of_sandbox("deposit", "bring_a_deposit", sandbox.ask_for_deposit, sandbox.bring_deposit),
    _of_sandbox("pay", "let_a_customer_buy", playing.ask_to_pay, playing.pay),
    _of_sandbox("late-notice", "tell_a_payment_late", playing.ask_to_be_late, playing.be_late),
    _of_sandbox("chargeback", "take_a_payment_back", playing.ask_to_charge_back, playing.charge_back, grave=True),
    _of_sandbox("payment", "pay_the_operator", playing.ask_to_pay_operator, playing.pay_operator),
)
VIEWS: tuple[View, ...] = (
    View(ROOT, "home", "viewer", home.home),
    View(f"{ROOT}/account", "account", "viewer", own.account),
    View(f"{ROOT}/income", "income", "viewer", income.income, is_heavy=True),
    View(f"{ROOT}/statement", "statement", "viewer", statement.statement),
    View(f"{ROOT}/statement.csv", "statement_sheet", "viewer", statement.sheet),
    View(f"{ROOT}/invoices", "invoices", "viewer", invoices.listed),
    View(f"{ROOT}/invoices.csv", "invoices_sheet", "viewer", invoices.sheet),
    View(f"{ROOT}/invoices/{{invoice:int}}", "invoice", "viewer", invoices.one),
    View(f"{ROOT}/users", "users", "support", users.listed),
    View(f"{ROOT}/users/{{user:int}}", "user", "support", users.one),
    View(f"{ROOT}/miners", "miners", "support", miners.listed),
    View(f"{ROOT}/miners/{{miner:int}}", "miner", "support", miners.one),
    View(f"{ROOT}/miners/{{miner:int}}/income", "miner_income", "support", miners.income),
    View(f"{ROOT}/orders", "orders", "support", orders.listed),
    View(f"{ROOT}/orders/{{order:int}}", "order", "support", orders.one),
    View(f"{ROOT}/withdrawals", "withdrawals", "support", withdrawals.listed),
    View(f"{ROOT}/withdrawals/{{withdrawal:int}}", "withdrawal", "support", withdrawals.one),
    View(f"{ROOT}/deposits", "deposits", "support", deposits.listed),
    View(f"{ROOT}/exports", "exports", "support", exports.listed),
    View(f"{ROOT}/exports/{{export:int}}", "export", "support", exports.one),
    View(f"{ROOT}/exports/{{export:int}}/file", "export_file", "support", exports.file),
    View(f"{ROOT}/keys", "keys", "developer", keys.listed),
    View(KEY, "key", "developer", keys.one),
    View(f"{ROOT}/requests", "requests", "developer", requests.listed),
    View(f"{ROOT}/requests/{{call:int}}", "request", "developer", requests.one),
    View(f"{ROOT}/webhooks", "webhooks", "viewer", webhooks.listed),
    View(WEBHOOK, "webhook", "viewer", webhooks.one),
    View(f"{ROOT}/deliveries", "deliveries", "support", webhooks.log),
    View(DELIVERY, "delivery", "support", webhooks.delivery),
    View(f"{ROOT}/events", "events", "support", events.listed),
    View(f"{ROOT}/events/{{event:int}}", "event", "support", events.one),
    View(f"{ROOT}/sandbox", "sandbox", "developer", sandbox.machine, of_sandbox=True),
    View(f"{ROOT}/sandbox/tasks/{{task:int}}", "sandbox_task", "developer", sandbox.task, of_sandbox=True),
    View(f"{ROOT}/team", "team", "owner", team.team),
    View(f"{ROOT}/log", "log", "owner", team.log),
)
DEEDS: tuple[Deed, ...] = (
    Deed(f"{ROOT}/sign-out", "sign_out", "viewer", own.sign_out, while_suspended=True),
    Deed(f"{ROOT}/sessions", "end_session", "viewer", own.end, while_suspended=True),
    Deed(
        f"{ROOT}/passkeys",
        *("add_passkey", "viewer", own.add_passkey),
        manages=True,
        while_suspended=True,
        ready=own.assert_password,
    ),
    Deed(
        f"{ROOT}/passkeys/remove",
        *("remove_passkey", "viewer", own.remove_passkey),
        manages=True,
        while_suspended=True,
        ready=own.assert_password,
    ),
    Deed(f"{MEMBER}/sessions", "end_sessions", "owner", team.end_sessions, while_suspended=True),
    Deed(
        f"{ROOT}/invitations/{{invitation:int}}/withdraw",
        *("withdraw_invitation", "owner", team.withdraw),
        while_suspended=True,
    ),
)
# As by the API, also for a partner that is suspended: what happens to it is told on.
_WEBHOOKS = (
    Form(
        *(f"{ROOT}/webhooks/new", "make_webhook_endpoint", "developer", webhooks.ask_to_create, webhooks.create),
        while_suspended=True,
    ),
    Form(
        *(f"{WEBHOOK}/change", "change_endpoint", "developer", webhooks.ask_to_change, webhooks.change),
        while_suspended=True,
    ),
    Form(
        *(f"{WEBHOOK}/rotate", "rotate_endpoint", "developer", webhooks.ask_to_rotate, webhooks.rotate),
        while_suspended=True,
    ),
    Form(
        *(f"{WEBHOOK}/disable", "disable_endpoint", "developer", webhooks.ask_to_disable, webhooks.disable),
        while_suspended=True,
    ),
    Form(
        *(f"{WEBHOOK}/enable", "enable_endpoint", "developer", webhooks.ask_to_enable, webhooks.enable),
        while_suspended=True,
    ),
    Form(
        *(f"{WEBHOOK}/remove", "remove_endpoint", "developer", webhooks.ask_to_remove, webhooks.remove),
        grave=True,
        while_suspended=True,
    ),
    Form(
        *(f"{WEBHOOK}/test", "try_endpoint", "developer", webhooks.ask_to_test, webhooks.test),
        looks=False,
        while_suspended=True,
    ),
    Form(
        *(f"{WEBHOOK}/replay", "replay_events", "developer", webhooks.ask_to_replay, webhooks.replay),
        while_suspended=True,
    ),
    Form(
        *(f"{DELIVERY}/replay", "replay_event", "developer", webhooks.ask_to_replay_one, webhooks.replay_one),
        while_suspended=True,
    ),
)
FORMS: tuple[Form, ...] = (
    Form(
        f"{ROOT}/password",
        *("change_password", "viewer", own.ask_for_password, own.set_password),
        looks=False,
        ready=own.ready,
        manages=True,
        while_suspended=True,
    ),
    Form(
        f"{ROOT}/exports/new",
        *("ask_for_export", "support", exports.ask_for, exports.ask),
        looks=False,
        while_suspended=True,
    ),
    Form(f"{ROOT}/keys/new", "make_key", "developer", keys.ask_to_create, keys.create),
    Form(f"{KEY}/rotate", "rotate_key", "developer", keys.ask_to_rotate, keys.rotate),
    Form(
        f"{KEY}/revoke-old",
        *("end_old_secrets", "developer", keys.ask_to_revoke_old, keys.revoke_old),
        grave=True,
        while_suspended=True,
    ),
    Form(f"{KEY}/revoke", "end_key", "developer", keys.ask_to_revoke, keys.revoke, grave=True, while_suspended=True),
    Form(f"{KEY}/scopes", "key_scopes", "developer", keys.ask_for_scopes, keys.set_scopes),
    Form(f"{KEY}/addresses", "key_addresses", "developer", keys.ask_for_addresses, keys.set_addresses),
    Form(f"{CHANGE}/confirm", "confirm_change", "owner", key_changes.ask_to_confirm, key_changes.confirm, grave=True),
    Form(
        f"{CHANGE}/withdraw",
        *("withdraw_change", "owner", key_changes.ask_to_withdraw, key_changes.withdraw),
        while_suspended=True,
    ),
    *_WEBHOOKS,
    Form(f"{ROOT}/origins", "origins", "owner", places.ask_for_origins, places.set_origins),
    Form(f"{ROOT}/ton-domains", "ton_domains", "owner", places.ask_for_domains, places.set_domains),
    Form(f"{ROOT}/team/invite", "invite", "owner", team.ask_to_invite, team.invite),
    Form(f"{MEMBER}/role", "member_role", "owner", team.ask_for_role, team.set_role, manages=True),
    Form(
        f"{MEMBER}/disable",
        *("end_account", "owner", team.ask_to_disable, team.disable),
        grave=True,
        manages=True,
        while_suspended=True,
    ),
    *SANDBOX_FORMS,
)
