"""What is made anew only when it was not made before."""

from collections.abc import Callable, Sized
from functools import lru_cache
from typing import Generic, ParamSpec, TypeVar, cast

P = ParamSpec("P")
T = TypeVar("T")

KEPT = 1_000


class Remembered(Generic[P, T]):
    """A function that remembers what it has made last. `most`: by their places, how long arguments may be."""

    def __init__(self, make: Callable[P, T], most: tuple[tuple[int, int], ...]) -> None:
        remembered = lru_cache(maxsize=KEPT)(make)
        self._make = make
        self._remembered = cast(Callable[P, T], remembered)
        self._most = most
        self.cache_clear = remembered.cache_clear

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        for place, most in self._most:
            if len(cast(Sized, args[place])) > most:
                return self._make(*args, **kwargs)
        return self._remembered(*args, **kwargs)


def remembered(*most: tuple[int, int]) -> Callable[[Callable[P, T]], Remembered[P, T]]:
    """`@remembered((0, 4_000))`: unless the first argument, which is then positional, is longer than that."""
    return lambda make: Remembered(make, most)
