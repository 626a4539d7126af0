"""Spreading the schema over several servers with Citus: what there is to do, and doing it.

Owned tables are spread by their partner and lie together, so that all rows of a partner are on one server; global ones
are whole on every server or on the coordinator (`table_kinds`). Foreign keys that are in the way are taken down before
and made again after, all in one transaction: a partner's rows are never without them.

Tables on the coordinator are made known to Citus as well. It then commits what a transaction wrote there and on another
server in two phases, and not one after the other.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal, TypeAlias

from hashrail import db
from hashrail.errors import ConflictError, UnavailableError
from hashrail.postgres import table_kinds

Kind: TypeAlias = Literal["owned", "reference", "local"]
KINDS: tuple[Kind, ...] = ("reference", "local", "owned")
KEY = "partner_id"
DEFAULT_SHARDS, MOST_SHARDS = 32, 1024
# Rows are copied to their servers, which takes as long as it takes.
STATEMENT_SECONDS = 24 * 60 * 60

_EXTENSION = "SELECT extversion FROM pg_extension WHERE extname = 'citus'"
# Tables of ours with whether their primary key names a partner; the migrations' runner keeps its own.
_TABLES = r"""
    SELECT c.relname::text AS name, EXISTS (
               SELECT 1 FROM pg_index i JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey)
               WHERE i.indrelid = c.oid AND i.indisprimary AND a.attname = 'partner_id') AS owned
    FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname NOT LIKE '%yoyo\_%'
      AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
    ORDER BY c.relname"""
_KNOWN = """
    SELECT c.relname::text AS name,
           CASE WHEN p.partmethod = 'h' THEN 'owned' WHEN p.repmodel = 't' THEN 'reference' ELSE 'local' END AS kind
    FROM pg_dist_partition p JOIN pg_class c ON c.oid = p.logicalrelid
    WHERE c.relnamespace = 'public'::regnamespace"""
# Shards are tables as well.
_PARTS = "SELECT relname::text AS name FROM pg_class WHERE relkind = 'r' AND relation_is_a_known_shard(oid)"
_FOREIGN_KEYS = """
    SELECT r.conname::text AS name, c.relname::text AS source, f.relname::text AS target,
           pg_get_constraintdef(r.oid) AS definition
    FROM pg_constraint r JOIN pg_class c ON c.oid = r.conrelid JOIN pg_class f ON f.oid = r.confrelid
    WHERE r.contype = 'f' AND r.connamespace = 'public'::regnamespace
    ORDER BY c.relname, r.conname"""
_NODES = """
    SELECT nodename || ':' || nodeport AS name, groupid = 0 AS coordinator, shouldhaveshards AS has_shards
    FROM pg_dist_node WHERE noderole = 'primary' ORDER BY groupid"""
_ANSWERING = """
    SELECT nodename || ':' || nodeport AS name FROM pg_dist_node
    WHERE noderole = 'primary' AND isactive AND citus_check_connection_to_node(nodename, nodeport)"""
# What was copied stays in the table of before, unseen, and a constraint that a migration adds would judge it.
_EMPTIED = "SELECT truncate_local_data_after_distributing_table('{name}') WHERE pg_relation_size('{name}') > 0"
_SHARDS = """
    SELECT coalesce(max(shards), 0) FROM (
        SELECT count(*) AS shards FROM pg_dist_shard s JOIN pg_dist_partition p ON p.logicalrelid = s.logicalrelid
        WHERE p.partmethod = 'h' GROUP BY s.logicalrelid) counted"""


class NoCitusError(ConflictError):
    """The database has no extension that spreads tables over servers."""

    code = "NO_CITUS"
    advice = "Install Citus on every server and run CREATE EXTENSION citus in this database: docs/how-to/citus.md."


class NoNodesError(ConflictError):
    """There is no server to spread tables to, or the coordinator is not named to the others."""

    code = "NO_NODES"
    advice = "Name the servers with citus_set_coordinator_host and citus_add_node: docs/how-to/citus.md."


class NodeDownError(UnavailableError):
    """A server does not answer, and all of them have to take part."""

    code = "NODE_DOWN"
    advice = "Start the server, or take it out with citus_disable_node, and run the command again."


class ShardsDifferError(ConflictError):
    """The schema is spread already, over another number of shards."""

    code = "SHARDS_DIFFER"
    advice = "Leave --shards out. To change the number, use alter_distributed_table of Citus."


@dataclass(frozen=True, slots=True)
class Node:
    """A server: whether partners' rows may be on it, and whether the coordinator reaches it."""

    name: str
    coordinator: bool
    has_shards: bool
    answers: bool


@dataclass(frozen=True, slots=True)
class Cluster:
    """The servers and how many shards an owned table has; 0 before anything is spread."""

    version: str
    nodes: tuple[Node, ...]
    shards: int

    def silent(self) -> list[Node]:
        """Servers that do not answer."""
        return [node for node in self.nodes if not node.answers]


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A foreign key between two tables, as the catalogue tells it."""

    name: str
    source: str
    target: str
    definition: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What there is to do: the tables by their kinds, and the foreign keys in the way. Empty when all is done."""

    shards: int
    tables: tuple[tuple[str, Kind], ...]
    foreign_keys: tuple[ForeignKey, ...]
    # An owned table that is spread already, whose shards the others join.
    beside: str | None

    def of(self, kind: Kind) -> list[str]:
        """The tables of one kind that are to be done."""
        return [name for name, its_kind in self.tables if its_kind == kind]

    def statements(self) -> Iterator[tuple[str, str]]:
        """(what it is about, SQL), in order."""
        for key in self.foreign_keys:
            yield key.name, f'ALTER TABLE "{key.source}" DROP CONSTRAINT "{key.name}"'
        beside = self.beside
        for name, kind in self.tables:
            if kind == "reference":
                yield name, f"SELECT create_reference_table('{name}')"
            elif kind == "local":
                yield name, f"SELECT citus_add_local_table_to_metadata('{name}')"
            elif beside is None:
                yield name, f"SELECT create_distributed_table('{name}', '{KEY}', shard_count := {self.shards})"
                beside = name
            else:
                yield name, f"SELECT create_distributed_table('{name}', '{KEY}', colocate_with := '{beside}')"
        for name, kind in self.tables:
            if kind != "local":
                yield name, _EMPTIED.format(name=name)
        for key in self.foreign_keys:
            yield key.name, f'ALTER TABLE "{key.source}" ADD CONSTRAINT "{key.name}" {key.definition}'


async def version(reader: db.Reader) -> str | None:
    """The version of the extension, or None where the database has none."""
    found: str | None = await reader.fetchval(_EXTENSION)
    return found


async def is_distributed(reader: db.Reader) -> bool:
    """Whether partners' rows are spread over servers."""
    if await version(reader) is None:
        return False
    return bool(await reader.fetchval("SELECT EXISTS (SELECT 1 FROM pg_dist_partition WHERE partmethod = 'h')"))


async def plan(reader: db.Reader, shards: int | None = None) -> Plan:
    """What there is to do, with or without the extension. Raises ShardsDifferError."""
    known: dict[str, Kind] = {}
    parts: set[str] = set()
    now = 0
    if await version(reader) is not None:
        parts = {row["name"] for row in await reader.fetch(_PARTS)}
        known = {row["name"]: row["kind"] for row in await reader.fetch(_KNOWN)}
        now = await count_shards(reader)
    if now and shards not in (None, now):
        raise ShardsDifferError(f"the schema is spread over {now} shards, not {shards}")
    found = [(row["name"], row["owned"]) for row in await reader.fetch(_TABLES) if row["name"] not in parts]
    wanted = [(name, kind_of(name, is_owned=owned)) for name, owned in found]
    todo = [(name, kind) for name, kind in wanted if kind is not None and known.get(name) != kind]
    tables = tuple(sorted(todo, key=lambda one: (KINDS.index(one[1]), one[0])))
    touched = {name for name, _ in tables}
    keys = tuple(
        db.record(ForeignKey, row)
        for row in await reader.fetch(_FOREIGN_KEYS)
        if row["source"] in touched or row["target"] in touched
    )
    beside = next((name for name, kind in wanted if kind == known.get(name) == "owned"), None)
    return Plan(now or shards or DEFAULT_SHARDS, tables, keys, beside)


def kind_of(name: str, *, is_owned: bool) -> Kind | None:
    """The kind of a table; None for one that Citus is not told of, or that is not of this program."""
    if name in table_kinds.REFERENCE:
        return "reference"
    if name in table_kinds.LOCAL:
        return "local"
    return "owned" if is_owned and name not in table_kinds.APART else None


async def cluster(reader: db.Reader) -> Cluster:
    """The servers, each asked whether it answers, and the shards. Raises NoCitusError."""
    its_version = await version(reader)
    if its_version is None:
        raise NoCitusError("the database has no Citus")
    answering = {row["name"] for row in await reader.fetch(_ANSWERING)}
    nodes = tuple(
        Node(row["name"], row["coordinator"], row["has_shards"], row["name"] in answering)
        for row in await reader.fetch(_NODES)
    )
    return Cluster(its_version, nodes, await count_shards(reader))


async def count_nodes(reader: db.Reader) -> int:
    """How many servers there are, whether they answer or not."""
    return len(await reader.fetch(_NODES))


async def count_shards(reader: db.Reader) -> int:
    """How many shards an owned table has; 0 before anything is spread."""
    found: int = await reader.fetchval(_SHARDS)
    return found


async def count_answering(reader: db.Reader, seconds: float) -> int:
    """How many servers the coordinator reaches. Raises TimeoutError where one takes longer to say nothing."""
    return len(await reader.fetch(_ANSWERING, timeout=seconds))


async def find(reader: db.Reader) -> Cluster | None:
    """The servers as `cluster` tells them, or None where the database is on one."""
    return await cluster(reader) if await is_distributed(reader) else None


async def assert_ready(reader: db.Reader) -> Cluster:
    """The servers, if all are there. Raises NoCitusError, NoNodesError, NodeDownError."""
    found = await cluster(reader)
    if not any(node.coordinator for node in found.nodes):
        raise NoNodesError("the coordinator has no name that the others reach it by")
    if not any(node.has_shards for node in found.nodes):
        raise NoNodesError("no server takes rows of partners")
    if silent := found.silent():
        raise NodeDownError(f"no answer from {', '.join(node.name for node in silent)}")
    return found


@asynccontextmanager
async def held_still(pool: db.Pool) -> AsyncIterator[bool]:
    """Nobody writes as long as this lasts, where the books are on several servers; answers whether they are.

    A snapshot is of one server: what is read of several is of one moment where nothing changes. Whoever writes waits,
    and is told BUSY. Raises what `db.transaction` does where somebody else has written for too long, or a server is
    lost meanwhile.
    """
    if not await is_distributed(pool):
        yield False
        return
    async with db.transaction(pool) as tx:
        for limit in ("idle_in_transaction_session_timeout", "statement_timeout"):
            await tx.execute(f"SET LOCAL {limit} = 0")
        known = await tx.fetch(f"{_KNOWN} ORDER BY c.relname")
        names = ", ".join(f'"{row["name"]}"' for row in known)
        await tx.execute(f"LOCK TABLE {names} IN SHARE MODE")
        yield True
        # On every server, by the connections that have the locks: one that was lost has let somebody write.
        owned = next(row["name"] for row in known if row["kind"] == "owned")
        await tx.execute(f'SELECT 1 FROM "{owned}" LIMIT 1')  # noqa: S608  # the catalogue's


async def carry_out(tx: db.Tx, planned: Plan, tick: Callable[[str], None] = lambda _: None) -> None:
    """Do what is planned, in the caller's transaction; `tick` is told what each step is about."""
    await tx.execute("SET LOCAL statement_timeout = 0")
    # One connection to a server does everything, so that it sees what was done before in the same transaction.
    await tx.execute("SET LOCAL citus.multi_shard_modify_mode = 'sequential'")
    for about, statement in planned.statements():
        tick(about)
        await tx.execute(statement)


async def distribute(dsn: str, shards: int | None = None, tick: Callable[[str], None] = lambda _: None) -> Plan:
    """Spread the schema, or what a migration has added to one that is spread; answers what was done.

    Raises what `assert_ready` and `plan` do.
    """
    async with _patient(dsn) as pool, db.transaction(pool) as tx:
        await assert_ready(tx)
        planned = await plan(tx, shards)
        await carry_out(tx, planned, tick)
        return planned


async def take_up(dsn: str) -> list[str]:
    """The same after a migration, if the schema is spread; answers the tables that it did it to.

    Raises what `assert_ready` does, where there is something to do.
    """
    async with _patient(dsn) as pool:
        if not await is_distributed(pool) or not (await plan(pool)).tables:
            return []
    return [name for name, _ in (await distribute(dsn)).tables]


@asynccontextmanager
async def _patient(dsn: str) -> AsyncIterator[db.Pool]:
    pool = await db.open_pool(dsn, connections=1, statement_seconds=STATEMENT_SECONDS)
    try:
        yield pool
    finally:
        await pool.close()
