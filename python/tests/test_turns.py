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
