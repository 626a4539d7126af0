"""Pictures: `make pictures` writes those that the README shows into docs/pictures, and every page into build/pictures.

Of each page there is one in light, one in dark and one of a phone, and an index.html to look through them. Needs the
browser of the tests. The sandboxes go away afterwards, so a key that a picture may show opens nothing.
"""

from html import escape

from playwright.sync_api import Browser, Page
from tests.support import folders, walking
from tests.support.browser import DESKTOP, PICTURES, browser, looking
from tests.support.sandboxes import sandbox, sign_in

PLACE = folders.ROOT / "docs" / "pictures"
DAYS = 90
KINDS = ("light", "dark", "phone")
STYLE = """body { font: 1rem/1.5 system-ui; margin: 2rem; color-scheme: light dark }
figure { display: inline-block; margin: 0 1rem 2rem 0; vertical-align: top }
img { display: block; max-width: 26rem; max-height: 40rem; border: 1px solid #8886 }"""


def main() -> None:
    """Write them all."""
    with browser() as opened:
        of_readme(opened)
        of_every_page(opened)


def of_readme(opened: Browser) -> None:
    """The three that the README shows."""
    PLACE.mkdir(exist_ok=True)
    with sandbox(days=DAYS) as box, looking(opened, window=DESKTOP) as watched:
        page = watched.page
        page.goto(f"{box.url}/")
        page.locator("#income canvas").wait_for()
        page.locator("#events li").first.wait_for()
        keep(page, "front")
        page.goto(f"{box.url}/api/docs/s2s_income")
        keep(page, "reference")
        name, password = next(iter(box.operators.items()))
        sign_in(page, f"{box.url}/console", name, password)
        page.goto(f"{box.url}/console/users?partner={box.facts['partnerId']}&user=alice")
        keep(page, "console")


def of_every_page(opened: Browser) -> None:
    """Each page as it is tested, and what is wrong with it."""
    wrong: dict[str, list[str]] = {}
    with walking.box() as box, looking(opened) as watched:
        for area in walking.AREAS:
            wrong |= walking.walk(watched, box, area, pictures=PICTURES)[0]
    names = sorted({path.relative_to(PICTURES).with_suffix("") for path in PICTURES.glob("*/*-light.png")})
    (PICTURES / "index.html").write_text(index([str(name).removesuffix("-light") for name in names]))
    print(PICTURES / "index.html", f"{len(names)} pages")
    for path, found in wrong.items():
        print(path, *found, sep="\n  ")


def index(names: list[str]) -> str:
    """A page that shows all of them."""
    shown = "".join(
        f"<h2>{escape(name)}</h2>"
        + "".join(
            f'<figure><a href="{escape(name)}-{kind}.png"><img loading="lazy" src="{escape(name)}-{kind}.png" '
            f'alt="{escape(name)}, {kind}"></a><figcaption>{kind}</figcaption></figure>'
            for kind in KINDS
        )
        for name in names
    )
    head = f"<meta charset=utf-8><title>Pages of Hashrail</title><style>{STYLE}</style>"
    return f"<!doctype html><html lang=en><head>{head}</head><body><h1>Pages of Hashrail</h1>{shown}</body></html>\n"


def keep(page: Page, name: str) -> None:
    """Write what the window shows."""
    page.screenshot(path=PLACE / f"{name}.png")
    print(PLACE / f"{name}.png")


if __name__ == "__main__":
    main()
