"""Visitors of pages in this process: a browser without a screen, whose forms carry the word of their session."""

import re
from dataclasses import dataclass
from html import unescape

import httpx

HOST = "console.test"
HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')
WORD = re.compile(r'name="word" value="([0-9a-f]+)"')


@dataclass
class Visitor:
    """Somebody at a browser; `word` is what the forms of their session carry."""

    http: httpx.AsyncClient
    name: str
    word: str = ""

    async def get(self, path: str, **headers: str) -> httpx.Response:
        """A page."""
        return await self.http.get(path, headers=headers)

    async def post(self, path: str, **fields: str) -> httpx.Response:
        """A form of one of our pages."""
        return await self.send(path, {"word": self.word} | fields)

    async def send(self, path: str, fields: dict[str, str], **headers: str) -> httpx.Response:
        """A form with these fields alone; as a browser says it, it is of this site unless a header says otherwise."""
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        said = {"origin": f"http://{HOST}", "sec-fetch-site": "same-origin"} | told
        return await self.http.post(path, data=fields, headers={name: value for name, value in said.items() if value})

    async def enter(self, room: str, password: str) -> httpx.Response:
        """Give name and password at the door of a room; in a sandbox that is all."""
        made = await self.send(f"{room}/sign-in", {"name": self.name, "password": password})
        if made.status_code == 303 and made.headers["location"] == room:
            await self.read_word(room)
        return made

    async def read_word(self, room: str) -> None:
        """The word of this session, out of a page."""
        found = WORD.search((await self.get(room)).text)
        assert found is not None
        self.word = found[1]


def sent_on(looked: httpx.Response) -> dict[str, str]:
    """What the page that says what a form comes to sends when it is meant."""
    found = {name: unescape(value) for name, value in HIDDEN.findall(looked.text)}
    assert "once" in found, looked.text
    return found | {"step": "do"}
