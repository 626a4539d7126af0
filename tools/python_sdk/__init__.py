"""The typed half of the Python SDK, written from its tables of operations and the OpenAPI document.

    python -m tools.python_sdk

A row of the table says how an operation reads in Python; the document says what its arguments and answers are. Joined,
they are the nouns of the blocking and the async client and the types of all that comes back. What is written is checked
in, and a test compares it with a fresh run.
"""
