"""QR codes, drawn here: what a phone reads off a screen goes through no service of somebody else."""

import io

import segno
from markupsafe import Markup

# Modules of quiet around it, as the standard asks for.
BORDER = 4


def drawn(text: str, title: str) -> Markup:
    """A text as an SVG, black on white in either light, with a title for who does not see it."""
    written = io.BytesIO()
    code = segno.make(text, micro=False)
    code.save(
        written,
        "svg",
        border=BORDER,
        dark="#000",
        light="#fff",
        title=title,
        xmldecl=False,
        omitsize=True,
        svgclass="qr",
    )
    svg = written.getvalue().decode().strip()
    return Markup(svg.replace("<svg ", '<svg role="img" ', 1))  # noqa: S704  the library wrote it, and escapes the title
