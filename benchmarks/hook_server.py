"""Who receives webhooks under load: answers 204 at once, and at /dead never. Says its port on its first line.

python -m benchmarks.hook_server
"""

import asyncio
import re

LENGTH = re.compile(rb"content-length: *(\d+)", re.I)
ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"


async def receive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Every request of a connection."""
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = LENGTH.search(head)
            assert length is not None, "a webhook has a body"
            await reader.readexactly(int(length[1]))
            if head.startswith(b"POST /dead"):
                await reader.read()
                break
            writer.write(ANSWER)
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    writer.close()


async def main() -> None:
    """Serve until killed."""
    server = await asyncio.start_server(receive, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
