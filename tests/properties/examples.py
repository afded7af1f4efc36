"""How many examples a property is tried with."""

from __future__ import annotations

import os


def examples(number: int) -> int:
    """The number to try: `number` in a normal run, $LAUREL_EXAMPLES where it is set."""
    return int(os.environ.get("LAUREL_EXAMPLES") or number)
