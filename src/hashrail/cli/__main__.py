"""`python -m hashrail.cli` is the program `hashrail`."""

from hashrail.cli.main import app

app()
