from app.config import Settings

_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound to


def own_address(settings: Settings) -> tuple[str, int]:
    """Host and port at which a process of this machine reaches the server."""
    return _LOOPBACK.get(settings.app_host, settings.app_host), settings.app_port
