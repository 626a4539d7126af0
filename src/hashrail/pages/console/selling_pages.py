"""The pages and forms of selling: partners with their money, keys and rules, catalogue, orders, tariffs, discounts."""

from hashrail.pages.console import (
    catalogue,
    discounts,
    miners,
    orders,
    partner_keys,
    partner_money,
    partner_rules,
    partners,
    tariffs,
)
from hashrail.pages.console.asking import Form
from hashrail.pages.console.visit import ROOT, View

PARTNERS = f"{ROOT}/partners"
PARTNER = f"{PARTNERS}/{{partner:int}}"
CATALOGUE, DISCOUNTS = f"{ROOT}/catalogue", f"{ROOT}/discounts"

VIEWS = (
    View(PARTNERS, "partners", "viewer", partners.listed),
    View(PARTNER, "partner", "viewer", partners.one),
    View(f"{PARTNER}/users", "partner_users", "support", partners.people),
    View(f"{PARTNER}/miners", "partner_miners", "support", miners.of_partner),
    View(f"{PARTNER}/miners/{{miner:int}}", "miner", "support", miners.one),
    View(f"{PARTNER}/payments", "payments", "viewer", partner_money.payments),
    View(f"{PARTNER}/statement", "statement", "viewer", partner_money.statement),
    View(f"{PARTNER}/invoice", "invoice", "viewer", partner_money.invoice),
    View(CATALOGUE, "catalogue", "viewer", catalogue.listed),
    View(f"{ROOT}/orders", "orders", "support", orders.listed),
    View(f"{ROOT}/order", "order", "support", orders.one),
    View(f"{ROOT}/tariffs", "tariffs", "viewer", tariffs.listed),
    View(DISCOUNTS, "discounts", "viewer", discounts.listed),
)
_RULES = (
    Form(f"{PARTNERS}/new", "create_partner", "partner create", partners.ask_to_create, partners.create),
    Form(
        *(f"{PARTNER}/credit-limit", "set_credit_limit", "partner credit-limit"),
        *(partner_rules.ask_credit_limit, partner_rules.set_credit_limit),
    ),
    Form(
        *(f"{PARTNER}/new-users", "bound_new_users", "partner new-users"),
        *(partner_rules.ask_new_users, partner_rules.bound_new_users),
    ),
    Form(
        *(f"{PARTNER}/payouts", "set_partner_payouts", "partner payouts"),
        *(partner_rules.ask_terms, partner_rules.put_terms),
    ),
    Form(
        *(f"{PARTNER}/refunds", "set_refunds", "partner refunds"),
        *(partner_rules.ask_refunds, partner_rules.set_refunds),
    ),
    Form(
        *(f"{PARTNER}/suspend", "suspend_partner", "partner suspend"),
        *(partner_rules.ask_to_suspend, partner_rules.suspend),
        grave=True,
    ),
    Form(
        *(f"{PARTNER}/reopen", "reopen_partner", "partner reopen"),
        *(partner_rules.ask_to_reopen, partner_rules.reopen),
    ),
    Form(
        *(f"{PARTNER}/close", "close_partner", "partner close"),
        *(partner_rules.ask_to_close, partner_rules.close),
        grave=True,
    ),
)
_MONEY = (
    Form(
        *(f"{PARTNER}/payments/new", "record_payment", "partner payment record"),
        *(partner_money.ask_to_record, partner_money.record),
    ),
    Form(
        *(f"{PARTNER}/payments/reverse", "reverse_payment", "partner payment reverse"),
        *(partner_money.ask_to_reverse, partner_money.reverse),
        grave=True,
    ),
    Form(
        *(f"{PARTNER}/invoices/new", "issue_invoice", "books invoice issue"),
        *(partner_money.ask_to_issue, partner_money.issue),
    ),
)
_KEYS = (
    Form(
        *(f"{PARTNER}/keys/new", "create_key", "partner key create"),
        *(partner_keys.ask_to_create, partner_keys.create),
    ),
    Form(
        *(f"{PARTNER}/keys/rotate", "rotate_key", "partner key rotate"),
        *(partner_keys.ask_to_rotate, partner_keys.rotate),
    ),
    Form(
        *(f"{PARTNER}/keys/revoke-old", "revoke_old_secrets", "partner key revoke-old"),
        *(partner_keys.ask_to_revoke_old, partner_keys.revoke_old),
        grave=True,
    ),
    Form(
        *(f"{PARTNER}/keys/revoke", "revoke_key", "partner key revoke"),
        *(partner_keys.ask_to_revoke, partner_keys.revoke),
        grave=True,
    ),
    Form(
        *(f"{PARTNER}/keys/scopes", "set_scopes", "partner key scopes"),
        *(partner_keys.ask_scopes, partner_keys.set_scopes),
    ),
    Form(
        *(f"{PARTNER}/keys/limit", "limit_key", "partner key limit"),
        *(partner_keys.ask_limit, partner_keys.set_limit),
    ),
    Form(
        *(f"{PARTNER}/origins/new", "add_origin", "partner origin add"),
        *(partner_keys.ask_to_add_origin, partner_keys.add_origin),
    ),
    Form(
        *(f"{PARTNER}/origins/remove", "remove_origin", "partner origin remove"),
        *(partner_keys.ask_to_remove_origin, partner_keys.remove_origin),
        grave=True,
    ),
    Form(
        *(f"{PARTNER}/domains/new", "add_ton_domain", "partner ton-domain add"),
        *(partner_keys.ask_to_add_domain, partner_keys.add_domain),
    ),
    Form(
        *(f"{PARTNER}/domains/remove", "remove_ton_domain", "partner ton-domain remove"),
        *(partner_keys.ask_to_remove_domain, partner_keys.remove_domain),
        grave=True,
    ),
    Form(
        *(f"{PARTNER}/sessions/end", "end_sessions", "session end"),
        *(partner_keys.ask_to_end_sessions, partner_keys.end_sessions),
        grave=True,
    ),
)
_CATALOGUE = (
    Form(f"{CATALOGUE}/put", "offer_a_miner", "catalogue put", catalogue.ask_to_put, catalogue.put),
    Form(
        *(f"{CATALOGUE}/withdraw", "take_an_offer_off_sale", "catalogue withdraw"),
        *(catalogue.ask_to_withdraw, catalogue.withdraw),
    ),
    Form(
        *(f"{CATALOGUE}/offer", "put_an_offer_back_on_sale", "catalogue offer"),
        *(catalogue.ask_to_offer_again, catalogue.offer_again),
    ),
    Form(f"{CATALOGUE}/capacity", "set_capacity", "catalogue capacity", catalogue.ask_capacity, catalogue.set_capacity),
    Form(
        *(f"{CATALOGUE}/upgrades", "set_prices_of_upgrades", "catalogue upgrades"),
        *(catalogue.ask_upgrades, catalogue.set_upgrades),
    ),
    Form(f"{CATALOGUE}/seed", "offer_the_samples", "catalogue seed", catalogue.ask_to_seed, catalogue.seed, grave=True),
    Form(
        *(f"{PARTNER}/orders/cancel", "cancel_order", "order cancel", orders.ask_to_cancel, orders.cancel), grave=True
    ),
    Form(
        *(f"{PARTNER}/orders/refund", "refund_order", "order refund", orders.ask_to_refund, orders.refund), grave=True
    ),
)
_PRICES = (
    Form(f"{ROOT}/tariffs/set", "set_tariff", "tariff set", tariffs.ask_to_set, tariffs.put),
    Form(f"{DISCOUNTS}/levels", "set_discount_levels", "programme levels", discounts.ask_levels, discounts.set_levels),
    Form(f"{DISCOUNTS}/cap", "set_discount_cap", "programme cap", discounts.ask_cap, discounts.set_cap),
    Form(f"{DISCOUNTS}/new", "open_programme", "programme create", discounts.ask_to_create, discounts.create),
    Form(
        *(f"{DISCOUNTS}/fraction", "set_fraction_of_programme", "programme fraction"),
        *(discounts.ask_fraction, discounts.set_fraction),
    ),
    Form(f"{DISCOUNTS}/join", "join_programme", "programme join", discounts.ask_to_join, discounts.join),
)
FORMS = (*_RULES, *_MONEY, *_KEYS, *_CATALOGUE, *_PRICES)
