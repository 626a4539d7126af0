"""HEAD: whatever answers GET answers it, with the same status and headers and no body."""

from litestar.enums import HttpMethod
from litestar.types import HTTPScope, Message, Send

SENT_METHOD = "sent_method"


def as_get(scope: HTTPScope, send: Send) -> tuple[HTTPScope, Send]:
    """A request as the application is to see it, and where its answer goes; only a HEAD is changed.

    The scope's state keeps the method that was sent, since that is what is signed.
    """
    if scope["method"] != HttpMethod.HEAD:
        return scope, send
    scope["state"][SENT_METHOD] = HttpMethod.HEAD.value

    async def send_no_body(message: Message) -> None:
        if message["type"] == "http.response.body":
            message["body"] = b""
        await send(message)

    asked = scope.copy()
    asked["method"] = HttpMethod.GET
    return asked, send_no_body
