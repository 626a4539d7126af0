"""Which tables belong to no partner, and why: the list is the program's own, in `hashrail.postgres.table_kinds`."""

from hashrail.postgres import table_kinds

# `partner` is its own owner.
GLOBAL = {name: why for name, why in table_kinds.GLOBAL.items() if name != "partner"}
