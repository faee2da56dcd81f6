from ipaddress import IPv6Address, ip_address


def network_of(address: str) -> str:
    """What a client's address is counted as: itself, of IPv6 the /64 network, as a host has 2^64 addresses.

    What is no address counts as it is written.
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return f"{IPv6Address(int(parsed) >> 64 << 64)}/64"
    return str(parsed)
