"""The rules of one product alone, in the transaction of a test."""

from __future__ import annotations

from pathlib import Path

from tests.client import Learn
from toolkit.history.seeds import plan
from toolkit.project.layout import Project

ROOT = Path(__file__).resolve().parents[2]


def load(learn: Learn, system: str, *, demo: bool = False) -> None:
    """Loads the seeds of a product, and takes the badges of the others away."""
    learn.connection.execute("update learn.achievements set is_active = false where system <> %s", [system])
    load_again(learn, system, demo=demo)


def load_again(learn: Learn, system: str, *, demo: bool = False) -> None:
    """Loads the seeds of a product."""
    for seeds in plan(Project.find(ROOT), [system], demo=demo):
        if seeds.system == system:
            for path in seeds.files:
                learn.connection.execute(path.read_bytes())
