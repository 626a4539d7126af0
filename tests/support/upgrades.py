"""Upgrades over the wire: bodies of #30, and the list of what was bought."""

from typing import Any

from tests.support.api_client import Api, answered

POWER, EFFICIENCY = "nftPowerUpgrade", "nftEnergyEfficiencyUpgrade"


def power(miner_id: int, from_th: object, to_th: object) -> dict[str, Any]:
    return {"data": {"type": POWER, "nftId": miner_id, "fromPower": from_th, "toPower": to_th}}


def efficiency(miner_id: int, from_w: object, to_w: object) -> dict[str, Any]:
    return {"data": {"type": EFFICIENCY, "nftId": miner_id, "fromEnergyEfficiency": from_w, "toEnergyEfficiency": to_w}}


async def post_payments(api: Api, **fields: object) -> Any:
    return answered(await api.server.call("s2s_post_payments", **fields))
