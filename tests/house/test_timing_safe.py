"""What a forger could guess digit by digit is compared in constant time: by `hmac.compare_digest`, nowhere by `==`.

A measurement would say little on a busy machine; the syntax says it all. The rule looks at every comparison of
modules that see secrets, signatures, macs or tokens, and is run over bad snippets, so that it is known to see them.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
JUDGES = (
    *sorted((ROOT / "src/hashrail/access").glob("*.py")),
    *(ROOT / f"src/hashrail/parties/{name}.py" for name in ("browser_sessions", "members", "passwords", "totp")),
    ROOT / "src/hashrail/pages/doorway.py",
    *(ROOT / f"src/hashrail/{name}.py" for name in ("vault", "api/serving/guards", "api/serving/running")),
    *sorted((ROOT / "client/src/hashrail_client").glob("*.py")),
)
# Words of names that hold what must not be guessed.
SECRET = re.compile(
    r"(?:^|_)(?:secrets?|signature|digests?|mac|hmac|claimed|computed|password|jwt|refresh|sealed)(?:_|$)"
)
BY_VALUE = (ast.Eq, ast.NotEq, ast.In, ast.NotIn)
# Comparisons that tell nothing about a secret's content, as they stand in the source.
HARMLESS: dict[str, str] = {
    "name == 'signature'": "the name of a field",
    "name != 'signature'": "the name of a field",
    "digest.hexdigest() != self._sha256": "what a file that was downloaded holds is no secret",
}
# Functions that decide whether somebody is who he says he is.
DECIDE = {
    "client/src/hashrail_client/signing.py": {"verify"},
    "client/src/hashrail_client/causes.py": {"_is_hmac", "_is_plain_hash"},
    "client/src/hashrail_client/webhooks.py": {"_is_signed"},
    "src/hashrail/access/sessions.py": {"_parse"},
    "src/hashrail/pages/doorway.py": {"_assert_word"},
    "src/hashrail/parties/passwords.py": {"_verify_scrypt", "still_counts"},
    "src/hashrail/parties/totp.py": {"_shows"},
}


def names(node: ast.AST) -> Iterator[str]:
    """Names whose values take part in a comparison; that of a function that is called does not."""
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Attribute):
            yield from names(node.func.value)
        for part in (*node.args, *(keyword.value for keyword in node.keywords)):
            # A length, or a type, is no secret.
            if not (isinstance(node.func, ast.Name) and node.func.id in ("len", "type", "isinstance")):
                yield from names(part)
        return
    if isinstance(node, ast.Name):
        yield node.id
    elif isinstance(node, ast.Attribute):
        yield node.attr
    for child in ast.iter_child_nodes(node):
        yield from names(child)


def holds_a_secret(name: str) -> bool:
    """By its name; a constant of the program is none, nor is a size."""
    return SECRET.search(name) is not None and not name.endswith("_size")


def faults(text: str) -> list[str]:
    """Comparisons by value of something with a secret's name."""
    return [
        found
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Compare) and any(isinstance(sign, BY_VALUE) for sign in node.ops)
        if any(holds_a_secret(name) for name in names(node))
        if (found := ast.unparse(node)) not in HARMLESS
    ]


def compares_safely(function: ast.AST) -> bool:
    return any(isinstance(node, ast.Attribute) and node.attr == "compare_digest" for node in ast.walk(function))


@pytest.mark.parametrize("path", JUDGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_secret_is_compared_by_value(path: Path) -> None:
    assert faults(path.read_text()) == []


@pytest.mark.parametrize("path", DECIDE)
def test_who_decides_compares_in_constant_time(path: str) -> None:
    tree = ast.parse((ROOT / path).read_text())
    functions = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    assert {name for name in DECIDE[path] if compares_safely(functions[name])} == DECIDE[path]


def test_nobody_else_compares_digests() -> None:
    """So the list of those who decide is complete."""
    found = {
        (path.relative_to(ROOT).as_posix(), node.name)
        for path in JUDGES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and compares_safely(node)
    }
    listed = {(path, name) for path, functions in DECIDE.items() for name in functions}
    assert found == listed


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("computed == claimed", 1),
        ("self.signature != hex_digest(secret, text)", 1),
        ("if mac in known: pass", 1),
        ("digest.hex() == text.lower()", 1),
        ("compute(secret) == text", 1),
        ("parts[4] == refresh_token", 1),
        ("row['x'] not in key.live_secrets", 1),
        ("signature is None", 0),
        ("len(signature) == 64", 0),
        ("hmac.compare_digest(computed, claimed)", 0),
        ("name != 'signature'", 0),
        ("of_refresh(text) == partner_id", 0),
        ("machine == emacs", 0),
        ("len(signature) != SIGNATURE_BYTES", 0),
        ("length == hashlib.sha256().digest_size", 0),
    ],
)
def test_the_rule_sees(text: str, expected: int) -> None:
    assert len(faults(text)) == expected
