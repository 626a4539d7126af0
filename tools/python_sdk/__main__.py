"""Write the generated half of the Python SDK."""

from tools.python_sdk.written import HERE, write


def main() -> None:
    """Write every module anew; a noun that is gone takes its module along."""
    written = write(HERE)
    for path in (HERE / "nouns").glob("*.py"):
        if path not in written:
            path.unlink()


if __name__ == "__main__":
    main()
