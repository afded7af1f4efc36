"""Throwaway servers in Docker containers, through testcontainers; and what Docker has, in milliseconds."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING
from urllib.parse import quote

from ..connection import SUPERUSER, own_server
from ..errors import DbtoolError
from ..sql.outside import NOWHERE
from .throwaway import ENVIRONMENT, SETTINGS, ThrowawayServer, roomy_memory

if TYPE_CHECKING:
    from testcontainers.core.container import DockerContainer

NEWEST_FIRST = (18, 17, 16, 15)
PROBE_TIMEOUT_SECONDS = 2.0  # a busy machine is none without Docker
DATA = "/pgdata"
# Programs that are run in the container, such as the probe whether it is ready, do connect.
START = f'PGHOSTADDR={NOWHERE} exec "$0" "$@"'
DEFAULT_HOST = "unix:///var/run/docker.sock"
# Removes a container when its standard input ends, that is when the process that holds the other end does.
WATCHDOG = """
import socket, sys
address, container = sys.argv[1:]
sys.stdin.read()
if address.startswith("unix://"):
    docker = socket.socket(socket.AF_UNIX)
    docker.connect(address[7:])
else:
    host, port = address[6:].rsplit(":", 1)
    docker = socket.create_connection((host, int(port)))
docker.sendall(f"DELETE /containers/{container}?force=1&v=1 HTTP/1.0\\r\\nHost: docker\\r\\n\\r\\n".encode())
docker.recv(64)
"""


def are_installed() -> bool:
    """Whether testcontainers is there to start one: it comes with the extra `test`, not with dbtool."""
    return importlib.util.find_spec("testcontainers") is not None


def docker_has(image: str) -> bool:
    """Whether Docker runs and has the image, in milliseconds; False when it does not answer in two seconds.

    Only a Unix socket and plain TCP can be asked; for another $DOCKER_HOST (ssh, TLS) the answer is False.
    """
    return _ask_for(image) == "200"


def newest_image() -> str | None:
    """The newest `postgres:N` that Docker has, or None; a Docker that does not answer is asked once."""
    for number in NEWEST_FIRST:
        answer = _ask_for(f"postgres:{number}")
        if answer == "200":
            return f"postgres:{number}"
        if not answer:
            break
    return None


def _ask_for(image: str) -> str:
    """The status of Docker's answer when asked for an image, such as 200 or 404; empty without an answer."""
    address = _docker_address()
    if address is None:
        return ""
    try:
        with _dial(address) as docker:
            path = f"/images/{quote(image, safe=':/@')}/json"
            docker.sendall(f"GET {path} HTTP/1.0\r\nHost: docker\r\n\r\n".encode())
            return docker.recv(32).decode("ascii", "replace").partition(" ")[2][:3]
    except (OSError, ValueError):
        return ""


@contextlib.contextmanager
def container(
    image: str, *, is_stock: bool = False, settings: Mapping[str, str] = SETTINGS
) -> Iterator[ThrowawayServer]:
    """A server from an image like the official `postgres`; the container is removed afterwards in any case.

    `is_stock`: as the image has it, on Docker's disk, with no `settings` but those given. Raises DbtoolError
    when testcontainers is not installed, or Docker cannot run the image.
    """
    try:
        from testcontainers.community.postgres import PostgresContainer
        from testcontainers.core.config import testcontainers_config
    except ImportError as error:
        raise DbtoolError(
            "containers need the package testcontainers", hint="pip install 'laurel-dbtool[test]'"
        ) from error
    from docker.errors import DockerException

    # Its own reaper is one more image to pull, and hangs where there is no registry. The watchdog does its
    # work.
    address = _docker_address()
    if address is not None and "TESTCONTAINERS_RYUK_DISABLED" not in os.environ:
        testcontainers_config.ryuk_disabled = not docker_has(testcontainers_config.ryuk_image)
    name = f"dbtool-{secrets.token_hex(6)}"
    box = (
        PostgresContainer(
            image, username=SUPERUSER, password=secrets.token_hex(16), dbname="postgres", driver=None
        )
        .with_name(name)
        .with_env("PGDATA", DATA)
    )
    words = [word for pair in settings.items() for word in ("-c", "=".join(pair))]
    box = box.with_command(["postgres", *words]).with_kwargs(
        shm_size="256m", labels={"dbtool": "throwaway"}, entrypoint=["sh", "-c", START, *_entrypoint(image)]
    )
    if not is_stock:
        box = box.with_env("POSTGRES_INITDB_ARGS", "--encoding=UTF8 --locale=C.UTF-8 --no-sync").with_envs(
            **ENVIRONMENT
        )
        if roomy_memory():
            box = box.with_tmpfs_mount(DATA, "size=4g")
    dog = _watch(address, name) if address else None
    try:
        try:
            box.start()
        except (DockerException, OSError, RuntimeError, TimeoutError) as error:
            raise DbtoolError(
                f"Docker could not run {image}",
                detail=f"{error}\n{_last_words(box)}".strip(),
                hint="--server embedded needs no Docker",
            ) from error
        with ThrowawayServer(own_server(box.get_connection_url()), f"container of {image}") as server:
            kind = "stock PostgreSQL" if is_stock else "PostgreSQL"
            server.description = f"{kind} {server.version} in a container of {image}"
            if is_stock:
                server.refuse_without_jit()
            yield server
    finally:
        with contextlib.suppress(DockerException):
            box.stop()
        if dog is not None and dog.stdin is not None:
            dog.stdin.close()
            dog.wait(20)


def _entrypoint(image: str) -> list[str]:
    """The program with which an image starts; the official one's where it is not here yet."""
    import docker
    from docker.errors import DockerException

    with contextlib.suppress(DockerException):
        found: list[str] | None = docker.from_env().images.get(image).attrs["Config"]["Entrypoint"]
        return found or ["/usr/bin/env"]
    return ["docker-entrypoint.sh"]


def _docker_address() -> str | None:
    """Docker's address when plain HTTP can be spoken to it: a Unix socket, or TCP without TLS."""
    address = os.environ.get("DOCKER_HOST") or DEFAULT_HOST
    if address.startswith("unix://"):
        return address
    plain = address.startswith("tcp://") and not os.environ.get("DOCKER_TLS_VERIFY")
    return address if plain else None


def _dial(address: str) -> socket.socket:
    """A connection to Docker with two seconds for each step."""
    if address.startswith("unix://"):
        docker = socket.socket(socket.AF_UNIX)
        docker.settimeout(PROBE_TIMEOUT_SECONDS)
        try:
            docker.connect(address[len("unix://") :])
        except OSError:
            docker.close()
            raise
        return docker
    host, _, port = address[len("tcp://") :].rstrip("/").rpartition(":")
    return socket.create_connection((host, int(port)), PROBE_TIMEOUT_SECONDS)


def _watch(address: str, name: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", WATCHDOG, address, name],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _last_words(box: DockerContainer) -> str:
    """What the container said before it failed; empty when it never ran."""
    try:
        said = b"".join(box.get_logs()).decode("utf-8", "replace")
    except Exception:  # testcontainers raises many kinds here, and this only adds to another error
        return ""
    return "\n".join(said.splitlines()[-8:])
