# Written by `python -m tools.python_sdk`; edit the tables of operations or the API's models, not this file.
"""Objects that verbs take, by the names of the wire."""

from typing import Literal, TypedDict

from hashrail_client.amounts import Amount


class EfficiencyUpgrade(TypedDict):
    """From the miner's present W/TH to fewer."""

    type: Literal["nftEnergyEfficiencyUpgrade"]  # of what type it is
    nftId: int  # the miner's number
    fromEnergyEfficiency: Amount  # TH with at most 4 decimals, or W/TH with at most 2
    toEnergyEfficiency: Amount  # TH with at most 4 decimals, or W/TH with at most 2


class PowerUpgrade(TypedDict):
    """From the miner's present TH to more."""

    type: Literal["nftPowerUpgrade"]  # of what type it is
    nftId: int  # the miner's number
    fromPower: Amount  # TH with at most 4 decimals, or W/TH with at most 2
    toPower: Amount  # TH with at most 4 decimals, or W/TH with at most 2


class DepositBody(TypedDict):
    """Somebody pays an address: `amount` in BTC."""

    address: str  # a bitcoin address
    amount: Amount  # BTC, at most 8 decimals
