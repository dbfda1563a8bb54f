"""Many threads and one plug-in: everyone gets a turn."""

import pytest

from processes import output

PROGRAM = """
    import sys, threading
    import extism
    from wat import ECHO

    plugin = extism.Plugin(ECHO, engine=sys.argv[1])
    outcomes = []

    def insist():
        try:
            while True:
                assert plugin.call("echo", b"x") == b"x"
        except extism.ClosedError:
            outcomes.append("closed")

    threads = [threading.Thread(target=insist) for _ in range(12)]
    [thread.start() for thread in threads]
    # Each of these comes into the queue while others hand the plug-in to each other.
    for _ in range(100):
        assert plugin.call("echo", b"me") == b"me"
    plugin.close()
    [thread.join() for thread in threads]
    print(outcomes.count("closed"))
    """


@pytest.mark.parametrize("attempt", range(3))
def test_who_calls_in_a_loop_keeps_nobody_out(engine, attempt):
    """Without a queue this takes for ever, or nearly: see OVERTAKING in python/src/turns.rs."""
    assert output(PROGRAM, str(engine)) == "12\n"


BUSY = """
    import sys, threading
    import extism

    GUEST = '(module (import "extism:host/user" "host" (func $host))'
    GUEST += '(func (export "hold") (call $host)) (func (export "quick")))'
    lines = []
    held, over = threading.Event(), threading.Event()

    def host():
        held.set()
        # Without a limit this thread and the one that it waits for would wait for each other.
        seen = []
        other = threading.Thread(target=lambda: seen.append(refused()))
        other.start()
        other.join()
        lines.extend(seen)
        over.wait()

    def refused():
        try:
            plugin.call("quick", timeout=0.02)
        except extism.TimeoutError as error:
            return str(error)

    functions = [extism.Function("host", [], [], lambda *_: host())]
    plugin = extism.Plugin(GUEST, engine=sys.argv[1], functions=functions)
    thread = threading.Thread(target=plugin.call, args=("hold",))
    thread.start()
    held.wait()
    lines.append(refused())
    over.set()
    plugin.call("quick", timeout=60)
    thread.join()
    [print(line) for line in lines]
    """


def test_nobody_waits_longer_than_the_call_may_take(engine):
    text = (
        "the call did not begin within its time limit of 20 ms: another thread was using the plug-in; "
        "use a Pool for calls in parallel\n"
    )
    assert output(BUSY, str(engine)) == 2 * text
