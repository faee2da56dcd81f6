from typing import TypeVar

import strawberry

T = TypeVar("T")


def none_if_left_out(value: T | None) -> T | None:
    """For arguments that mean the same when they are null and when they are left out."""
    return None if value is strawberry.UNSET else value
