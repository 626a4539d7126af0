"""Whether an engine that keeps partners on several servers accepts a statement: what it refuses, told from the text.

Citus is such an engine. An owned table is spread by its partner_id, a global one is whole everywhere or on one server,
so what a statement asks of owned tables has to be about one partner that it names, and some forms are refused wherever
they stand.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pglast.ast
from pglast import parse_sql
from pglast.enums import BoolExprType, SubLinkType

# The grammar says which members of its nodes may be None; its types say that all may.
ast: Any = pglast.ast
KEY = "partner_id"
AGGREGATES = {"array_agg", "bool_and", "bool_or", "count", "json_agg", "jsonb_agg", "max", "min", "string_agg", "sum"}
VOLATILE = {"nextval", "random", "clock_timestamp", "gen_random_uuid", "statement_timestamp", "timeofday"}
WRITES = (ast.InsertStmt, ast.UpdateStmt, ast.DeleteStmt)
QUERIES = (ast.SelectStmt, *WRITES)


@dataclass
class Scope:
    """A query: its owned and global tables by alias, what it makes itself, like CTEs, and the query around it."""

    owned: dict[str, str] = field(default_factory=dict)
    global_: dict[str, str] = field(default_factory=dict)
    # Those of the global ones that are on one server only.
    local: set[str] = field(default_factory=set)
    others: set[str] = field(default_factory=set)
    outer: "Scope | None" = None
    # Some are joined by USING, which names no table.
    named_by_using: bool = False

    def own(self) -> set[str]:
        """All names that it may use without the query around it."""
        return {*self.owned, *self.global_, *self.others}


class Reader:
    """Reads one statement and keeps what is wrong with it."""

    def __init__(self, owned: set[str], global_: set[str], local: set[str] | None = None) -> None:
        self.owned = owned
        self.global_ = global_
        self.local = local or set()
        self.faults: list[str] = []
        self.named: dict[str, set[str]] = {}
        self.tables: dict[str, str] = {}
        self.written: list[str] = []
        self.ctes: set[str] = set()
        self.count = 0
        self.leaning: list[str] = []
        self.locked: list[str] = []
        # Owned tables of one query, which are joined with each other.
        self.together: list[list[str]] = []
        # What stands under an OR names nothing for certain.
        self.perhaps: set[int] = set()

    def read(self, statement: str) -> list[str]:
        """What is wrong with a statement."""
        for raw in parse_sql(statement):
            if isinstance(raw.stmt, QUERIES):
                self._query(raw.stmt, None, sublink=False)
        if len(set(self.written)) > 1:
            self.faults.append(f"writes several tables: {', '.join(sorted(set(self.written)))}")
        self._shards()
        return list(dict.fromkeys(self.faults))

    def _shards(self) -> None:
        """Every owned table is asked for one partner: itself, or by a table that it is joined to."""
        known = self._reached("$")
        for names in self.together:
            asked = [name for name in names if name in self.tables and name not in known]
            if len(asked) > 1 and not self._reached(asked[0]).issuperset(asked):
                tables = ", ".join(sorted({self.tables[name] for name in asked}))
                self.faults.append(f"of all partners, and the partners of {tables} are not compared with each other")
        if any(name in known for name in self.leaning):
            self.faults.append("a subquery names the partner_id of the row around it, not the one that is given")
        for name, table in self.tables.items():
            if name not in known:
                self.faults.append(f"asks {table} of no partner")
        for name in self.locked:
            if name not in known:
                self.faults.append(f"locks rows of {self.tables[name]} of no partner")

    def _reached(self, name: str) -> set[str]:
        """All whose partner is the same as this one's."""
        known, waiting = {name}, [name]
        while waiting:
            for other in self.named.get(waiting.pop(), ()):
                if other not in known:
                    known.add(other)
                    waiting.append(other)
        return known

    def _query(
        self, query: Any, outer: Scope | None, *, sublink: bool, apart: bool = False, lateral: bool = False
    ) -> None:
        scope = Scope(outer=outer)
        if query.withClause is not None:
            for cte in query.withClause.ctes:
                self.ctes.add(cte.ctename)
                self._query(cte.ctequery, outer, sublink=False)
        if isinstance(query, ast.SelectStmt) and query.larg is not None:
            self._query(query.larg, outer, sublink=sublink, apart=apart, lateral=lateral)
            self._query(query.rarg, outer, sublink=sublink, apart=apart, lateral=lateral)
            return
        self._tables(query, scope)
        for node, inside_case in _inside(query, QUERIES):
            self._node(node, scope, query, inside_case=inside_case, leans=sublink or apart)
        if isinstance(query, ast.InsertStmt) and query.selectStmt is not None:
            self._insert(query, scope)
        if isinstance(query, ast.SelectStmt) and query.lockingClause is not None:
            self._locks(query, scope)
        self._joins(query, scope, leans=sublink or lateral)
        if not scope.named_by_using:
            self.together.append([*scope.owned.values()])
        if (
            sublink
            and scope.owned
            and outer is not None
            and outer.global_
            and not outer.owned
            and self._leans(query, scope)
        ):
            self.faults.append("a subquery of a global table's row asks an owned table")

    def _joins(self, query: Any, scope: Scope, *, leans: bool) -> None:
        """Rows of owned tables are not fetched to be joined: what is on one server is asked in a query of its own."""
        local, owned = {*scope.local}, {self.tables[name] for name in scope.owned.values() if name in self.tables}
        if leans and scope.outer is not None and self._leans(query, scope):
            if owned:
                local |= scope.outer.local
            if scope.local:
                owned |= {self.tables[name] for name in scope.outer.owned.values() if name in self.tables}
        if local and owned:
            self.faults.append(f"joins {', '.join(sorted(local))} of one server with {', '.join(sorted(owned))}")

    def _tables(self, query: Any, scope: Scope) -> None:
        relation = getattr(query, "relation", None)
        if relation is not None:
            self.written.append(relation.relname)
            self._table(relation, scope)
        for clause in ("fromClause", "usingClause"):
            for item in getattr(query, clause, None) or ():
                self._from(item, scope)

    def _from(self, item: Any, scope: Scope) -> None:
        if isinstance(item, ast.RangeVar):
            self._table(item, scope)
        elif isinstance(item, ast.JoinExpr):
            scope.named_by_using |= item.usingClause is not None
            self._from(item.larg, scope)
            self._from(item.rarg, scope)
        elif item.alias is not None:
            scope.others.add(item.alias.aliasname)

    def _table(self, table: Any, scope: Scope) -> None:
        name = table.alias.aliasname if table.alias is not None else table.relname
        if table.relname in self.owned and table.relname not in self.ctes:
            self.count += 1
            unique = f"{name}#{self.count}"
            scope.owned[name] = unique
            self.tables[unique] = table.relname
        elif table.relname in self.global_:
            scope.global_[name] = table.relname
            if table.relname in self.local:
                scope.local.add(table.relname)
        else:
            scope.others.add(name)

    def _node(self, node: Any, scope: Scope, query: Any, *, inside_case: bool, leans: bool) -> None:
        if isinstance(node, ast.SubLink):
            if node.subLinkType == SubLinkType.EXISTS_SUBLINK and node.subselect.targetList is None:
                self.faults.append("EXISTS over an empty select list")
            self._query(node.subselect, scope, sublink=True)
        elif isinstance(node, ast.RangeSubselect):
            apart = node.lateral and _is_apart(node.subquery)
            self._query(node.subquery, scope, sublink=False, apart=apart, lateral=node.lateral)
        elif isinstance(node, ast.FuncCall):
            name = node.funcname[-1].sval
            if name in VOLATILE and isinstance(query, ast.UpdateStmt) and (inside_case or scope.owned):
                self.faults.append(f"{name} in an UPDATE")
        elif isinstance(node, ast.ColumnRef):
            if leans:
                self._lean(node, scope)
        elif isinstance(node, ast.BoolExpr) and node.boolop == BoolExprType.OR_EXPR:
            self.perhaps |= {id(each) for each, _ in _inside(node, QUERIES)}
        elif isinstance(node, ast.A_Expr) and node.name[-1].sval == "=" and id(node) not in self.perhaps:
            self._equal(self._keyed(node.lexpr, scope), self._keyed(node.rexpr, scope))

    def _equal(self, one: str | None, other: str | None) -> None:
        if one is not None and other is not None:
            self.named.setdefault(one, set()).add(other)
            self.named.setdefault(other, set()).add(one)

    def _keyed(self, node: Any, scope: Scope) -> str | None:
        """The table whose partner_id a side of an equation is, or `$` for what the caller gives."""
        while isinstance(node, ast.TypeCast):
            node = node.arg
        if isinstance(node, ast.ParamRef | ast.A_Const):
            return "$"
        if not isinstance(node, ast.ColumnRef):
            return None
        fields = [each.sval for each in node.fields if isinstance(each, ast.String)]
        if fields[-1:] != [KEY]:
            return None
        looked: Scope | None = scope
        while looked is not None:
            if len(fields) == 2:
                if fields[0] in looked.own():
                    return looked.owned.get(fields[0], f"{id(looked)}.{fields[0]}")
            elif len(looked.owned) >= 1:
                return next(iter(looked.owned.values()))
            looked = looked.outer
        return None

    def _lean(self, node: Any, scope: Scope) -> None:
        """Keep of which table around a subquery it names the partner_id."""
        fields = [each.sval for each in node.fields if isinstance(each, ast.String)]
        if len(fields) != 2 or fields[1] != KEY or fields[0] in scope.own():
            return
        looked = scope.outer
        while looked is not None:
            if fields[0] in looked.owned:
                self.leaning.append(looked.owned[fields[0]])
                return
            looked = looked.outer

    def _leans(self, query: Any, scope: Scope) -> bool:
        """Whether a subquery uses the row around it."""
        for node, _ in _inside(query, ()):
            if isinstance(node, ast.ColumnRef):
                fields = [each.sval for each in node.fields if isinstance(each, ast.String)]
                if len(fields) == 2 and scope.outer is not None and fields[0] in scope.outer.own() - scope.own():
                    return True
        return False

    def _insert(self, query: Any, scope: Scope) -> None:
        table = query.relation.relname
        source = query.selectStmt
        own = scope.owned.get(query.relation.alias.aliasname if query.relation.alias else table)
        if own is None:
            if source.valuesLists is None:
                self._query(source, None, sublink=False)
            return
        names = [each.name for each in query.cols or ()]
        if source.valuesLists is not None:
            at = names.index(KEY) if KEY in names else 0
            if all(isinstance(_bare(row[at]), ast.ParamRef | ast.A_Const) for row in source.valuesLists):
                self._equal(own, "$")
            return
        inner = Scope()
        self._tables(source, inner)
        for number in inner.owned.values():
            self.tables.pop(number)
        at = names.index(KEY) if KEY in names else 0
        targets = source.targetList or ()
        chosen = _bare(targets[at].val) if len(targets) > at else None
        reads_tables = bool(inner.owned or inner.global_)
        if reads_tables and isinstance(chosen, ast.ParamRef | ast.A_Const):
            self.faults.append(f"INSERT INTO {table} takes its partner_id from no owned row")
        conflict = query.onConflictClause
        if (
            inner.global_
            and not inner.owned
            and any(isinstance(each, ast.ParamRef) for each, _ in _inside(conflict, ()))
        ):
            self.faults.append(f"INSERT INTO {table} from a global table has a parameter behind ON CONFLICT")
        self._equal(own, "$")
        self._query(source, None, sublink=False)

    def _locks(self, query: Any, scope: Scope) -> None:
        for clause in query.lockingClause:
            chosen = [each.relname for each in clause.lockedRels or ()] or [*scope.owned]
            self.locked += [scope.owned[name] for name in chosen if name in scope.owned]


def faults(statement: str, *, owned: set[str], global_: set[str], local: set[str] | None = None) -> list[str]:
    """What an engine that spreads owned tables refuses, or asks of every server; `local` are global, on one server."""
    return Reader(owned, global_, local).read(statement)


def _is_apart(query: Any) -> bool:
    """Whether a LATERAL is planned by itself and not with the query around it, whose partner it then does not see."""
    parts = (
        query.larg,
        query.limitCount,
        query.limitOffset,
        query.groupClause,
        query.distinctClause,
        query.havingClause,
    )
    return any(part is not None for part in parts) or any(
        isinstance(node, ast.FuncCall) and node.over is None and node.funcname[-1].sval in AGGREGATES
        for node, _ in _inside(query, QUERIES)
    )


def _bare(node: Any) -> Any:
    while isinstance(node, ast.TypeCast):
        node = node.arg
    return node


def _inside(node: Any, stops: tuple[type, ...], *, inside_case: bool = False) -> Iterator[tuple[Any, bool]]:
    """The nodes below one, without those of the queries in it; and whether each stands in a CASE."""
    for each in _children(node):
        if isinstance(each, stops) and stops:
            continue
        yield each, inside_case
        if isinstance(each, ast.SubLink | ast.RangeSubselect | ast.WithClause) and stops:
            if isinstance(each, ast.SubLink) and each.testexpr is not None:
                yield from _inside(each.testexpr, stops, inside_case=inside_case)
            continue
        yield from _inside(each, stops, inside_case=inside_case or isinstance(each, ast.CaseExpr))


def _children(node: Any) -> Iterator[Any]:
    if isinstance(node, ast.Node):
        for name in node:
            yield from _flat(getattr(node, name))


def _flat(value: Any) -> Iterator[Any]:
    if isinstance(value, ast.Node):
        yield value
    elif isinstance(value, tuple | list):
        for each in value:
            yield from _flat(each)
