"""The programs on the pages of docs/calling: the blocks of a section, or of a page, and what they print."""

from __future__ import annotations

import re
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "docs/calling"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def program(page: str, language: str, section: str | None = None) -> tuple[str, str]:
    """The blocks of a page, or a section, in a language, one after the other; and those of the console."""
    text = (FOLDER / page).read_text(encoding="utf-8")
    if section is not None:
        text = re.split(r"^## ", text.split(f"\n## {section}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]
    blocks = BLOCK.findall(text)
    code = "\n".join(body for name, body in blocks if name == language)
    return code, "".join(body for name, body in blocks if name == "console")
