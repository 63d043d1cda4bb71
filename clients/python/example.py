"""Lists the drones, and lands those whose battery is low: first waiting, then with asyncio.

    python example.py https://127.0.0.1:8443 KEY CA.pem
"""

import asyncio
import ssl
import sys

from mfg_drone_gateway_client import AuthenticatedClient
from mfg_drone_gateway_client.api.alerts import get_api_alerts
from mfg_drone_gateway_client.api.drones import (
    get_api_drones_status,
    post_api_drones_drone_id_land,
)
from mfg_drone_gateway_client.models import AlertList, Error, SuccessResponse

LOW_PCT = 20


def client(url: str, key: str, authority: str) -> AuthenticatedClient:
    """A client that trusts the gateway's own authority, from https://GATEWAY/trust."""
    trusted = ssl.create_default_context(cafile=authority)
    return AuthenticatedClient(
        base_url=url, token=key, prefix="", auth_header_name="X-API-Key", verify_ssl=trusted
    )


def list_drones(gateway: AuthenticatedClient) -> int:
    """Prints every drone; how many there are."""
    drones = get_api_drones_status.sync(client=gateway)
    if not isinstance(drones, list):
        raise SystemExit(f"no drones: {drones}")
    for drone in drones:
        print(f"{drone.name}: {drone.connection_status}, battery {drone.battery_level} %")
    return len(drones)


async def land_what_is_low(gateway: AuthenticatedClient) -> None:
    """Lands every flying drone whose battery is low, all at once."""
    drones = await get_api_drones_status.asyncio(client=gateway)
    low = [
        drone.drone_id
        for drone in (drones if isinstance(drones, list) else [])
        if isinstance(drone.battery_level, int) and drone.battery_level < LOW_PCT
    ]
    answers = await asyncio.gather(
        *(post_api_drones_drone_id_land.asyncio(drone, client=gateway) for drone in low)
    )
    for drone_id, answer in zip(low, answers, strict=True):
        told = answer.message if isinstance(answer, (SuccessResponse, Error)) else answer
        print(f"{drone_id}: {told}")
    alerts = await get_api_alerts.asyncio(client=gateway, unresolved_only=True)
    if isinstance(alerts, AlertList):
        print(f"{alerts.total_count} alerts stand")


def main() -> None:
    """As the module says."""
    url, key, authority = sys.argv[1:]
    count = list_drones(client(url, key, authority))
    asyncio.run(land_what_is_low(client(url, key, authority)))
    print(f"done: {count} drones")


if __name__ == "__main__":
    main()
