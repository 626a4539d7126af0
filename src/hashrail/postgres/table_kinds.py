"""Which kind each table is, where an engine keeps partners on several servers: the one list.

A table whose primary key begins with a partner is owned, and spread by its partner; every other one stands here with
its reason. Global tables are of two kinds. One that is joined to the rows of partners, or that they refer to, is whole
on every server: a reference table. It is read without a way between servers, and a write of it is a commit on each of
them, so it is one that people change, or a day. The others are kept on the coordinator alone: local tables, which the
engine knows, so that a commit of one and of a partner's rows is one commit; and a few that are never written together.
"""

# Whole on every server. Each is joined to owned tables, or referred to by them.
REFERENCE = {
    "adjustment": "corrections are published for everybody",
    "business_clock": "one clock a deployment",
    "class_adjustment": "corrections are published for everybody",
    "class_day": "rates are published for everybody",
    "collection": "the catalogue is the operator's",
    "deployment": "it says what the whole of it is",
    "discount_level": "the level table is the operator's",
    "discount_programme": "programmes are the operator's",
    "mining_day": "a day's inputs are published for everybody",
    "operator_account": "operators look after the deployment",
    "partner": "its own key names it, and everybody may need it",
    "payout_batch": "a batch pays users of many partners",
    "payout_export": "an export holds withdrawals of many partners",
    "payout_input": "the wallet is the operator's",
    "payout_transaction": "a transaction pays users of many partners",
    "pool_receipt": "the pool pays the operator, for the miners of all partners",
    "programme_fraction": "programmes are the operator's",
    "published_fraction": "fractions are published for everybody",
    "rate_class": "a class depends on efficiency, level and programmes only",
}
# On the coordinator.
LOCAL = {
    "accepted_header": "blocks are the same for all",
    "alarm": "operators are told, of all partners together",
    "alarm_delivery": "operators are told, of all partners together",
    "alarm_message": "operators are told, of all partners together",
    "alarm_silence": "operators are told, of all partners together",
    "alone_done": "what an operator does alone is added up over all partners",
    "alone_limit": "operators look after the deployment",
    "audit_mark": "an audit is of the books of all partners",
    "backup": "a backup is of all partners",
    "capacity": "the operator owns the hashrate, not a partner",
    "day_document": "a day is signed for everybody",
    "day_source": "a day's figures are published for everybody",
    "day_wait": "a day's figures are published for everybody",
    "deposit_address": "what arrives at an address says nothing of a partner",
    "deposit_index": "the wallet is the operator's",
    "hot_wallet": "the wallet is the operator's",
    "journal_entry": "what was taken away may be an operator's, and a restore is of all partners",
    "liabilities_document": "what is owed is added up over all partners",
    "liability_leaves": "leaves tell nothing of whose they are",
    "member_login": "an e-mail address alone says which partner somebody signs in to",
    "observation": "what is done again and again is done for all partners",
    "operator_action": "operators look after the deployment",
    "operator_change": "operators look after the deployment",
    "operator_code": "operators look after the deployment",
    "operator_form": "operators look after the deployment",
    "operator_passkey": "operators look after the deployment",
    "operator_policy": "operators look after the deployment",
    "operator_session": "operators look after the deployment",
    "operator_task": "operators look after the deployment",
    "operator_tie": "operators look after the deployment",
    "operator_view": "operators look after the deployment",
    "payout_foreign_spend": "a spend that nobody knows belongs to no partner",
    "payout_policy": "the operator's limits and kill switch",
    "payout_scan": "the wallet is the operator's",
    "payout_turn": "a worker's turn is for all partners",
    "payout_wallet_key": "the wallet is the operator's",
    "pool_address": "the pool pays the operator",
    "proof_key": "days are signed by the deployment",
    "publication": "days are published for everybody, and its row is their lock: on one server nobody waits crosswise",
    "reserves_document": "the wallet is the operator's",
    "restoration": "a restore is of all partners",
    "restored_gap": "sequences are the deployment's",
    "run_terms": "a run is for all partners",
    "sandbox_address": "the simulated chain plays a system outside",
    "sandbox_chain": "the simulated chain plays a system outside",
    "sandbox_days": "days go on for everybody",
    "sandbox_output": "the simulated chain plays a system outside",
    "sandbox_reorg": "the simulated chain plays a system outside",
    "sandbox_transaction": "the simulated chain plays a system outside",
    "sign_in_attempt": "whoever tries may be nobody",
    "signer_descriptor": "the wallet is the operator's",
    "signing_key": "tokens are signed by the deployment",
    "tariff": "the operator's own contracts",
    "ton_payload": "a payload alone says which partner a login is for",
    "unapproved_withdrawal": "an address that is paid in slices may be asked for by users of several partners",
    "upgrade_step": "the tariff of upgrades is the operator's",
    "upgrade_tariff": "the tariff of upgrades is the operator's",
}
# On the coordinator, and unknown to the engine: written by every request in a transaction of its own.
APART = {
    "minute_count": "processes answer for all partners",
    "rate_budget": "addresses, whose requests are counted too, belong to nobody",
    "wal_timeline": "a standby copies the books of all partners",
    "worker_heartbeat": "a worker works for all partners",
}
GLOBAL = REFERENCE | LOCAL | APART
