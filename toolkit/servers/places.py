"""Where an embedded server keeps its data and its socket.

`.dbtool/data` holds the data. For root, whose servers run as `nobody`, it is a link to the state folder (see
toolkit.servers.account) when `nobody` cannot enter the project. What such a link leads to belongs to the
folder with the link: a copy of the project gets data of its own, and what a removed project left is discarded
when its path is used again.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path

from toolkit.errors import DbtoolError
from toolkit.servers.account import Account, can_enter, state_dir

SOCKETS = Path("/tmp")  # noqa: S108  a socket's path is limited to 107 bytes; each folder below is private
DRAFT = "data.new-"


def find_data(home: Path) -> Path | None:
    """The real data folder of the server in `home`; None when it has none yet."""
    link = home / "data"
    if not link.is_symlink():
        return link.resolve() if link.exists() else None
    data = link.resolve()
    owner = _read_owner(data)
    if owner is not None and owner != home and (owner / "data").is_symlink() and owner.exists():
        return None  # this project is a copy of the one that the data belongs to
    return data if data.exists() else None


def make_place(home: Path, account: Account | None, stop: Callable[[Path], object]) -> Path:
    """Where the data of a new server in `home` is to be made, `home/data` or a link to that place.

    `stop` ends the server of a folder that is about to be discarded.
    """
    link = home / "data"
    if link.is_symlink():
        link.unlink()
    if link.exists() or account is None or can_enter(home, account):
        return link.resolve()
    place = state_dir() / f"project-{_digest(home.resolve())}"
    data = place / "data"
    if data.exists():  # of an earlier folder with this path, which was removed
        stop(data)
        shutil.rmtree(data)
    place.mkdir(exist_ok=True)
    link.symlink_to(data)
    claim(home, data)
    return data


def make_draft(data: Path) -> Path:
    """A new folder beside `data` to make it in; the initdb of a killed dbtool may still write to its own."""
    return Path(tempfile.mkdtemp(prefix=DRAFT, dir=data.parent))


def remove_drafts(data: Path) -> None:
    """Remove what killed runs left of folders in the making."""
    for draft in data.parent.glob(f"{DRAFT}*"):
        shutil.rmtree(draft, ignore_errors=True)


def claim(home: Path, data: Path) -> None:
    """Note beside data in the state folder whose it is; the project may have been moved since."""
    if (home / "data").is_symlink():
        (data.parent / "home").write_text(str(home), encoding="utf-8")


def remove(home: Path, data: Path) -> None:
    """Remove a stopped server's data. Raises DbtoolError when something is left."""
    link = home / "data"
    if link.is_symlink():
        shutil.rmtree(data.parent, ignore_errors=True)
        link.unlink()
    remove_drafts(data)
    shutil.rmtree(data, ignore_errors=True)
    if data.exists():
        raise DbtoolError(f"could not remove all of {data}", hint="it may belong to another user")


def socket_folder(data: Path, uid: int) -> Path:
    """The socket's folder: always the same for this data, unless another user has taken the name."""
    name = f"dbtool-{_digest(data)}"
    for folder in (SOCKETS / name, *(SOCKETS / f"{name}-{number}" for number in range(1, 10))):
        try:
            found = folder.lstat()
        except FileNotFoundError:
            return folder
        if stat.S_ISDIR(found.st_mode) and found.st_uid == uid:
            return folder
    raise DbtoolError(f"other users have taken every name for the server's socket, such as {SOCKETS / name}")


def _read_owner(data: Path) -> Path | None:
    try:
        return Path((data.parent / "home").read_text(encoding="utf-8"))
    except OSError:
        return None


def _digest(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:12]
