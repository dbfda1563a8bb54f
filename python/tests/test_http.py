"""HTTP: against a server on loopback, and through a client of one's own. Never the internet."""

import gc
import gzip
import json
import os
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

import extism

# Requests what its input says; outputs the response.
GET = """(module
  (import "extism:host/env" "http_request" (func $request (param i64 i64) (result i64)))
  (import "extism:host/env" "http_headers" (func $headers (result i64)))
  (import "extism:host/env" "input_offset" (func $offset (result i64)))
  (import "extism:host/env" "length" (func $length (param i64) (result i64)))
  (import "extism:host/env" "output_set" (func $output (param i64 i64)))
  (func $put (param $block i64)
    (call $output (local.get $block) (call $length (local.get $block))))
  (func (export "get") (call $put (call $request (call $offset) (i64.const 0))))
  (func (export "headers") (call $put (call $headers))))"""

MODULE = b'(module (func (export "run")))'


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        match self.path:
            case "/module":
                self.answer(200, MODULE)
            case "/away":
                self.answer(302, b"", {"Location": "http://elsewhere.test/"})
            case "/slow":
                self.send_response(200)
                self.send_header("Content-Length", "1000000")
                self.end_headers()
                # Until the other side goes.
                try:
                    while True:
                        self.wfile.write(b"x")
                        self.wfile.flush()
                        time.sleep(0.02)
                except OSError:
                    pass
            case "/gzip":
                body = gzip.compress(bytes(5_000_000))
                self.answer(200, body, {"Content-Encoding": "gzip"})
            case "/hello":
                self.answer(200, b"hello", {"X-Own": "yes"})
            case _:
                self.answer(404, b"no such page")

    def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def manifest(*hosts: str) -> dict[str, object]:
    return {"wasm": [{"data": GET.encode()}], "allowed_hosts": list(hosts)}


def request(url: str) -> str:
    return json.dumps({"url": url})


def test_a_guest_gets_what_a_server_answers(engine, server):
    with extism.Plugin(manifest("127.0.0.1"), engine=engine) as plugin:
        assert plugin.call("get", request(f"{server}/hello")) == b"hello"
        assert plugin.call("get", request(f"{server}/other")) == b"no such page"
        assert plugin.call("headers") == b""


def test_hosts_are_denied_unless_listed(engine, server):
    for hosts in [(), ("localhost",), ("127.0.0.1:80",)]:
        with extism.Plugin(manifest(*hosts), engine=engine) as plugin:
            with pytest.raises(extism.HostFunctionError, match="not allowed by allowed_hosts"):
                plugin.call("get", request(f"{server}/hello"))
    with extism.Plugin(manifest("127.0.0.1"), engine=engine) as plugin:
        with pytest.raises(extism.HostFunctionError, match="`elsewhere.test` is not allowed"):
            plugin.call("get", request(f"{server}/away"))


def test_the_limit_is_for_what_is_decompressed(engine, server):
    for limit in [5_000_000, 4_999_999]:
        source = {**manifest("127.0.0.1"), "memory": {"max_http_response_bytes": limit}}
        with extism.Plugin(source, engine=engine) as plugin:
            if limit == 5_000_000:
                assert plugin.call("get", request(f"{server}/gzip")) == bytes(5_000_000)
            else:
                with pytest.raises(extism.HostFunctionError, match="more than 4999999 bytes"):
                    plugin.call("get", request(f"{server}/gzip"))


def test_a_server_that_is_not_there_is_the_cause(engine):
    with extism.Plugin(manifest("127.0.0.1"), engine=engine) as plugin:
        with pytest.raises(extism.HostFunctionError) as caught:
            plugin.call("get", request("http://127.0.0.1:1/"))
    assert str(caught.value) == (
        "`http_request`: http://127.0.0.1:1: the connection is refused"
    )
    assert isinstance(caught.value.__cause__, ConnectionRefusedError)


@pytest.mark.parametrize("make", [extism.Plugin, lambda *args, **kwargs: extism.Plugin(
    extism.CompiledPlugin(*args, **kwargs))], ids=["plugin", "compiled"])
def test_response_headers(engine, server, make):
    with make(manifest("127.0.0.1"), engine=engine, http_response_headers=True) as plugin:
        assert plugin.call("headers", parse=json.loads) == {}
        plugin.call("get", request(f"{server}/hello"))
        headers = plugin.call("headers", parse=json.loads)
    assert headers["x-own"] == "yes"
    assert headers["content-length"] == "5"


def test_a_client_of_ones_own(engine):
    asked = []

    def client(request: extism.HttpRequest) -> extism.HttpResponse:
        asked.append(request)
        match request.url:
            case "https://a.test/moved":
                return extism.HttpResponse(307, {"Location": "/there"})
            case "https://a.test/away":
                return extism.HttpResponse(302, {"Location": "https://b.test/"})
            case _:
                return extism.HttpResponse(299, {"X-Own": "ä"}, b"from Python")

    with extism.Plugin(
        manifest("a.test"), engine=engine, http_client=client, http_response_headers=True
    ) as plugin:
        own = {"url": "https://u:p@A.test/x#y", "method": "post", "headers": {"X-A": "b"}}
        assert plugin.call("get", json.dumps(own)) == b"from Python"
        assert plugin.call("headers", parse=json.loads) == {}
        [found] = asked
        assert (found.method, found.url, found.body) == ("POST", "https://a.test/x", b"")
        assert found.headers == {"x-a": "b", "authorization": "Basic dTpw"}
        assert 0 < found.timeout <= 60

        asked.clear()
        assert plugin.call("get", request("https://a.test/moved")) == b"from Python"
        assert [request.url for request in asked] == [
            "https://a.test/moved",
            "https://a.test/there",
        ]

        asked.clear()
        for url in ["https://b.test/", "https://a.test/away", "file:///etc/passwd"]:
            with pytest.raises(extism.HostFunctionError):
                plugin.call("get", request(url))
        assert [request.url for request in asked] == ["https://a.test/away"]


def test_what_a_client_raises_is_the_cause(engine):
    error = LookupError("no such thing")

    def client(request):
        raise error

    with extism.Plugin(manifest("*"), engine=engine, http_client=client) as plugin:
        with pytest.raises(extism.HostFunctionError) as caught:
            plugin.call("get", request("http://a.test/"))
    assert str(caught.value) == "the HTTP client raised LookupError: no such thing"
    assert caught.value.__cause__ is error
    assert error.__traceback__ is not None

    for stop in [KeyboardInterrupt, SystemExit]:

        def stopping(request, stop=stop):
            raise stop

        with extism.Plugin(manifest("*"), engine=engine, http_client=stopping) as plugin:
            with pytest.raises(stop):
                plugin.call("get", request("http://a.test/"))


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (None, "the HTTP client returned a value of type NoneType, expected an extism.HttpResponse"),
        (extism.HttpResponse(0), "`http_request`: the HTTP client answered with the status 0"),
        (extism.HttpResponse(-1), "the HTTP client raised OverflowError"),
        (extism.HttpResponse(200, {"a": 1}), "the HTTP client raised TypeError"),
        (extism.HttpResponse(200, body="text"), "the HTTP client raised TypeError"),
    ],
)
def test_a_client_that_answers_nonsense(engine, answer, message):
    with extism.Plugin(manifest("*"), engine=engine, http_client=lambda _: answer) as plugin:
        with pytest.raises(extism.HostFunctionError) as caught:
            plugin.call("get", request("http://a.test/"))
    assert str(caught.value).startswith(message)


def test_a_client_may_not_call_its_plugin(engine):
    def client(request):
        plugin.call("headers")

    with extism.Plugin(manifest("*"), engine=engine, http_client=client) as plugin:
        with pytest.raises(extism.HostFunctionError) as caught:
            plugin.call("get", request("http://a.test/"))
    assert isinstance(caught.value.__cause__, extism.ReentrantError)


def test_a_client_in_a_cycle_is_collected(engine):
    class Client:
        def __call__(self, request):
            return extism.HttpResponse(200, body=b"here")

    client = Client()
    compiled = extism.CompiledPlugin(manifest("*"), engine=engine, http_client=client)
    client.plugin = extism.Plugin(compiled)
    gone = weakref.ref(client)
    del compiled
    assert client.plugin.call("get", request("http://a.test/")) == b"here"
    del client
    gc.collect()
    assert gone() is None


def test_arguments_that_are_refused(engine):
    compiled = extism.CompiledPlugin(MODULE, engine=engine)
    for name, value in [
        ("http_client", print),
        ("http_response_headers", True),
        ("progress", print),
    ]:
        with pytest.raises(extism.ArgumentError, match=f"{name}= is given to the CompiledPlugin"):
            extism.Plugin(compiled, **{name: value})
    for name in ["http_client", "progress"]:
        with pytest.raises(extism.ArgumentError, match=f"{name}= is a callable, found .* int"):
            extism.Plugin(MODULE, engine=engine, **{name: 1})


def test_modules_behind_a_url(engine, server):
    told = []
    source = {"wasm": [{"url": f"{server}/module"}]}
    with extism.Plugin(source, engine=engine, progress=lambda *state: told.append(state)) as plugin:
        assert plugin.call("run") == b""
    assert told[-1] == (len(MODULE), len(MODULE))
    assert sorted(set(told)) == sorted(told)
    source = {"wasm": [{"url": f"{server}/nothing"}]}
    with pytest.raises(extism.ManifestError, match=r"wasm\[0\].url: .* status 404"):
        extism.Plugin(source, engine=engine)


def test_modules_through_a_client_of_ones_own(engine):
    def client(request):
        return extism.HttpResponse(200, body=MODULE)

    source = {"wasm": [{"url": "https://modules.test/x.wasm"}]}
    assert extism.Plugin(source, engine=engine, http_client=client).call("run") == b""


def test_what_progress_raises_ends_the_download(server):
    def progress(received, total):
        if received:
            raise LookupError(total)

    source = {"wasm": [{"url": f"{server}/slow"}]}
    with pytest.raises(LookupError, match="1000000"):
        extism.Plugin(source, progress=progress)


def test_other_threads_run_while_a_module_is_fetched(server):
    # The server is one of them.
    source = {"wasm": [{"url": f"{server}/slow"}]}
    counts = []

    def progress(received, total):
        counts.append(received)
        if len(counts) > 3:
            raise StopIteration

    with pytest.raises(StopIteration):
        extism.CompiledPlugin(source, progress=progress)
    assert counts == sorted(counts)


SCRIPT = """
import extism, sys
try:
    print("ready", flush=True)
    extism.Plugin({"wasm": [{"url": sys.argv[1]}]})
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.skipif(os.name != "posix", reason="signals are sent as on POSIX")
def test_ctrl_c_ends_a_download(server):
    script = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, f"{server}/slow"], stdout=subprocess.PIPE
    )
    assert script.stdout is not None and script.stdout.readline().strip() == b"ready"
    # Wherever it is now, the interrupt ends it; most likely it waits.
    time.sleep(0.5)
    script.send_signal(signal.SIGINT)
    output, _ = script.communicate(timeout=20)
    assert output.strip() == b"interrupted"


PROXIES = """
import extism, sys
source = {"wasm": [{"url": sys.argv[1]}]}
print(extism.Plugin(source).call("run"))
"""


def test_proxies_of_the_environment_are_not_used(server):
    proxy = "http://127.0.0.1:1"
    names = ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HTTPS_PROXY"]
    output = subprocess.run(
        [sys.executable, "-c", PROXIES, f"{server}/module"],
        env={**os.environ, **dict.fromkeys(names, proxy)},
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert output.stdout.strip() == b"b''"
