"""How many examples a property is tried with."""

from __future__ import annotations

import os


def examples(number: int) -> int:
    """The number to try: $LAUREL_EXAMPLES where it is set, else `number` in CI and half as many elsewhere."""
    return int(os.environ.get("LAUREL_EXAMPLES") or (number if "CI" in os.environ else number // 2))
