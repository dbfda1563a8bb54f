"""Plug-ins in a web server: requests that end stop their guests."""

import asyncio
import contextlib
import socket
import threading
import time

import pytest

import extism

fastapi = pytest.importorskip("fastapi", reason="needs the package fastapi")
uvicorn = pytest.importorskip("uvicorn", reason="needs the package uvicorn")
httpx = pytest.importorskip("httpx", reason="needs the package httpx")

REQUESTS = 200

GUEST = """(module
  (import "extism:host/user" "note" (func $note (param i64) (result i64)))
  (import "extism:host/env" "input_offset" (func $offset (result i64)))
  (import "extism:host/env" "input_length" (func $length (result i64)))
  (import "extism:host/env" "output_set" (func $output (param i64 i64)))
  (func (export "echo") (result i32)
    (drop (call $note (i64.const 1)))
    (call $output (call $offset) (call $length))
    (i32.const 0))
  (func (export "endless") (loop $l (drop (call $note (i64.const 2))) (br $l))))"""


class Seen:
    """What guests do just now."""

    def __init__(self):
        self.last = 0.0
        self.calls = 0


def application(seen, engine):
    @extism.host_fn("note")
    async def note(what: int) -> int:
        await asyncio.sleep(0)
        seen.calls += 1
        seen.last = time.monotonic()
        return what

    compiled = extism.CompiledPlugin(GUEST, functions=[note], engine=engine)

    @contextlib.asynccontextmanager
    async def lifespan(app):
        app.state.pool = extism.AsyncPool(compiled, 4)
        yield

    app = fastapi.FastAPI(lifespan=lifespan)

    async def until_gone(request):
        while not await request.is_disconnected():
            await asyncio.sleep(0.01)

    @app.post("/{name}")
    async def call(name: str, request: fastapi.Request):
        data = await request.body()
        work = asyncio.ensure_future(app.state.pool.call(name, data))
        gone = asyncio.ensure_future(until_gone(request))
        await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
        gone.cancel()
        if not work.done():
            work.cancel()
        try:
            return fastapi.Response(await work)
        except asyncio.CancelledError:
            return fastapi.Response(status_code=499)

    return app


@contextlib.contextmanager
def serving(app):
    """A real server on a thread of its own; gives its address."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="on"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.should_exit = True
            thread.join(30)
            assert not thread.is_alive()


def test_closed_connections_stop_their_guests(engine):
    seen = Seen()

    async def requests(address):
        limits = httpx.Limits(max_connections=REQUESTS)
        async with httpx.AsyncClient(base_url=address, limits=limits, timeout=60) as client:
            # Half of them never end by themselves.
            endless = [asyncio.ensure_future(client.post("/endless")) for _ in range(REQUESTS // 2)]
            await asyncio.sleep(0.3)
            answers = [asyncio.ensure_future(client.post("/echo", content=str(n))) for n in range(REQUESTS // 2)]
            await asyncio.sleep(0.3)
            for task in endless:
                task.cancel()
            ended = await asyncio.gather(*endless, return_exceptions=True)
            assert all(isinstance(one, asyncio.CancelledError) for one in ended)
            found = await asyncio.gather(*answers)
            assert [one.content for one in found] == [str(n).encode() for n in range(REQUESTS // 2)]
            # All guests have stopped: nobody calls the host any more.
            assert seen.calls > REQUESTS // 2
            calls = seen.calls
            await asyncio.sleep(0.3)
            assert seen.calls == calls
            # And their places are free.
            assert (await client.post("/echo", content="again")).content == b"again"

    with serving(application(seen, engine)) as address:
        asyncio.run(asyncio.wait_for(requests(address), 90))
