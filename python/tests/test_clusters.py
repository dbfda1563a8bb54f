"""Functions of plug-ins on several processes that other libraries manage: Dask, Ray, Spark; and in polars and DuckDB.

Everything is on this machine. The clusters run in processes of their own, because each of them leaves threads,
signal handlers and warnings behind.
"""

import importlib.util
import textwrap

import pytest

from processes import output, run

QUIET = ("-X", "faulthandler", "-W", "ignore")


def needs(*packages):
    """Skips a test without its package, by the name to install."""
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    return pytest.mark.skipif(bool(missing), reason=f"needs: pip install {' '.join(missing)}")


def printed(program, tmp_path):
    """What a program prints on lines that begin with a mark; clusters write of themselves."""
    path = tmp_path / "program.py"
    path.write_text(program)
    ended = run(str(path), str(tmp_path), options=QUIET, patience=240)
    assert ended.returncode == 0, ended.stderr
    return [line.removeprefix("=> ") for line in ended.stdout.splitlines() if line.startswith("=> ")]


HEAD = """
import os, sys, signal, time
import extism
from clusters import GUEST, SIZE, Slowly, batches, compilations, expected, items

def say(*what):
    print("=>", *what, flush=True)

@extism.host_fn("unused")
def unused(text: str) -> str:
    return text

def main():
    cache = os.path.join(sys.argv[1], "cache")
    compiled = extism.CompiledPlugin(GUEST, cache=cache)
    work = compiled.function("work")
{body}

if __name__ == "__main__":
    main()
"""


def program(body):
    return HEAD.replace("{body}", textwrap.indent(textwrap.dedent(body), "    "))


@needs("distributed")
def test_dask(tmp_path):
    lines = printed(
        program("""
    import dask.bag
    from distributed import Client, LocalCluster
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        with Client(cluster) as client:
            # One worker is killed in the middle.
            futures = client.map(Slowly(work), batches(), retries=3)
            while sum(future.done() for future in futures) < 20:
                time.sleep(0.01)
            os.kill(client.gather(futures[0])[0], signal.SIGKILL)
            results = client.gather(futures)
            say([row for _, batch in results for row in batch] == expected())
            say(len({pid for pid, _ in results}) >= 2)
            # The second task of a worker compiles nothing, nor does a worker that finds the code in the cache.
            told = client.gather(client.map(lambda n, f: compilations(f), range(20), f=work, pure=False))
            say({compiled for _, compiled, _ in told}, {out for _, _, out in told})
            # A failing item, as the client sees it.
            [future] = client.map(work.batch, [["fine", "!", "fine"]])
            try:
                future.result()
            except extism.GuestError as error:
                say(error.kind, error.function, error.code, error.guest_text, error.item)
            bag = dask.bag.from_sequence(items()[:1000], npartitions=4)
            say(bag.map(work).compute(scheduler=client) == expected()[:1000])
            say(bag.map_partitions(work.batch).compute(scheduler=client) == expected()[:1000])
            # A host function of the program itself.
            wat = '(module (import "extism:host/user" "main_only" (func $f (param i64) (result i64))) (func (export "f") (result i32) (i32.wrap_i64 (call $f (i64.const 41)))))'
            @extism.host_fn("main_only")
            def main_only(n: int) -> int:
                return n + 1
            failing = extism.CompiledPlugin(wat, functions=[main_only]).function("f")
            try:
                client.submit(failing).result()
            except extism.ReturnCodeError as error:
                say(error.code)
"""),
        tmp_path,
    )
    assert lines == ["True", "True", "{0} {b'x'}", "guest work 4 b'bad' 1", "True", "True", "42"]


@needs("ray")
def test_ray(tmp_path):
    lines = printed(
        program("""
    import ray
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, configure_logging=False,
             runtime_env={"env_vars": {"PYTHONPATH": os.environ["PYTHONPATH"]}})
    slowly = Slowly(work)
    @ray.remote(max_retries=3)
    def task(batch):
        return slowly(batch)
    futures = [task.remote(batch) for batch in batches()]
    ready, _ = ray.wait(futures, num_returns=20)
    os.kill(ray.get(ready[0])[0], signal.SIGKILL)
    results = ray.get(futures)
    say([row for _, batch in results for row in batch] == expected())
    say(len({pid for pid, _ in results}) >= 2)
    told = ray.get([ray.remote(compilations).remote(work) for _ in range(20)])
    say({compiled for _, compiled, _ in told}, {out for _, _, out in told})
    @ray.remote
    def failing(batch):
        return work.batch(batch)
    try:
        ray.get(failing.remote(["fine", "!", "fine"]))
    except extism.GuestError as error:
        cause = error.cause if hasattr(error, "cause") else error
        say(cause.kind, cause.function, cause.code, cause.guest_text, cause.item)
    ray.shutdown()
"""),
        tmp_path,
    )
    assert lines == ["True", "True", "{0} {b'x'}", "guest work 4 b'bad' 1"]


@needs("pyspark")
def test_spark(tmp_path):
    lines = printed(
        program("""
    from pyspark.sql import SparkSession
    os.environ["PYSPARK_PYTHON"] = sys.executable
    # Two tasks at a time, each tried four times.
    spark = (SparkSession.builder.master("local[2,4]").config("spark.ui.enabled", "false")
        .config("spark.driver.host", "127.0.0.1").config("spark.driver.bindAddress", "127.0.0.1").getOrCreate())
    context = spark.sparkContext
    context.setLogLevel("OFF")
    rdd = context.parallelize(items(), 40)
    say(rdd.mapPartitions(work.map).collect() == expected())
    say(rdd.map(work).take(1000) == expected()[:1000])
    # A worker ends in the middle, once; the mark tells that it has.
    mark = os.path.join(sys.argv[1], "ended")
    def once(batch):
        batch = list(batch)
        if "item 50000" in batch and not os.path.exists(mark):
            open(mark, "w").close()
            os.kill(os.getpid(), signal.SIGKILL)
        return work.batch(batch)
    say(context.parallelize(items(), 40).mapPartitions(once).collect() == expected(), os.path.exists(mark))
    told = context.parallelize(range(20), 20).map(lambda n: compilations(work)).collect()
    say({compiled for _, compiled, _ in told}, {out for _, _, out in told})
    try:
        context.parallelize(["fine", "!", "fine"], 1).mapPartitions(work.map).collect()
    except Exception as error:
        text = str(error)
        say("extism.GuestError: bad" in text, "item 1, from 0" in text)
    spark.stop()
"""),
        tmp_path,
    )
    assert lines == ["True", "True", "True True", "{0} {b'x'}", "True True"]


@needs("polars")
def test_polars():
    program = """
        import polars
        import extism
        from clusters import GUEST
        work = extism.CompiledPlugin(GUEST).function("work", takes=str, gives=str)
        names = polars.Series("names", ["a", "b", "c"])
        print(names.map_elements(work, return_dtype=polars.String).to_list())
        print(polars.Series(work.batch(names)).to_list())
    """
    assert output(program, options=QUIET) == "['a', 'b', 'c']\n['a', 'b', 'c']\n"


@needs("duckdb")
def test_duckdb():
    program = """
        import duckdb
        import extism
        from clusters import GUEST
        work = extism.CompiledPlugin(GUEST).function("work", takes=str, gives=str)
        connection = duckdb.connect()
        connection.create_function("work", work, ["VARCHAR"], "VARCHAR")
        print(connection.sql("select list(work('item ' || range) order by range) from range(5)").fetchall()[0][0])
    """
    assert output(program, options=QUIET) == "['item 0', 'item 1', 'item 2', 'item 3', 'item 4']\n"
