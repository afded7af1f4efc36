"""Starting a project: the files of `toolkit/starter/`, with the project's name in them."""

from __future__ import annotations

import re
from pathlib import Path

from ..errors import UsageProblem
from ..project.layout import PACKAGED

_STARTER = Path(__file__).resolve().parents[1] / "starter"
_TAKEN = re.compile(r"public|learn|learn_internal|information_schema|core|(pg|dbtool)(_.*)?")


def start(folder: Path, extends: str | None, name: str | None = None) -> list[Path]:
    """Writes a project into a folder; the files that were written. Overwrites nothing.

    `name` is that of its schema, its history and its seeds; else that of the folder. Raises UsageProblem for
    a name that is none, and for a folder that has one of the files.
    """
    import jinja2

    name = name or re.sub(r"\W+", "_", folder.resolve().name.lower())
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", name) or _TAKEN.fullmatch(name):
        raise UsageProblem(f"{name!r} cannot be the name of a project's schema", hint="Give another: --name.")
    root = _STARTER / (PACKAGED if extends else "plain")
    loader = jinja2.FileSystemLoader(root)
    environment = jinja2.Environment(loader=loader, undefined=jinja2.StrictUndefined, autoescape=False)  # noqa: S701
    texts = {}
    for path in sorted(root.rglob("*.j2")):
        label = path.relative_to(root).as_posix()
        text = environment.get_template(label).render(name=name).strip() + "\n"
        texts[folder / label.removesuffix(".j2").replace("NAME", name)] = text
    there = [path.relative_to(folder).as_posix() for path in texts if path.exists()]
    if there:
        raise UsageProblem(f"{folder} has {', '.join(there)}; nothing was written", hint="Name a new folder.")
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return list(texts)
