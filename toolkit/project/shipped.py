"""Whether a migration that a release has was edited since: they are immutable.

A project says with `released` which migration was released last: then the texts count that its files had when
it said so first. Without, the releases from 1.0.0 on count that CHANGELOG.md names.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator

from ..configuration import OWN_FILE, SHARED_FILE
from ..errors import Finding
from .layout import RELEASED, SCHEMA_ID, Project, read_sql, released_number, squashed_through

_RELEASE = re.compile(r"^##\s+\[?v?(?P<version>(?P<major>\d+)\.\d+\.\d+)\]?(?=[\s:]|$)", re.MULTILINE)
_FROZEN = re.compile(r"(?:schema|migrations/migration(?P<number>[0-9]+)(?:[_-].*)?)(?<!\.rollback)\.sql")
_FIRST_FROZEN = 1
"""The major version from which shipped migrations may no longer be regrouped."""


def edited(project: Project) -> Iterator[Finding]:
    """Scripts that differ from, or are gone since, the first release that has them.

    A release is the commit of its tag (v1.2.0 or 1.2.0), or, without one, the commit that wrote its heading.
    Finds nothing outside a git checkout.
    """
    for version in _versions(project) if project.released is None else ():
        if _commit_of(project, version) is None and _is_shallow(project):
            message = f"cannot compare with release {version}: this checkout is shallow and has no tag of it"
            yield Finding("shipped", "CHANGELOG.md", None, None, message)
    through = squashed_through(project.scripts()[0])
    for name, (version, blob) in released(project).items():
        path = project.root / name
        match = _FROZEN.fullmatch(name)
        if through and match and int(match["number"] or 0) <= through:
            continue  # `dbtool squash` has put it into schema.sql: a database knows it by its checksum
        if not path.is_file():
            yield Finding("shipped", name, None, None, f"was shipped with {version} and is gone")
        elif read_sql(path) != _normalised(_git(project, "cat-file", "blob", blob)):
            message = f"was shipped with {version} and has been edited since: write a new migration instead"
            yield Finding("shipped", name, None, None, message)


def released(project: Project) -> dict[str, tuple[str, str]]:
    """The scripts that a release has: the first one, in words, that had each, and git's name of its text."""
    found: dict[str, tuple[str, str]] = {}
    for label, commit, newest in _releases(project):
        for entry in (_git(project, "ls-tree", "-r", commit) or "").splitlines():
            facts, name = entry.split("\t", 1)
            match = _FROZEN.fullmatch(name)
            if match and (newest is None or int(match["number"] or 0) <= newest):
                found.setdefault(name, (label, facts.split()[2]))
    return found


def _releases(project: Project) -> Iterator[tuple[str, str, int | None]]:
    """Each release: in words, its commit, and the number of its last migration, None for all that it has."""
    if project.released is None:
        for version in _versions(project):
            commit = _commit_of(project, version)
            if commit:
                yield version, commit, None
        return
    newest = -1
    history = ("log", "--reverse", "--format=%H", f"-G^{RELEASED}\\b", "--", OWN_FILE, SHARED_FILE)
    for commit in (_git(project, *history) or "").split():
        texts = [_git(project, "show", f"{commit}:./{name}") for name in (OWN_FILE, SHARED_FILE)]
        said = [released_number(text) for text in texts if text]
        number = max((each for each in said if each is not None), default=-1)
        if newest < number <= project.released:
            newest = number
            yield f"released = {number or SCHEMA_ID}", commit, number


def _versions(project: Project) -> list[str]:
    """The released versions that CHANGELOG.md names, oldest first."""
    changelog = project.root / "CHANGELOG.md"
    if not changelog.is_file():
        return []
    versions = [
        match["version"]
        for match in _RELEASE.finditer(changelog.read_text(encoding="utf-8"))
        if int(match["major"]) >= _FIRST_FROZEN
    ]
    return sorted(versions, key=lambda text: [int(part) for part in text.split(".")])


def _commit_of(project: Project, version: str) -> str | None:
    for tag in (f"v{version}", version):
        commit = _git(project, "rev-parse", "--verify", "--quiet", f"refs/tags/{tag}^{{commit}}")
        if commit:
            return commit.strip()
    if _is_shallow(project):
        return None  # its oldest commit seems to have written everything
    heading = f"-G^##.*[^0-9.]{re.escape(version)}([^0-9.]|$)"
    commits = (_git(project, "log", "--format=%H", heading, "--", "CHANGELOG.md") or "").split()
    return commits[-1] if commits else None


def _is_shallow(project: Project) -> bool:
    return (_git(project, "rev-parse", "--is-shallow-repository") or "").strip() == "true"


def _normalised(text: str | None) -> str | None:
    return text and text.removeprefix("\ufeff").replace("\r\n", "\n")


def _git(project: Project, *arguments: str) -> str | None:
    """What git prints, None when it fails or is not there."""
    try:
        done = subprocess.run(
            ["git", "-c", "core.quotePath=false", *arguments],
            cwd=project.root,
            capture_output=True,
            check=False,
        )
    except OSError:
        return None
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else None
