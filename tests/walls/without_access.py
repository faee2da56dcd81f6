"""`taskflow` with one access predicate deleted, which WITHOUT_ACCESS names by its model: a fault, planted.

The processes that it spawns import this module too, before anything else of the app.
"""

import os
import re
import sys

from app.cli import main
from app.domain import access


def delete_predicate(model_name: str) -> None:
    """Raises ValueError when no predicate is about that model."""
    [model] = [model for model in access.PREDICATES if model.__name__ == model_name]
    access.PREDICATES[model] = _everything
    setattr(access, re.sub("(?<!^)(?=[A-Z])", "_", model_name).lower(), _everything)


def _everything(_alias: str) -> str:
    return "TRUE"


delete_predicate(os.environ["WITHOUT_ACCESS"])
if __name__ == "__main__":
    sys.exit(main())
