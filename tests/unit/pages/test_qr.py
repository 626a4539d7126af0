"""QR codes: what is drawn is the code, and what is written in it acts nowhere."""

import re

import segno

from hashrail.pages import qr


def test_the_picture_is_the_code() -> None:
    """Every dark module, at its place inside the quiet border."""
    text = "otpauth://totp/Hashrail:anna?secret=ABC&issuer=Hashrail"
    svg = qr.drawn(text, "The secret")
    path = re.findall(
        r'<path transform="[^"]*" class="qrline" stroke="#000" d="([^"]*)"|class="qrline"[^>]* d="([^"]*)"', svg
    )
    drawn: set[tuple[int, int]] = set()
    x = y = 0.0
    for kind, first, second in re.findall(r"([Mmh])(-?[\d.]+)(?: (-?[\d.]+))?", "".join(path[0])):
        if kind == "h":
            drawn |= {(int(y), int(x) + each) for each in range(int(first))}
            x += int(first)
        else:
            x, y = (float(first), float(second)) if kind == "M" else (x + float(first), y + float(second))
    dark = {
        (row + qr.BORDER, column + qr.BORDER)
        for row, line in enumerate(segno.make(text, micro=False).matrix)
        for column, module in enumerate(line)
        if module
    }
    assert drawn == dark


def test_a_title_is_text() -> None:
    assert "<b>" not in qr.drawn("x", "<b>")
