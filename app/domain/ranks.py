"""Fractional-index strings: between any two ranks there is always another one.

A rank is an integer and a fraction, in base 62 with digits in byte order (COLLATE "C"). The integer's first
letter tells its length, so that longer integers sort after shorter ones: a0 … az, b00 … bzz, c000 …; and
before them Zz … Z0, Yzz …, for what comes before the first. A fraction never ends in 0.
After David Greenspan, "Implementing Fractional Indexing" (2020).
"""

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
BASE = len(DIGITS)
SMALLEST_INTEGER = "A" + "0" * 26


def of_number(number: int) -> str:
    """The rank that a project's task gets with its number: after those of all smaller numbers.

    Every rank of a project stays below that of its next number, so a new task's rank needs no look at others.
    """
    head, size = "a", 1
    while number >= BASE**size:
        number -= BASE**size
        head, size = chr(ord(head) + 1), size + 1
    digits = []
    for _ in range(size):
        number, digit = divmod(number, BASE)
        digits.append(DIGITS[digit])
    return head + "".join(reversed(digits))


def between(lower: str | None, upper: str) -> str:
    """A short rank strictly between two; without `lower` before `upper`.

    Raises ValueError unless lower < upper.
    """
    if lower is not None and lower >= upper:
        raise ValueError(f"no rank lies between {lower} and {upper}")
    upper_integer, upper_fraction = _split(upper)
    if lower is None:
        return _before(upper_integer, upper_fraction)
    integer, fraction = _split(lower)
    if integer == upper_integer:
        return integer + _midpoint(fraction, upper_fraction)
    following = _increment(integer)
    return following if following < upper else integer + _midpoint(fraction, None)


def spread(lower: str | None, upper: str, count: int) -> list[str]:
    """`count` ranks in order, evenly between two."""
    if count == 0:
        return []
    middle = between(lower, upper)
    left = count // 2
    return [*spread(lower, middle, left), middle, *spread(middle, upper, count - left - 1)]


def _split(rank: str) -> tuple[str, str]:
    head = rank[0]
    size = ord(head) - ord("a") + 2 if head >= "a" else ord("Z") - ord(head) + 2
    return rank[:size], rank[size:]


def _before(integer: str, fraction: str) -> str:
    if fraction and integer != SMALLEST_INTEGER:
        return integer
    if integer == SMALLEST_INTEGER:
        return integer + _midpoint("", fraction)
    return _decrement(integer)


def _increment(integer: str) -> str:
    head, digits = integer[0], integer[1:]
    kept = digits.rstrip(DIGITS[-1])
    if kept:
        return head + kept[:-1] + DIGITS[DIGITS.index(kept[-1]) + 1] + DIGITS[0] * (len(digits) - len(kept))
    if head == "Z":
        return "a" + DIGITS[0]
    size = len(digits) + (1 if head >= "a" else -1)
    return chr(ord(head) + 1) + DIGITS[0] * size


def _decrement(integer: str) -> str:
    head, digits = integer[0], integer[1:]
    kept = digits.rstrip(DIGITS[0])
    if kept:
        return head + kept[:-1] + DIGITS[DIGITS.index(kept[-1]) - 1] + DIGITS[-1] * (len(digits) - len(kept))
    if head == "a":
        return "Z" + DIGITS[-1]
    size = len(digits) + (-1 if head > "a" else 1)
    return chr(ord(head) - 1) + DIGITS[-1] * size


def _midpoint(lower: str, upper: str | None) -> str:
    """A fraction strictly between two; `upper` None stands for 1."""
    shared = 0
    if upper is not None:
        while (lower[shared : shared + 1] or DIGITS[0]) == upper[shared]:
            shared += 1
        if shared:
            return upper[:shared] + _midpoint(lower[shared:], upper[shared:])
    low = DIGITS.index(lower[0]) if lower else 0
    high = DIGITS.index(upper[0]) if upper is not None else BASE
    if high - low > 1:
        return DIGITS[(low + high + 1) // 2]
    if upper is not None and len(upper) > 1:
        return upper[0]
    return DIGITS[low] + _midpoint(lower[1:], None)
