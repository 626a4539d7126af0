"""Fields that are as documented, for every operation."""

from typing import Any

from tests.support.api_client import CONTRACT

RANGE = {"startDate": "2026-03-01T00:00:00Z", "endDate": "2026-03-31T00:00:00Z"}
# Pays to nobody: the program of BIP-173's examples, on the sandbox's network.
ADDRESS = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"


def good(operation: str) -> dict[str, Any]:
    """Fields that are as documented, though what they name need not exist."""
    fields: dict[str, dict[str, Any]] = {
        "c2s_generate_payload": {"partnerId": "partner-x"},
        "c2s_check_proof": {"tonWallet": {}},
        "c2s_refresh": {"refreshToken": "hrr_1_1_1_x"},
        "c2s_logout": {"refreshToken": "hrr_1_1_1_x"},
        "s2s_login": {"partnerUserId": "alice"},
        "s2s_refresh": {"refreshToken": "hrr_1_1_1_x"},
        "s2s_payment_create": {"userId": 1, "nftCollectionId": 1, "externalId": "x"},
        "s2s_payment_success": {"externalId": "x", "userId": 1},
        "s2s_income_per_th": {},
        "sandbox_advance": {"seconds": 1},
        "s2s_income_by_day": {"partnerUserId": "alice", **RANGE},
        "s2s_transfer": {"partnerUserId": "alice", "nftId": 1, "toPartnerUserId": "bob"},
        "s2s_payment": {"externalId": "x"},
        "s2s_upgrade": {"data": {"type": "nftPowerUpgrade", "nftId": 1, "fromPower": 1, "toPower": 2}},
        "s2s_upgrade_price": {"type": "nftPowerUpgrade", "nftId": "1", "from": "1", "to": "2"},
        "s2s_post_payments": {},
        "c2s_wallet_bind": {"address": ADDRESS},
        "s2s_wallet_bind": {"partnerUserId": "alice", "address": ADDRESS},
        "c2s_wallet_unbind": {"address": ADDRESS},
        "s2s_wallet_unbind": {"partnerUserId": "alice", "address": ADDRESS},
        "s2s_withdraw": {"partnerUserId": "alice", "walletAddress": ADDRESS, "amount": 1},
        "s2s_withdraw_fast": {"partnerUserId": "alice", "walletAddress": ADDRESS, "amount": 1},
        "s2s_withdrawal": {"id": "1"},
        "s2s_withdrawals": {},
        "s2s_withdrawal_cancel": {"id": 1},
        "s2s_deposits": {},
        "s2s_events": {},
        "sandbox_chain": {"blocks": 1},
        "sandbox_trigger": {"type": "order.issued"},
        "s2s_key": {},
        "sandbox_clock": {},
        "sandbox_scenario": {"scenario": "growth"},
        "sandbox_pay": {"externalId": "x"},
        "sandbox_late_notice": {"externalId": "x"},
        "sandbox_chargeback": {"externalId": "x"},
        "sandbox_partner_payment": {"amount": 1, "reference": "SEPA 1"},
        "s2s_webhook_create": {"url": "https://partner.example/events"},
        "s2s_webhooks": {},
        "s2s_webhook_update": {"id": 1},
        "s2s_webhook_delete": {"id": 1},
        "s2s_webhook_rotate": {"id": 1},
        "s2s_webhook_test": {"id": 1},
        "s2s_webhook_deliveries": {"id": "1"},
        "s2s_webhook_replay": {"id": 1},
        "c2s_read_token_create": {"name": "my dashboard", "days": 30},
        "c2s_read_token_revoke": {"id": "r1-x"},
        "s2s_read_token_revoke": {"partnerUserId": "alice", "id": "r1-x"},
        "app_price": {"symbol": "BTC"},
        "app_power_chart": {"start": RANGE["startDate"], "end": RANGE["endDate"]},
        "app_income": RANGE,
        "proof_day": {"day": "2026-03-01"},
        "s2s_proof_power": {"day": "2026-03-01"},
        "s2s_export_create": {"kind": "income", "format": "csv", **RANGE},
        "s2s_totals": RANGE,
        "s2s_payments": {},
        "s2s_users": {},
        "s2s_every_balance": {},
        "s2s_exports": {},
        "s2s_export": {"id": "1"},
        "s2s_export_content": {"id": "1"},
        "s2s_statement": RANGE,
        "s2s_statement_csv": RANGE,
    }
    signed = CONTRACT[operation][3] == "signed"
    return fields.get(operation, {"partnerUserId": "alice"} if signed else {})
