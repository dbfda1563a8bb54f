"""Output of guests to the streams of the process: it goes out, and a stream that nobody reads holds up
no call beyond its end."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import processes

PRELUDE = """
import os, signal, sys, threading
import extism
from soak.guests import WASI
engine = sys.argv[1]

def made():
    return extism.Plugin(WASI, extism.Wasi(stdout="inherit"), engine=engine)

plugin = made()

def fails(error, letter, **options):
    try:
        plugin.call("print", letter * 60_000, **options)
    except error:
        return
    raise AssertionError(f"{letter} was written")
"""

# The pipe takes 65536 bytes. What was being written when a call ended is written later, as far as it
# was handed over: two pieces of 4096 bytes.
STUCK = PRELUDE + """
plugin.call("print", b"a" * 60_000, timeout=60)
fails(extism.TimeoutError, b"b", timeout=0.1)
fails(extism.TimeoutError, b"c", timeout=0.1)
threading.Timer(0.1, plugin.cancel_handle().cancel).start()
fails(extism.CancelledError, b"d")
signal.signal(signal.SIGALRM, signal.default_int_handler)
signal.setitimer(signal.ITIMER_REAL, 0.1)
fails(KeyboardInterrupt, b"e")
child = os.fork()
if child == 0:
    plugin = made()
    fails(extism.TimeoutError, b"f", timeout=0.1)
    os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert len(os.listdir("/proc/self/task")) < 8
print("stuck", file=sys.stderr, flush=True)
sys.stdin.readline()
plugin.call("print", b"z" * 1000, timeout=60)
"""


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks at /proc")
def test_a_pipe_that_nobody_reads(engine):
    with subprocess.Popen(
        [sys.executable, *processes.OPTIONS, "-c", STUCK, engine],
        env=processes.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin and process.stdout and process.stderr
        assert process.stderr.readline() == b"stuck\n", process.stderr.read()
        process.stdin.write(b"\n")
        process.stdin.close()
        written = process.stdout.read()
        assert process.wait(60) == 0, process.stderr.read()
    assert re.fullmatch(rb"a{60000}b{8192}(e{4096})?z{1000}", written), re.sub(
        rb"(.)\1*", lambda run: b"%c%d " % (run[0][0], len(run[0])), written
    )


def test_many_threads_print(engine):
    """Pieces of 4096 bytes stay whole, and nothing is lost or written twice."""
    program = PRELUDE + """
sys.stdout.write("first ")
sys.stdout.flush()
def work(letter):
    mine = made()
    for _ in range(20):
        mine.call("print", letter * 10_000, timeout=60)
threads = [threading.Thread(target=work, args=(letter,)) for letter in [b"a", b"b", b"c", b"d"]]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(" last")
"""
    written = processes.output(program, engine)
    assert written.startswith("first ") and written.endswith(" last\n")
    body = written[len("first ") : -len(" last\n")]
    assert {letter: body.count(letter) for letter in "abcd"} == dict.fromkeys("abcd", 200_000)
    assert len(body) == 800_000
    runs = [len(run[0]) for run in re.finditer(r"(.)\1*", body)]
    assert all(length % 16 == 0 for length in runs), runs


@pytest.mark.parametrize("closed", ["a file", "a closed stream", "a closed pipe"])
def test_other_streams(engine, closed, tmp_path):
    """A file gets it; a stream that is not there takes everything; nobody at the other end is `EIO`."""
    program = PRELUDE + f"""
closed, path = {closed!r}, {str(tmp_path / "out")!r}
if closed == "a file":
    os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), 1)
elif closed == "a closed stream":
    os.close(1)
else:
    ends = os.pipe()
    os.dup2(ends[1], 1)
    os.close(ends[0])
    os.close(ends[1])
try:
    plugin.call("print", b"x" * 60_000, timeout=60)
    outcome = "written"
except extism.TrapError as error:
    # What the guest makes of an errno.
    outcome = error.trap
os.write(2, outcome.encode())
os._exit(0)
"""
    ended = processes.run("-c", program, engine)
    assert ended.stderr == ("unreachable" if closed == "a closed pipe" else "written"), ended
    if closed == "a file":
        assert (tmp_path / "out").read_bytes() == b"x" * 60_000
