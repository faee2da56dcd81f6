"""How faults are planted: by replacing something of the engine, in this process and for one test."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

Plant = Callable[[pytest.MonkeyPatch], None]
Faults = dict[str, Plant]


def fault(faults: Faults, name: str) -> Callable[[Plant], Plant]:
    """Keeps the decorated function among `faults`."""

    def keep(plant: Plant) -> Plant:
        faults[name] = plant
        return plant

    return keep


def around(patch: pytest.MonkeyPatch, owner: Any, name: str, change: Callable[..., Any]) -> None:
    """`change` gets what was there, then its arguments."""
    patch.setattr(owner, name, partial(change, getattr(owner, name)))


def around_method(patch: pytest.MonkeyPatch, owner: type, name: str, change: Callable[..., Any]) -> None:
    original = getattr(owner, name)

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return change(original, self, *args, **kwargs)

    patch.setattr(owner, name, method)
