"""The pytest plug-in, in runs of pytest of their own."""

import pytest

from conftest import BUILT_IN
from wat import ECHO

pytest_plugins = ["pytester"]

TESTS = f"""
    import extism
    import pytest

    ECHO = {ECHO!r}
    made = []

    def test_engine(extism_engine, extism_plugin):
        plugin = extism_plugin(ECHO, config={{"key": "value"}})
        made.append(plugin)
        assert extism_engine.deterministic
        assert plugin.engine == str(extism_engine)
        assert plugin.config["key"] == "value"
        assert plugin.call("echo", "text") == b"text"
        assert extism_plugin(extism.CompiledPlugin(ECHO, engine=extism_engine)) is not plugin

    def test_plugins_are_closed():
        assert made
        for plugin in made:
            with pytest.raises(extism.ClosedError):
                plugin.call("echo")
"""


def run(pytester: pytest.Pytester, tests: str, *arguments: str) -> pytest.RunResult:
    pytester.makepyfile(tests)
    return pytester.runpytest_subprocess("-v", *arguments, timeout=240)


def test_tests_run_on_every_engine(pytester):
    result = run(pytester, TESTS)
    result.assert_outcomes(passed=len(BUILT_IN) + 1)
    for engine in BUILT_IN:
        result.stdout.fnmatch_lines([f"*::test_engine[[]{engine}] PASSED*"])


def test_the_command_line_chooses_engines(pytester):
    chosen = [BUILT_IN[-1], BUILT_IN[0], BUILT_IN[-1]]
    result = run(pytester, TESTS, *(f"--extism-engine={name}" for name in chosen))
    result.assert_outcomes(passed=2 + 1)
    for engine in chosen:
        result.stdout.fnmatch_lines([f"*::test_engine[[]{engine}] PASSED*"])


def test_unknown_engines_are_refused(pytester):
    result = run(pytester, "def test_it(): pass", "--extism-engine=v8")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --extism-engine: unknown engine `v8`: built in are *"])


def test_tests_may_choose_engines_themselves(pytester):
    tests = f"""
        import pytest

        @pytest.mark.parametrize("extism_engine", [{BUILT_IN[0]!r}])
        def test_one(extism_plugin):
            assert extism_plugin("(module)").engine == {BUILT_IN[0]!r}

        @pytest.mark.parametrize("number, extism_engine", [(1, {BUILT_IN[-1]!r})])
        def test_two(number, extism_engine):
            assert extism_engine == {BUILT_IN[-1]!r}
        """
    run(pytester, tests).assert_outcomes(passed=2)


def test_other_projects_do_not_notice(pytester):
    tests = """
        import sys

        def test_nothing_is_imported():
            assert "pytest_extism" in sys.modules
            assert not [name for name in sys.modules if name.partition(".")[0] == "extism"]
        """
    run(pytester, tests).assert_outcomes(passed=1)
