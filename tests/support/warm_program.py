"""`hashrail` without the second that it takes to import it: a process that has imported it is forked for each command.

`warm_program(folder)` is a folder for the path whose `hashrail` does this. The command has the caller's words, folder,
environment and files, and its exit code is the caller's. What goes on until it is stopped (`serve`, `worker`, `demo`)
is the program itself, since whoever is warm hears no signals that its caller gets.
"""

import gc
import json
import os
import pkgutil
import signal
import socket
import subprocess
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

from hashrail import cli
from hashrail.cli.main import app

GOING_ON = ("serve", "worker", "demo")
STARTED = b"ready"
MAX_REQUEST = 2**20

# Only what the standard library imports quickly: it is started for each command.
CLIENT = """#!{python} -SE
import json, os, socket, sys
if {{*sys.argv[1:2]}} & {{*{going_on}}}:
    os.execv({program!r}, [{program!r}, *sys.argv[1:]])
line = socket.socket(socket.AF_UNIX)
line.connect({place!r})
asked = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
socket.send_fds(line, [len(asked).to_bytes(4, "big")], [0, 1, 2])
line.sendall(asked)
code = line.recv(1)
sys.exit(code[0] if code else "the command was killed")
"""


@contextmanager
def warm_program(folder: Path, environment: dict[str, str]) -> Iterator[Path]:
    """A folder with a `hashrail` that is warm while the block runs; it is imported with this environment."""
    place, programs = folder / "warm.socket", folder / "warm"
    programs.mkdir()
    program = Path(sys.executable).parent / "hashrail"
    client = programs / "hashrail"
    words = {"python": sys.executable, "going_on": GOING_ON, "program": str(program), "place": str(place)}
    client.write_text(CLIENT.format(**words))
    client.chmod(0o755)
    command = [sys.executable, "-m", "tests.support.warm_program", str(place)]
    paths = environment | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, env=paths, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as server:
        try:
            assert server.stdout is not None
            assert server.stdout.readline().strip() == STARTED, "it does not start"
            yield programs
        finally:
            server.kill()


def serve(place: str) -> None:
    """Fork for each command that is asked for, for ever."""
    for module in pkgutil.iter_modules(cli.__path__):
        if module.name != "__main__":
            import_module(f"hashrail.cli.{module.name}")
    # Whoever is forked shares what is here, as long as it does not look through it for garbage.
    gc.collect()
    gc.freeze()
    # Nobody waits for those who are forked.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(place)
    listener.listen()
    print(STARTED.decode(), flush=True)
    while True:
        line, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            run(line)
        line.close()


def run(line: socket.socket) -> None:
    """Be the command that is asked for on the line, and tell its exit code there."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    size, files, _, _ = socket.recv_fds(line, 4, 3)
    left, asked = int.from_bytes(size, "big"), b""
    while len(asked) < left:
        asked += line.recv(MAX_REQUEST)
    words, folder, environment = json.loads(asked)
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.argv = ["hashrail", *words]
    code = 1
    try:
        app()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        # The process ends before Python would tell.
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        line.send(bytes([code]))
        os._exit(code)


if __name__ == "__main__":
    serve(sys.argv[1])
