"""Examples of commands, which their help shows at its end."""


def example(*lines: str) -> str:
    """The end of a help text: a line that can be typed as it stands, or several."""
    return "\n\n".join(f"Example: {line}" for line in lines)
