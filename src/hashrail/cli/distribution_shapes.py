"""What commands print of a database that is spread over several servers."""

from typing import Annotated

from hashrail.cli.printing import Shape, about
from hashrail.postgres.distributing import Kind


class Node(Shape, kw_only=True):
    """A server of a database that is spread over several."""

    name: Annotated[str, about("host and port, as the others reach it")]
    coordinator: Annotated[bool, about("whether programs connect to it")]
    has_shards: Annotated[bool, about("whether rows of partners may be on it")]
    answers: Annotated[bool, about("whether the coordinator reaches it now")]


class Servers(Shape, kw_only=True):
    """The servers of a database that is spread over several."""

    version: Annotated[str, about("the extension's")]
    shards: Annotated[int, about("of each table that partners own; 0: nothing is spread yet")]
    nodes: Annotated[list[Node], about("all servers, the coordinator first")]


class SpreadTable(Shape, kw_only=True):
    """A table and where its rows are."""

    name: Annotated[str, about("the table's")]
    kind: Annotated[Kind, about("spread by partner, whole on every server, or on the coordinator alone")]


class Distributed(Shape, kw_only=True):
    """What was spread over several servers, or would be."""

    done: Annotated[bool, about("false for a dry run")]
    tables: Annotated[list[SpreadTable], about("in the order in which it is done")]
    foreign_keys: Annotated[list[str], about("taken down before and made again after")]
    servers: Annotated[Servers | None, about("null: the database has no Citus")]
