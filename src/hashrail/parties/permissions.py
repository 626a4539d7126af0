"""Permissions: every verb of operators that changes something, and the least role that may do it.

An act is named like the command that does it. Once a deployment has an admin, whoever does one says who they are, and
the log keeps it with what was there before and after (`parties/operators.py`).

The day's work (close a day, take an offer away, have events told again) is an operator's. What takes something away at
once (a key, a domain, a user's right to write) is open to approvers, who are there when it is night; what gives,
prices, pays or lets go on is an admin's. Anybody may stop payouts.
"""

from dataclasses import dataclass

from hashrail.parties.operators import Role


@dataclass(frozen=True, slots=True)
class Act:
    """`named`: there is somebody to name also while there is no admin. `manages`: it may change operators.

    `pays`: it moves bitcoin, or records that it moved or will not, which nobody does who does not know the node.
    """

    least: Role
    named: bool = False
    manages: bool = False
    pays: bool = False


_ADMINS, _APPROVERS, _OPERATORS, _ANYBODYS = Act("admin"), Act("approver"), Act("operator"), Act("viewer")
_MANAGERS = Act("admin", manages=True)
ACTS: dict[str, Act] = {
    "deployment change": _ADMINS,
    "partner create": _ADMINS,
    "partner credit-limit": _ADMINS,
    "partner new-users": _ADMINS,
    "partner payment record": _ADMINS,
    "partner payment reverse": _ADMINS,
    "partner payouts": _ADMINS,
    "books invoice issue": _ADMINS,
    "partner refunds": _ADMINS,
    "pool receipt add": Act("admin", named=True),
    "pool receipt import": _ADMINS,
    "pool receipt reverse": _ADMINS,
    "pool address add": _ADMINS,
    "pool address remove": _APPROVERS,
    "partner suspend": _APPROVERS,
    "partner reopen": _ADMINS,
    "partner close": _ADMINS,
    "partner ton-domain add": _ADMINS,
    "partner ton-domain remove": _APPROVERS,
    "partner origin add": _ADMINS,
    "partner origin remove": _APPROVERS,
    "partner portal invite": _ADMINS,
    "partner portal disable": _APPROVERS,
    "partner key create": _ADMINS,
    "partner key rotate": _ADMINS,
    "partner key revoke-old": _APPROVERS,
    "partner key revoke": _APPROVERS,
    "partner key scopes": _ADMINS,
    "partner key limit": _ADMINS,
    "session end": _APPROVERS,
    "webhook disable": _APPROVERS,
    "webhook enable": _ADMINS,
    "webhook replay": _OPERATORS,
    "webhook test": _OPERATORS,
    "user block": _APPROVERS,
    "user unblock": _ADMINS,
    "user credit": _ADMINS,
    "user debit": _ADMINS,
    "user note add": Act("support", named=True),
    "catalogue seed": _ADMINS,
    "catalogue put": _ADMINS,
    "catalogue withdraw": _OPERATORS,
    "catalogue offer": _ADMINS,
    "catalogue upgrades": _ADMINS,
    "catalogue capacity": _ADMINS,
    "order cancel": _APPROVERS,
    "order refund": _ADMINS,
    "rates set": _ADMINS,
    "rates import": _ADMINS,
    "rates confirm": _ADMINS,
    "rates delete": _ADMINS,
    "rates policy": _ADMINS,
    "rates fetch": _ADMINS,
    "tariff set": _ADMINS,
    "day close": _OPERATORS,
    "day adjust": _ADMINS,
    "day take-back": _ADMINS,
    "day bring-back": _ADMINS,
    "programme create": _ADMINS,
    "programme fraction": _ADMINS,
    "programme cap": _ADMINS,
    "programme levels": _ADMINS,
    "programme join": _ADMINS,
    "withdrawal request": _ADMINS,
    "withdrawal cancel": Act("approver", pays=True),
    "payouts bump": Act("approver", pays=True),
    "payouts run": Act("approver", pays=True),
    "payouts policy": _ADMINS,
    "payouts approve": Act("approver", named=True, pays=True),
    "payouts refuse": Act("approver", named=True, pays=True),
    "payouts pause": _ANYBODYS,
    "payouts resume": Act("admin", named=True, pays=True),
    "payouts adopt": Act("admin", named=True, pays=True),
    "payouts export": Act("approver", named=True, pays=True),
    "payouts record": Act("approver", named=True, pays=True),
    "payouts acknowledge": Act("admin", named=True, pays=True),
    "payouts cancel": Act("approver", named=True, pays=True),
    "restored": _ADMINS,
    "alarms silence": _APPROVERS,
    "alarms unsilence": _ANYBODYS,
    "operator add": _MANAGERS,
    "operator role": _MANAGERS,
    "operator password": _MANAGERS,
    "operator disable": _MANAGERS,
    "operator policy": _MANAGERS,
    "operator alone": _MANAGERS,
    "change confirm": Act("admin", named=True, manages=True),
    "change withdraw": Act("admin", named=True, manages=True),
}
