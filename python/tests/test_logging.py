"""What guests log goes to Python's `logging` as well."""

import logging
import sys
import threading

import pytest

import extism
from processes import output
from test_log import LOG

NUMBERS = {"trace": 5, "debug": 10, "info": 20, "warn": 30, "error": 40}


@pytest.fixture(autouse=True)
def off_afterwards():
    yield
    extism.set_log_file("stderr", "off")


@pytest.fixture
def guest(engine):
    return extism.Plugin(LOG, engine=engine)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "log.txt"


def said(caplog):
    return [(record.levelno, record.getMessage()) for record in caplog.records]


@pytest.mark.parametrize("level", NUMBERS)
def test_lines_that_pass_the_level(guest, caplog, file, level):
    caplog.set_level(1, "extism")
    extism.set_log_file(file, level)
    for name in NUMBERS:
        guest.call(name, f"100 %s {name}")
    expected = [(n, f"100 %s {name}") for name, n in NUMBERS.items() if n >= NUMBERS[level]]
    assert said(caplog) == expected
    # They go where they went before, too.
    assert file.read_text().count("100 %s") == len(expected)
    # The guest is told the level that was set.
    assert int.from_bytes(guest.call("level"), "little") == list(NUMBERS).index(level)


def test_a_record(guest, caplog, file):
    caplog.set_level(1, "extism")
    extism.set_log_file(file, "info")
    guest.call("warn", b"a\nb \xff \xc3\xa4")
    [record] = caplog.records
    assert record.name == "extism"
    assert record.plugin_id == str(guest.id)
    assert record.getMessage() == "a\nb \ufffd \u00e4"
    # Where the plug-in was called.
    assert record.filename == "test_logging.py"


def test_the_logger_decides(guest, caplog, file):
    extism.set_log_file(file, "info")
    caplog.set_level(logging.ERROR, "extism")
    guest.call("warn", "no")
    guest.call("error", "yes")
    logging.disable(logging.CRITICAL)
    try:
        guest.call("error", "disabled")
    finally:
        logging.disable(logging.NOTSET)
    assert said(caplog) == [(40, "yes")]
    extism.set_log_file(file, "off")
    guest.call("error", "off")
    assert said(caplog) == [(40, "yes")]


def test_with_a_callable(guest, caplog):
    caplog.set_level(1, "extism")
    lines = []
    log = extism.set_log_custom(lines.append, "info")
    guest.call("info", "both")
    assert said(caplog) == [(20, "both")]
    log.drain()
    assert len(lines) == 1 and "both" in lines[0]


def test_without_logging_nothing_is_written(engine):
    program = """
        import logging, sys, extism
        from test_log import LOG
        guest = extism.Plugin(LOG, engine=sys.argv[1])
        extism.set_log_custom(lambda line: None, "info")
        guest.call("error", "nobody listens")
        print(logging.root.handlers, logging.getLogger("extism").handlers)
    """
    assert output(program, engine) == "[] []\n"


def test_a_handler_that_raises(guest, file, monkeypatch):
    hooked = []
    monkeypatch.setattr(sys, "unraisablehook", lambda hook: hooked.append(hook.exc_value))
    logger = logging.getLogger("extism")

    class Broken(logging.Handler):
        def emit(self, record):
            raise self.error

    handler = Broken()
    logger.addHandler(handler)
    try:
        extism.set_log_file(file, "info")
        handler.error = ValueError("mine")
        guest.call("error", "x")
        assert hooked == [handler.error]
        # Whoever wanted to stop the program still does.
        handler.error = KeyboardInterrupt()
        with pytest.raises(KeyboardInterrupt):
            guest.call("error", "x")
            for _ in range(1000):
                pass
    finally:
        logger.removeHandler(handler)
    assert file.read_text().count("ERROR") == 2
    hooked.clear()


def test_a_handler_may_use_plugins(guest, engine, caplog, file):
    extism.set_log_file(file, "info")
    seen = []

    class Calling(logging.Handler):
        def emit(self, record):
            if record.getMessage() == "first":
                with pytest.raises(extism.ReentrantError):
                    guest.call("error", "again")
                other.call("error", "second")
                extism.set_log_file(file, "info")
            seen.append(record.getMessage())

    other = extism.Plugin(LOG, engine=engine)
    logger, handler = logging.getLogger("extism"), Calling()
    logger.addHandler(handler)
    try:
        guest.call("error", "first")
    finally:
        logger.removeHandler(handler)
    assert seen == ["second", "first"]


def test_threads_log_while_the_setting_changes(engine, caplog, tmp_path):
    """Whoever sets waits for nobody who waits for the interpreter."""
    caplog.set_level(1, "extism")
    caplog.handler.setLevel(100)
    done = []

    def log():
        guest = extism.Plugin(LOG, engine=engine)
        for n in range(300):
            guest.call("error", str(n))
        done.append(None)

    threads = [threading.Thread(target=log, daemon=True) for _ in range(3)]
    [thread.start() for thread in threads]
    for n in range(300):
        extism.set_log_file(tmp_path / str(n % 3), "info")
    [thread.join(60) for thread in threads]
    assert len(done) == 3


# What is done after a plug-in was made, the level that guests see then (0 is trace), and what is logged.
SETTINGS = {
    "nothing": ("", None, []),
    "a level": ("logging.basicConfig(level=logging.INFO, handlers=[handler])", "info", ["info", "warn", "error"]),
    "the default level, seen by a plug-in that is compiled later": (
        "logging.basicConfig(handlers=[handler]); guest = extism.Plugin(LOG, engine=sys.argv[1])",
        "warn",
        ["warn", "error"],
    ),
    "the logger's own level": (
        "logging.basicConfig(handlers=[handler]); logging.getLogger('extism').setLevel(5)",
        "trace",
        ["trace", "debug", "info", "warn", "error"],
    ),
    "disabled": (
        "logging.basicConfig(level=logging.INFO, handlers=[handler]); logging.disable(logging.WARNING)",
        "error",
        ["error"],
    ),
    "a level above all": (
        "logging.basicConfig(level=logging.INFO, handlers=[handler]); logging.getLogger('extism').setLevel(60)",
        None,
        [],
    ),
    "no handler": ("logging.getLogger('extism').setLevel(5)", None, []),
    "a file decides": (
        "extism.set_log_file(os.devnull, 'error'); logging.basicConfig(level=logging.INFO, handlers=[handler])",
        "error",
        ["error"],
    ),
    "off decides": (
        "extism.set_log_file('stderr', 'off'); logging.basicConfig(level=logging.INFO, handlers=[handler])",
        None,
        [],
    ),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_setting_up_logging_is_enough(engine, name):
    act, level, logged = SETTINGS[name]
    program = f"""
        import logging, os, sys, extism
        from test_log import LOG
        class Handler(logging.Handler):
            def emit(self, record):
                logged.append(record.getMessage())
        handler, logged = Handler(), []
        guest = extism.Plugin(LOG, engine=sys.argv[1])
        {act}
        for name in ["trace", "debug", "info", "warn", "error"]:
            guest.call(name, name)
        print(int.from_bytes(guest.call("level"), "little"), logged)
    """
    seen = 2147483647 if level is None else list(NUMBERS).index(level)
    assert output(program, engine) == f"{seen} {logged}\n"
