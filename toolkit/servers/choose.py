"""The PostgreSQL servers that dbtool runs: the embedded one of `dbtool up`, and throwaway ones for tests."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from types import MappingProxyType

from ..errors import DbtoolError, UsageProblem
from ..output import say
from .embedded import EmbeddedServer
from .throwaway import ThrowawayServer

__all__ = ["EmbeddedServer", "ThrowawayServer", "open_like", "open_throwaway"]


def default_kind() -> str:
    """A container of the newest image that Docker has, or the embedded server where none can be started."""
    from . import containers

    image = containers.newest_image() if containers.are_installed() else None
    return f"container:{image}" if image else "embedded"


def open_throwaway(
    kind: str | None, extensions: Collection[str] = ()
) -> AbstractContextManager[ThrowawayServer]:
    """A server for tests, for the length of a `with`.

    `kind` is one of
      embedded            the embedded binaries; data in memory where there is room
      stock, stock:15     the system's PostgreSQL with LLVM, as it is when nobody has configured it;
                          else, for a version, that of a container of `postgres:15`
      container           the newest `postgres:N` image that Docker has
      container:15        `postgres:15`; `container:NAME:TAG` any image that speaks like the official one
      a URL               a server that runs, reached as superuser: databases of its own names are made and
                          dropped
      None                a container where Docker has an image and testcontainers is installed, else
                          embedded; says which on stderr
    Embedded binaries that have these extensions are preferred. Raises UsageProblem for another kind,
    DbtoolError when the server cannot be had.
    """
    from . import containers, throwaway

    if kind is None:
        kind = default_kind()
        say(f"throwaway server: {kind.replace('container:', 'container of ')}", err=True)
    if kind == "embedded":
        return throwaway.embedded(extensions=extensions)
    if kind == "stock" or re.fullmatch("stock:[0-9]+", kind):
        return open_stock(int(kind[6:]) if kind[6:] else None)
    if kind == "container":
        image = containers.newest_image()
        if image is None:
            raise DbtoolError(
                "Docker does not run here or has no image postgres:18, :17, :16 or :15",
                hint="start Docker and `docker pull postgres:18`, or use --server embedded",
            )
        return containers.container(image)
    if kind.startswith("container:"):
        name = kind.partition(":")[2]
        return containers.container(f"postgres:{name}" if name.isdigit() else name)
    if "://" in kind or "=" in kind:
        return throwaway.existing(kind)
    raise UsageProblem(
        f"there is no kind of server {kind!r}",
        hint="use embedded, stock, container, container:15 or a postgresql:// URL",
    )


def open_stock(
    major: int | None, settings: Mapping[str, str] = MappingProxyType({})
) -> AbstractContextManager[ThrowawayServer]:
    """A stock server: the system's, else a container; `settings` are those that cannot be done without."""
    from . import containers, throwaway

    try:
        return throwaway.stock(major, settings)
    except DbtoolError:
        if major and containers.docker_has(f"postgres:{major}"):
            return containers.container(f"postgres:{major}", is_stock=True, settings=settings)
        raise


@contextmanager
def open_like(
    major: int, kind: str | None, extensions: Collection[str] = (), *, or_another: bool = False
) -> Iterator[ThrowawayServer]:
    """A throwaway server of the same major version as another one, whose catalog it is compared with.

    Without a `kind` it is made from programs of that version, with these extensions if some have them, or
    else in a container. Raises DbtoolError when it cannot be had, unless `or_another` version will do:
    PostgreSQL words definitions differently from version to version.
    """
    from . import containers
    from .throwaway import embedded

    if kind is not None:
        opened = open_throwaway(kind)
    elif containers.are_installed() and containers.docker_has(f"postgres:{major}"):
        opened = containers.container(f"postgres:{major}")
    else:
        try:
            opened = embedded(major, extensions)
        except DbtoolError:
            if not or_another:
                raise
            opened = open_throwaway(None, extensions=extensions)
    with opened as server:
        if server.major != major and not or_another:
            raise UsageProblem(
                f"the database is on PostgreSQL {major}, the throwaway server is {server.version}",
                hint="PostgreSQL words definitions differently from version to version: name a server of"
                f" version {major} with --server.",
            )
        yield server
