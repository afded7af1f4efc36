"""How hypothesis runs here: the same examples every time, or as many random ones as $LAUREL_EXAMPLES says."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, settings

# The fixtures roll each example back themselves, so that sharing them between examples is sound.
_ALWAYS = settings(
    deadline=None,
    database=None,
    print_blob=True,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
    ],
)
settings.register_profile("reproducible", _ALWAYS, derandomize=True)
settings.register_profile("thorough", _ALWAYS, derandomize=False)
settings.load_profile("thorough" if "LAUREL_EXAMPLES" in os.environ else "reproducible")
