"""A program for test_embedded_postgres.py: `crash_writer.py own DATA` or `crash_writer.py write DATA FILE WRITERS`.

`own` enters the folder, prints whether it owns the server and how to connect, and leaves when its input ends.
`write` inserts rows, each in a transaction of its own, and appends an id to FILE once its commit was acknowledged;
every writer goes on until its connection breaks.
"""

import itertools
import json
import os
import sys
import threading
from pathlib import Path

import psycopg

from hashrail.postgres.server import EmbeddedPostgres


def write(dsn: str, acknowledged: int, writer: int) -> None:
    """Insert the ids of `writer` until the connection breaks; one line goes to `acknowledged` after each commit."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        for number in itertools.count():
            row = f"{writer}-{number}"
            try:
                connection.execute("INSERT INTO crash (id) VALUES (%s)", [row])
            except psycopg.OperationalError:
                return
            os.write(acknowledged, f"{row}\n".encode())


def main(mode: str, data_dir: Path, rest: list[str]) -> None:
    """Do what the module's docstring says."""
    with EmbeddedPostgres(data_dir) as server:
        sys.stdout.write(json.dumps({"owner": server.owner, "dsn": server.dsn}) + "\n")
        sys.stdout.flush()
        if mode == "own":
            sys.stdin.read()
            return
        acknowledged = os.open(rest[0], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        writers = [threading.Thread(target=write, args=(server.dsn, acknowledged, n)) for n in range(int(rest[1]))]
        for thread in writers:
            thread.start()
        for thread in writers:
            thread.join()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])
