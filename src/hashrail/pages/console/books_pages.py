"""Every page, deed and form of days, pool receipts, the ledger, the audit and proofs, with the least role of each."""

from hashrail.pages.console import audits, corrections, day_forms, days, ledger, pool, tasks
from hashrail.pages.console.asking import Form
from hashrail.pages.console.visit import ROOT, Deed, View

USER = f"{ROOT}/users/{{partner:int}}/{{user:int}}"

VIEWS = (
    View(f"{ROOT}/days", "days", "viewer", days.listed),
    View(f"{ROOT}/day", "day", "viewer", days.one),
    View(f"{ROOT}/days/figures", "figures", "viewer", days.figures),
    View(f"{ROOT}/pool", "pool", "viewer", pool.listed),
    View(f"{ROOT}/ledger", "ledger", "viewer", ledger.accounts),
    View(f"{ROOT}/account", "account", "support", ledger.account),
    View(f"{ROOT}/transfer", "transfer", "support", ledger.transfer),
    View(f"{ROOT}/trial-balance", "trial_balance", "viewer", ledger.trial),
    View(f"{ROOT}/trial-balance.csv", "trial_balance_sheet", "viewer", ledger.trial_sheet),
    View(f"{ROOT}/journal", "journal", "support", ledger.journal),
    View(f"{ROOT}/audit", "audit", "viewer", audits.audit),
    View(f"{ROOT}/proofs", "proofs", "viewer", audits.proven),
    View(f"{ROOT}/tasks", "tasks", "operator", tasks.listed),
)
DEEDS = (
    Deed(f"{ROOT}/audit", "run_audit", None, tasks.audit, "operator"),
    Deed(f"{ROOT}/audit/reconciliation", "run_reconciliation", None, tasks.reconcile, "operator"),
)
FORMS = (
    Form(
        *(f"{ROOT}/days/enter", "enter_figures", "rates set", day_forms.ask_to_enter, day_forms.enter),
        ready=day_forms.node_of_day,
    ),
    Form(
        *(f"{ROOT}/days/series", "enter_many_days", "rates import", day_forms.ask_for_series, day_forms.enter_series),
        ready=day_forms.node_of_series,
    ),
    Form(
        *(f"{ROOT}/day/confirm", "confirm_day", "rates confirm", day_forms.ask_to_confirm, day_forms.confirm),
        ready=day_forms.node_of_named,
        begins=False,
    ),
    Form(
        *(f"{ROOT}/day/delete", "delete_day", "rates delete", day_forms.ask_to_delete, day_forms.delete),
        grave=True,
        begins=False,
    ),
    Form(
        *(f"{ROOT}/days/fetch", "fetch_figures", "rates fetch", day_forms.ask_to_fetch, day_forms.fetch),
        looks=False,
    ),
    Form(f"{ROOT}/days/policy", "wait_of_figures", "rates policy", day_forms.ask_for_policy, day_forms.set_policy),
    Form(
        *(f"{ROOT}/days/close", "publish_and_close_days", "day close", day_forms.ask_to_close, day_forms.close),
        looks=False,
    ),
    Form(
        *(f"{ROOT}/day/adjust", "adjust_day", "day adjust", day_forms.ask_to_adjust, day_forms.adjust),
        ready=day_forms.node_of_named,
        begins=False,
    ),
    Form(
        *(f"{ROOT}/day/take-back", "take_day_back", "day take-back", day_forms.ask_to_take_back, day_forms.take_back),
        grave=True,
        begins=False,
    ),
    Form(
        *(f"{ROOT}/days/bring-back", "bring_stints_back", "day bring-back"),
        *(day_forms.ask_to_bring_back, day_forms.bring_back),
    ),
    Form(
        *(f"{ROOT}/pool/add", "record_pool_receipt", "pool receipt add", pool.ask_to_add, pool.add),
        ready=pool.ready_to_add,
    ),
    Form(f"{ROOT}/pool/import", "record_pool_file", "pool receipt import", pool.ask_to_import, pool.import_lines),
    Form(
        *(f"{ROOT}/pool/reverse", "reverse_receipt", "pool receipt reverse", pool.ask_to_reverse, pool.reverse),
        grave=True,
        begins=False,
    ),
    Form(f"{ROOT}/pool/address", "name_pool_address", "pool address add", pool.ask_for_address, pool.add_address),
    Form(
        *(f"{ROOT}/pool/address/remove", "remove_pool_address", "pool address remove"),
        *(pool.ask_to_remove_address, pool.remove_address),
    ),
    Form(f"{USER}/credit", "credit_user", "user credit", corrections.ask_to_credit, corrections.credit),
    Form(f"{USER}/debit", "debit_user", "user debit", corrections.ask_to_debit, corrections.debit),
)
