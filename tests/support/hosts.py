"""Hosts of a test: network namespaces with a cable each into one switch, which can be pulled out.

They are made in a user namespace of the test's own, so nobody has to be root. Programs run there as a user who is not
root either, which PostgreSQL wants. As a program it is the relay through which a test calls what listens in there.
"""

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from hashrail.postgres import binaries, tether
from tests.support import patience
from tests.support.databases import can_connect
from tests.support.folders import ROOT
from tests.support.patience import wait_until
from tests.support.programs import clean_environment

NETWORK = "10.77.0"
SOMEBODY = "1000"
DATABASE_PORT = 5432
RELAY_BYTES = 65536
SETTING = re.compile(r"^([a-z_]+) = (\S+)$", re.M)
HOW = "tests on several hosts need unshare, nsenter and ip (apt-get install util-linux iproute2), and user namespaces"


@dataclass
class Space:
    """A network namespace, which lives as long as its keeper."""

    keeper: "subprocess.Popen[bytes]"

    def enters(self) -> list[str]:
        """The words before a command that runs in it, as root of the test's own user namespace."""
        return ["nsenter", f"--target={self.keeper.pid}", "--user", "--net", "--preserve-credentials"]

    def do(self, command: str) -> None:
        """A command of `ip` in it."""
        subprocess.run([*self.enters(), "ip", *command.split()], check=True, capture_output=True)


@dataclass
class Host:
    """A machine with one address; `cable` is what its port at the switch is called."""

    name: str
    address: str
    cable: str
    space: Space
    switch: Space

    def command(self, *words: str) -> list[str]:
        """A program on it, as somebody, that ends with the test."""
        own = ["unshare", "--user", f"--map-user={SOMEBODY}", f"--map-group={SOMEBODY}"]
        facts = [str(os.getpid()), SOMEBODY, SOMEBODY, str(int(signal.SIGKILL))]
        return [*self.space.enters(), *own, sys.executable, "-I", "-S", tether.__file__, *facts, *words]

    def run(self, *words: str) -> None:
        """A program to its end."""
        subprocess.run(self.command(*words), check=True, capture_output=True, timeout=patience.SECONDS)

    @contextmanager
    def running(self, log: Path, *words: str, **environment: str) -> Iterator["subprocess.Popen[bytes]"]:
        """A program that goes on until the block ends; what it says goes to a file."""
        with log.open("ab") as output:
            process = subprocess.Popen(
                self.command(*words),
                cwd=ROOT,
                env=clean_environment(PYTHONPATH=os.pathsep.join(sys.path), **environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def cut_off(self) -> None:
        """Pull the cable: what is sent to it or by it is gone, and nobody is told."""
        self.switch.do(f"link set {self.cable} nomaster")

    def plug_in(self) -> None:
        """Put the cable back."""
        self.switch.do(f"link set {self.cable} master switch")


@contextmanager
def network(*names: str) -> Iterator[list[Host]]:
    """Hosts that reach each other, numbered from 1."""
    if not all(shutil.which(program) for program in ("unshare", "nsenter", "ip")):
        pytest.skip(HOW)
    with ExitStack() as ends:
        switch = ends.enter_context(_space("unshare", "--user", "--map-root-user", "--net"))
        switch.do("link add switch type bridge")
        switch.do("link set switch up")
        hosts = []
        for number, name in enumerate(names, 1):
            space = ends.enter_context(_space(*switch.enters(), "unshare", "--net"))
            cable, address = f"cable{number}", f"{NETWORK}.{number}"
            switch.do(f"link add {cable} type veth peer name eth0 netns {space.keeper.pid}")
            switch.do(f"link set {cable} master switch up")
            for command in (f"addr add {address}/24 dev eth0", "link set eth0 up", "link set lo up"):
                space.do(command)
            hosts.append(Host(name, address, cable, space, switch))
        yield hosts


@contextmanager
def _space(*words: str) -> Iterator[Space]:
    """What the words make is kept by a process that ends with its input, which is ours."""
    with subprocess.Popen(
        [*words, "sh", "-c", "echo; exec cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as keeper:
        assert keeper.stdout is not None
        if keeper.stdout.readline() != b"\n":
            pytest.skip(f"{HOW}: sysctl kernel.unprivileged_userns_clone=1")
        yield Space(keeper)


@contextmanager
def database_on(host: Host, folder: Path) -> Iterator[str]:
    """DSN, for the other hosts, of an empty PostgreSQL; for the test it has a socket in the folder."""
    programs, data = binaries.choose(folder / "nothing").folder, folder / "data"
    host.run(
        str(programs / "initdb"), "-D", str(data), "--username=hashrail", "--encoding=UTF8", "--locale=C", "--no-sync"
    )
    with (data / "pg_hba.conf").open("a") as file:
        file.write(f"host all all {NETWORK}.0/24 trust\n")
    settings = {"listen_addresses": host.address, "unix_socket_directories": str(folder), "fsync": "off"}
    settings |= dict(SETTING.findall((ROOT / "deploy/postgresql/many-hosts.conf").read_text()))
    words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    log = folder / "postgres.log"
    with host.running(log, str(programs / "postgres"), "-D", str(data), *words):
        wait_until(lambda: can_connect(at_socket(folder, "postgres")), log.read_text)
        yield f"postgresql://hashrail@{host.address}:{DATABASE_PORT}"


def at_socket(folder: Path, name: str) -> str:
    """How the test reaches a database of that server, wherever the cables are."""
    return f"postgresql://hashrail@/{name}?host={folder}"


@contextmanager
def relayed(host: Host, folder: Path, *targets: Host, port: int) -> Iterator[None]:
    """The test reaches a port of each host, from this host, by a socket of its name in the folder."""
    words = [f"{folder / each.name}={each.address}:{port}" for each in targets]
    with host.running(folder / "relay.log", sys.executable, "-m", "tests.support.hosts", *words):
        wait_until(lambda: all((folder / each.name).exists() for each in targets), (folder / "relay.log").read_text)
        yield


async def relay(words: list[str]) -> None:
    """Hand on what comes to each socket, for ever."""
    for word in words:
        path, _, target = word.partition("=")
        address, _, port = target.partition(":")

        async def connected(
            reader: asyncio.StreamReader, writer: asyncio.StreamWriter, address: str = address, port: int = int(port)
        ) -> None:
            try:
                there = await asyncio.open_connection(address, port)
            except OSError:
                writer.close()
                return
            ways = [asyncio.create_task(_hand_on(reader, there[1])), asyncio.create_task(_hand_on(there[0], writer))]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for each in (*ways,):
                each.cancel()
            writer.close()
            there[1].close()

        await asyncio.start_unix_server(connected, path)
    await asyncio.Event().wait()


async def _hand_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while part := await reader.read(RELAY_BYTES):
        writer.write(part)
        await writer.drain()


if __name__ == "__main__":
    asyncio.run(relay(sys.argv[1:]))
