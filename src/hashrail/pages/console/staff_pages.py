"""Every page, deed and form of operators' accounts, and of the deployment that they look after, with its least role."""

from hashrail.pages.console import deployment, log, operators, own
from hashrail.pages.console.asking import Form
from hashrail.pages.console.visit import ROOT, Deed, View

OPERATOR = f"{ROOT}/operators/{{operator:int}}"

VIEWS = (
    View(f"{ROOT}/sessions", "sessions", "viewer", own.sessions),
    View(f"{ROOT}/log", "log", "admin", log.log),
    View(f"{ROOT}/operators", "operators", "admin", operators.listed),
    View(OPERATOR, "operator", "admin", operators.one),
    View(f"{ROOT}/deployment", "deployment", "viewer", deployment.deployment),
)
DEEDS = (
    Deed(f"{ROOT}/sign-out", "sign_out", None, own.sign_out),
    Deed(f"{ROOT}/sessions", "end_session", None, own.end),
    Deed(f"{ROOT}/passkeys", "add_passkey", None, own.add_passkey, ready=own.assert_password),
    Deed(f"{ROOT}/passkeys/remove", "remove_passkey", None, own.remove_passkey, ready=own.assert_password),
    Deed(f"{OPERATOR}/sessions", "end_operator_sessions", None, operators.end_sessions, "admin"),
)
FORMS = (
    Form(
        *(f"{ROOT}/password", "change_password", "operator password", own.ask_for_password, own.set_password),
        looks=False,
        ready=own.ready,
        own=True,
    ),
    Form(
        *(f"{ROOT}/operators/new", "add_operator", "operator add", operators.ask_to_add, operators.add),
        ready=operators.made_password,
    ),
    Form(f"{OPERATOR}/role", "operator_role", "operator role", operators.ask_for_role, operators.set_role),
    Form(
        *(f"{OPERATOR}/password", "operator_password", "operator password"),
        *(operators.ask_for_password, operators.set_password),
        grave=True,
        ready=operators.made_password,
    ),
    Form(
        *(f"{OPERATOR}/disable", "end_operator", "operator disable", operators.ask_to_disable, operators.disable),
        grave=True,
    ),
    Form(
        *(f"{ROOT}/operators/apart", "when_two_are_two", "operator policy"),
        *(operators.ask_for_apart, operators.set_apart),
    ),
    Form(
        *(f"{ROOT}/operators/alone", "limits_of_one_alone", "operator alone"),
        *(operators.ask_for_alone, operators.set_alone),
    ),
    Form(
        *(f"{ROOT}/deployment/change", "change_deployment", "deployment change"),
        *(deployment.ask_to_change, deployment.change),
        grave=True,
        ready=deployment.ready,
    ),
)
