"""A server on loopback for the guests that request, in a process of its own: `python -m soak.server`.

It says its port, and ends when its standard input does.

    /echo/TEXT    answers TEXT
    /bytes/N      answers N bytes, as `content` makes them
    /slow         answers after a minute
    /drop         closes the connection
    /torn         announces more than it sends
"""

import asyncio
import os
import sys


def content(length: int) -> bytes:
    """What `/bytes/N` answers."""
    return (b"0123456789abcdef" * (length // 16 + 1))[:length]


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        _, what, *rest = head.split(b" ")[1].decode().split("/")
        match what:
            case "echo":
                body = rest[0].encode()
            case "bytes":
                body = content(int(rest[0]))
            case "torn":
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
                return
            case "slow":
                await asyncio.sleep(60)
                return
            case _:
                return
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        await writer.drain()
    except (OSError, asyncio.IncompleteReadError):
        # The other side has gone, as calls that end early do.
        pass
    finally:
        writer.close()


async def serve() -> None:
    server = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=256)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    # Answers that are late are of no interest any more.
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(serve())
