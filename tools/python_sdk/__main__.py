"""Write the generated half of the Python SDK."""

import shutil

from tools.python_sdk.written import HERE, write


def main() -> None:
    """Write every module anew."""
    shutil.rmtree(HERE / "nouns", ignore_errors=True)
    write(HERE)


if __name__ == "__main__":
    main()
