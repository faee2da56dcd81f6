import resource
from contextlib import suppress


def raise_descriptor_limit() -> int | None:
    """Lets this process, and those it starts, hold as many files and connections as the system allows it.

    Returns how many, None for no limit. What starts a process often allows it far fewer, for the sake of old
    programs.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # macOS tells no limit, and has one
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if allowed == resource.RLIM_INFINITY else allowed
