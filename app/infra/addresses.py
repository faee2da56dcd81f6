from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Final

UNKNOWN: Final = "unknown"


@lru_cache(maxsize=10_000)
def network_of(address: str) -> str:
    """What a client's address is counted as: itself, of IPv6 the /64 network, as a host has 2^64 addresses.

    What is no address counts as one: else whoever can write it has as many as they like.
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return UNKNOWN
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return f"{IPv6Address(int(parsed) >> 64 << 64)}/64"
    return str(parsed)
