"""Models in forked, spawned and pickled processes: each program is a process of its own, with a time after which it hangs."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import onnxhub
from onnxhub._process.forking import Lock
from onnxhub._process.once import OnceCache
from tests import tiny
from tests.runtime import compiles

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no fork")

SOURCE = Path(onnxhub.__file__).parent.parent
NOTE = re.compile(r"huggingface/tokenizers: The current process just got forked.*\nTo disable.*\n(\t- .*\n)+")
IMPORTS = "import os, signal, sys, threading, time\n"
PRELUDE = f"""
sys.path.insert(0, {str(SOURCE)!r})
import onnxhub

TEXTS = [f"Quite easy! Number {{number}} of them, and not too short." for number in range(40)]

def in_child(work):
    '''Fork; the child works, then ends as any program does, its destructors included. It is killed where it hangs.'''
    sys.stdout.flush()
    process = os.fork()
    if process == 0:
        signal.alarm(20)
        try:
            work()
        except Exception as error:
            print(type(error).__name__, error)
            sys.exit(1)
        sys.exit(0)
    return process

def ended(process):
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
"""


def run(program: str, timeout: float = 150, before: str = "") -> str:
    """What a program prints to stdout; it must end well, in time, and say nothing on stderr.

    ``before`` is run before onnxhub is imported: such hooks run after ours when a process forks, and before ours in the child.
    """
    # Python 3.12 warns of a fork beside threads, which is what these programs are about.
    command = [
        sys.executable,
        "-W",
        "error",
        "-W",
        "ignore:This process:DeprecationWarning",
        "-c",
        IMPORTS + before + PRELUDE + program,
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
    assert done.returncode == 0, done.stdout + said(done)
    assert said(done) == ""
    return done.stdout


def interrupted(program: str) -> str:
    """What a program that gets Ctrl-C in the middle says on stderr; it must end well."""
    command = [sys.executable, "-W", "ignore:This process:DeprecationWarning", "-c", IMPORTS + PRELUDE + program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr


def said(done: subprocess.CompletedProcess[str]) -> str:
    """What a program says on stderr, but for the note about a fork that tokenizers 0.21 prints before any of our code runs."""
    old = tuple(map(int, metadata.version("tokenizers").split(".")[:2])) < (0, 22)
    return NOTE.sub("", done.stderr) if old else done.stderr


def test_a_forked_child_answers_like_its_parent() -> None:
    """One text and a batch, while the parent goes on; the child builds one session of its own, and ends."""
    printed = run("""
model = onnxhub.load("text-classification", "builtin:sentiment", threads=2)
expected, alone, before = model(TEXTS), model(TEXTS[0]), model.session

def work():
    assert model(TEXTS) == expected and model(TEXTS[0]) == alone
    assert model.session is model.with_options(top_k=1).session is not before
    print("answered")

process = in_child(work)
assert model(TEXTS) == expected and model.session is before
assert ended(process) == 0
""")
    assert printed == "answered\n"


def test_a_child_that_never_asks_ends_as_well() -> None:
    """Closing a model, dropping it, loading another: ONNX Runtime waits for threads that a child does not have."""
    run("""
import gc
model = onnxhub.load("text-classification", "builtin:sentiment", threads=2)
model(TEXTS)

def drop():
    global model
    del model
    gc.collect()

for work in (lambda: None, drop, model.close, lambda: onnxhub.load("ner", "builtin:ner")("Ada lived in London.")):
    assert ended(in_child(work)) == 0
assert model("Quite easy!").label == "POSITIVE"
""")


def test_graphs_that_run_their_parts_in_parallel_survive_a_fork() -> None:
    """ONNX Runtime's other execution mode, in which a child of a bare session hangs."""
    run("""
options = {"execution_mode": "ORT_PARALLEL", "inter_op_num_threads": 2}
model = onnxhub.load("text-classification", "builtin:sentiment", threads=2, session_options=options)
expected = model(TEXTS)

def work():
    assert model(TEXTS) == expected

assert ended(in_child(work)) == 0
""")


def test_a_fork_beside_threads_at_work_gives_children_that_answer() -> None:
    """Eight forks while two threads load models again and again, and another runs one."""
    run("""
model = onnxhub.load("text-classification", "builtin:sentiment", threads=2)
expected, going = model(TEXTS[:4]), True

def busy(work):
    while going:
        work()

def load():
    onnxhub.unload()
    onnxhub.classify("Quite easy!", model="builtin:sentiment")

threads = [threading.Thread(target=busy, args=(work,)) for work in (load, load, lambda: model(TEXTS))]
for thread in threads:
    thread.start()

def work():
    assert model(TEXTS[:4]) == expected
    assert onnxhub.classify("Quite easy!", model="builtin:sentiment") == model("Quite easy!")

results = [ended(in_child(work)) for _ in range(8)]
going = False
for thread in threads:
    thread.join()
assert results == [0] * 8, results
""")


def test_a_fork_waits_while_another_thread_imports() -> None:
    """A module whose import takes a while, begun by a thread that the child does not have, is there in the child."""
    run("""
begun = threading.Event()

class Slow:
    def find_spec(self, name, path=None, target=None):
        if name == "onnxhub._api.one_liners":
            begun.set()
            time.sleep(1)

sys.meta_path.insert(0, Slow())
thread = threading.Thread(target=lambda: onnxhub.classify, daemon=True)
thread.start()
assert begun.wait(30)
child = in_child(lambda: onnxhub.classify("Quite easy!", model="builtin:sentiment"))
assert ended(child) == 0
thread.join()
""")


def test_a_fork_waits_for_an_import_that_begins_while_it_waits_for_a_session() -> None:
    """The child finds the whole module: what was half imported, it would have to import again."""
    run("""
from onnxhub._backend.runtime.session import _building
building, imported = threading.Event(), []

class Slow:
    def find_spec(self, name, path=None, target=None):
        if name == "onnxhub._api.one_liners":
            imported.append(os.getpid())
            time.sleep(1)

def build():
    with _building.plain:
        building.set()
        time.sleep(0.5)

def then_import():
    time.sleep(0.2)
    onnxhub.classify

sys.meta_path.insert(0, Slow())
threads = [threading.Thread(target=build), threading.Thread(target=then_import)]
for thread in threads:
    thread.start()
assert building.wait(30)

def work():
    onnxhub.classify("Quite easy!", model="builtin:sentiment")
    assert imported == [os.getppid()]

assert ended(in_child(work)) == 0
for thread in threads:
    thread.join()
""")


def test_an_import_that_begins_later_is_begun_anew_in_the_child() -> None:
    """While a fork waits in another module's hook, which runs after ours, a thread begins to import: the child has only half
    of the module, and nobody who would import the rest.
    """
    run(
        """
waiting, begun = threading.Event(), threading.Event()

class Slow:
    def find_spec(self, name, path=None, target=None):
        if name == "onnxhub._api.one_liners" and threading.current_thread() is thread:
            begun.set()
            time.sleep(1)

def late():
    waiting.wait()
    onnxhub.classify

sys.meta_path.insert(0, Slow())
thread = threading.Thread(target=late)
thread.start()
child = in_child(lambda: onnxhub.classify("Quite easy!", model="builtin:sentiment"))
assert ended(child) == 0
thread.join()
""",
        before="os.register_at_fork(before=lambda: (waiting.set(), begun.wait(30)))",
    )


def test_garbage_of_the_parent_is_not_freed_in_a_child() -> None:
    """A model in a cycle of references, and a hook before ours, in which Python collects its garbage."""
    run(
        """
import gc
gc.collect()
model = onnxhub.load("text-classification", "builtin:sentiment", threads=2)
model(TEXTS)
cycle = [model]
cycle.append(cycle)
del model, cycle
time.sleep(0.5)  # until the session's threads sleep: whoever frees it waits for them to wake
assert ended(in_child(gc.collect)) == 0
assert gc.isenabled()
""",
        before="os.register_at_fork(after_in_child=lambda: [[number] for number in range(2000)])",
    )


def test_forks_of_two_threads_leave_the_garbage_collector_as_it_was() -> None:
    """Both wait for the same session to be built; neither takes what the other did for what was there before."""
    run("""
import gc
from onnxhub._backend.runtime.session import _building
building = threading.Event()

def build():
    with _building.plain:
        building.set()
        time.sleep(0.3)

def fork():
    assert ended(in_child(lambda: sys.exit(not gc.isenabled()))) == 0

threads = [threading.Thread(target=work) for work in (build, fork, fork)]
threads[0].start()
assert building.wait(30)
for thread in threads[1:]:
    thread.start()
for thread in threads:
    thread.join()
assert gc.isenabled()
""")


def test_a_fork_that_is_interrupted_while_it_waits_takes_no_lock_from_others() -> None:
    """Python goes on with the fork after Ctrl-C; who builds a session is left alone."""
    said = interrupted("""
import gc
from onnxhub._backend.runtime.session import _building
building, built = threading.Event(), []

def build():
    with _building.plain:
        building.set()
        time.sleep(1)
    built.append(True)

thread = threading.Thread(target=build)
thread.start()
assert building.wait(30)
threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
process = os.fork()
if process == 0:
    os._exit(0)
assert ended(process) == 0
thread.join()
assert built and gc.isenabled()
""")
    assert "Exception ignored in: <function _before" in said
    assert said.rstrip().endswith("KeyboardInterrupt:")


def test_an_import_that_never_ends_does_not_hold_a_fork_for_ever(tmp_path: Path) -> None:
    """As when it waits for the thread that forks."""
    (tmp_path / "stuck.py").write_text("import __main__; __main__.begun.set(); __main__.go_on.wait()", encoding="utf-8")
    run(f"""
import onnxhub._process.forking
onnxhub._process.forking.LONGEST_IMPORT = 0.5
sys.path.insert(0, {str(tmp_path)!r})
begun, go_on = threading.Event(), threading.Event()
thread = threading.Thread(target=lambda: __import__("stuck"), daemon=True)
thread.start()
assert begun.wait(30)
assert ended(in_child(lambda: onnxhub.classify("Quite easy!", model="builtin:sentiment"))) == 0
go_on.set()
thread.join()
""")


def test_workers_of_a_server_that_loads_before_it_forks() -> None:
    """As gunicorn with --preload: load, answer once, fork four workers; each answers in time, in threads, and ends."""
    printed = run("""
from concurrent.futures import ThreadPoolExecutor
expected = onnxhub.classify(TEXTS, model="builtin:sentiment")

def work():
    start = time.perf_counter()
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda text: onnxhub.classify(text, model="builtin:sentiment"), TEXTS[:8]))
    assert time.perf_counter() - start < 15
    assert [one.label for one in found] == [one.label for one in expected[:8]]
    print("answered", flush=True)

workers = [in_child(work) for _ in range(4)]
assert [ended(worker) for worker in workers] == [0] * 4
""")
    assert printed == "answered\n" * 4


def test_a_childs_child_answers() -> None:
    """A fork of a fork, which has used its own session."""
    run("""
model = onnxhub.load("text-classification", "builtin:sentiment", threads=2)
expected = model(TEXTS)

def work():
    assert model(TEXTS) == expected
    assert ended(in_child(lambda: model(TEXTS) == expected or sys.exit(1))) == 0

assert ended(in_child(work)) == 0
""")


def test_texts_are_tokenised_where_threads_were_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A child of a process with TOKENIZERS_PARALLELISM=true does not wait for its parent's threads."""
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "true")
    run("""
model = onnxhub.load("text-classification", "builtin:sentiment")
model(TEXTS * 4)
assert ended(in_child(lambda: model(TEXTS * 4))) == 0
""")


@pytest.mark.parametrize(("external_data", "written"), [(None, "model.onnx"), ("single", "model.onnx_data")])
def test_a_child_does_not_take_another_file_for_its_model(
    tmp_path: Path, external_data: tiny.ExternalData | None, written: str
) -> None:
    """A model that was written anew since it was loaded is an error, and not another model; so are its external weights."""
    folder = tiny.make_model(tmp_path / "model", external_data=external_data)
    printed = run(f"""
import shutil
file = {str(folder / written)!r}
model = onnxhub.load("text-classification", {str(folder)!r})
shutil.copy(file, file + ".new")
os.replace(file + ".new", file)
assert ended(in_child(lambda: model("a"))) == 1
""")
    assert printed.startswith("IntegrityError")
    assert "it has changed since the model was loaded; load the model again" in printed


def test_a_child_that_works_in_another_folder_finds_its_model(tmp_path: Path) -> None:
    """A model that was loaded by a relative path, before the process went elsewhere."""
    tiny.make_model(tmp_path / "model")
    run(f"""
os.chdir({str(tmp_path)!r})
model = onnxhub.load("text-classification", "model")
os.chdir("/")
expected = model("a")

def work():
    assert model("a") == expected

assert ended(in_child(work)) == 0
""")


@compiles
def test_a_compiled_graph_that_was_cleared_away_is_no_obstacle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A child then builds its session from the model's own file, with the same answers."""
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    run("""
from onnxhub._backend.kept import housekeeping as kept
model = onnxhub.load("text-classification", "builtin:sentiment", compiled=True)
assert model.info.compiled and len(kept.prune(0).removed) == 1
expected = model(TEXTS)

def work():
    assert model(TEXTS) == expected

assert ended(in_child(work)) == 0
""")


def test_a_closed_model_stays_closed_in_a_child() -> None:
    """It is not built again."""
    printed = run("""
model = onnxhub.load("text-classification", "builtin:sentiment")
model.close()
assert ended(in_child(lambda: model("a"))) == 1
""")
    assert printed == "ClosedModelError the model was closed; load it again\n"


POOLS = """
import multiprocessing, sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
sys.path.insert(0, {source!r})
import onnxhub

SHARED = onnxhub.load("text-classification", "builtin:sentiment") if {how!r} == "fork" else None
TEXTS = ["Quite easy!", "Rather hard."]

def ask(model, text):
    return model(text)

def ask_shared(text):
    return SHARED(text)

if __name__ == "__main__":
    model = onnxhub.load("text-classification", "builtin:sentiment", threads=1).with_options(top_k=1)
    expected = model(TEXTS)
    context = multiprocessing.get_context({how!r})
    with context.Pool(2) as pool:
        assert pool.map(partial(ask, model), TEXTS) == expected
        if SHARED is not None:
            assert [one.label for one in pool.map(ask_shared, TEXTS)] == ["POSITIVE", "NEGATIVE"]
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        assert list(pool.map(partial(ask, model), TEXTS)) == expected
"""


@pytest.mark.parametrize("how", ["fork", "spawn", "forkserver"])
def test_a_model_travels_to_pools_of_processes(how: str, tmp_path: Path) -> None:
    """By multiprocessing and by concurrent.futures, with its options; each process loads it, or builds its session."""
    program = tmp_path / "program.py"
    program.write_text(POOLS.format(source=str(SOURCE), how=how))
    command = [sys.executable, "-W", "ignore:This process:DeprecationWarning", str(program)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout, said(done)) == (0, "", "")


def test_locks_are_free_in_a_child() -> None:
    """A lock, and the cache of the one-liners, while a thread of the parent holds them."""
    lock = Lock()
    cache: OnceCache[int] = OnceCache(size=2)
    cache.get("old", lambda: 1)

    def as_in_a_child() -> int:
        lock.forked()
        cache.forked()
        with lock.plain:
            return cache.get("key", lambda: 2)

    with lock.plain:
        found = cache.get("key", as_in_a_child)
    assert found == 2
    assert cache.get("old", lambda: 3) == 1


def test_a_fork_waits_while_a_session_is_built() -> None:
    """What ONNX Runtime locks meanwhile would stay locked in the child; and the lock is free in both afterwards."""
    run("""
from onnxhub._backend.runtime.session import _building

begun, ended_at = threading.Event(), []

def build():
    with _building.plain:
        begun.set()
        time.sleep(0.5)
        ended_at.append(time.monotonic())

def work():
    with _building.plain:
        pass

thread = threading.Thread(target=build)
thread.start()
begun.wait()
process = in_child(work)
assert ended_at and ended_at[0] <= time.monotonic()
assert ended(process) == 0
with _building.plain:
    thread.join()
""")
