"""The rows of the tables by noun and verb, as the nouns look them up."""

from collections.abc import Iterable, Mapping

from hashrail_client.operations import OPERATIONS, Operation
from hashrail_client.user_operations import USER_OPERATIONS


def _by_noun(rows: Iterable[Operation]) -> Mapping[str, Mapping[str, Operation]]:
    found: dict[str, dict[str, Operation]] = {}
    for row in rows:
        found.setdefault(row.noun, {})[row.verb] = row
    return found


ROWS = _by_noun(OPERATIONS)
USER_ROWS = _by_noun(USER_OPERATIONS)
