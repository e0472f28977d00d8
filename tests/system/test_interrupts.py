"""Ctrl-C, and any other signal whose handler raises, at any moment: nobody stands still afterwards, and every answer is right.

Each program is a process of its own, which is killed where it stands still; ``FUZZ_ROUNDS`` gives it more interrupts.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import onnxhub

pytestmark = [
    pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers of signals"),
    pytest.mark.system,
]

ROUNDS = int(os.environ.get("FUZZ_ROUNDS", "1"))
SOURCE = Path(onnxhub.__file__).parent.parent
PRELUDE = f"""
import faulthandler, gc, os, random, signal, sys, threading, time
sys.path.insert(0, {str(SOURCE)!r})
sys.unraisablehook = lambda _: None  # Python says so of each interrupt that hits a destructor, or a hook of a fork
import onnxhub

ROUNDS = {ROUNDS}
faulthandler.dump_traceback_later(60 + 60 * ROUNDS, exit=True)
chance = random.Random(7)

class Interrupt(Exception):
    '''What the handler raises.'''

def handler(*_):
    raise Interrupt

def interrupted(work, count, longest):
    '''Work again and again, until so many interrupts came in the midst of it, each after a random time in seconds.'''
    signal.signal(signal.SIGALRM, handler)
    came, kept = 0, None
    while came < count:
        try:
            signal.setitimer(signal.ITIMER_REAL, chance.uniform(1e-5, longest))
            work()
            signal.setitimer(signal.ITIMER_REAL, 0)
        except Interrupt as error:
            came, kept = came + 1, error  # with its traceback, whose frames hold what was on its way, as a notebook does
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    return kept
"""


def run(program: str) -> str:
    """What a program prints; it must end by itself."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", PRELUDE + program],
        capture_output=True, text=True, timeout=120 + 120 * ROUNDS, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_interrupted_loads_leave_no_lock_held() -> None:
    """The main thread loads and is interrupted 300 times, while two others load: all of them go on to the end."""
    printed = run("""
going, loads = True, [0, 0]

def load():
    with onnxhub.load("text-classification", "builtin:sentiment", compiled=False) as model:
        return model("Quite easy!").label

def busy(number):
    while going:
        assert load() == "POSITIVE"
        loads[number] += 1

load()
threads = [threading.Thread(target=busy, args=(number,), daemon=True) for number in range(2)]
for thread in threads:
    thread.start()
kept = interrupted(load, 300 * ROUNDS, 0.03)
before = list(loads)
assert load() == "POSITIVE"
end = time.monotonic() + 30
while not all(now > then for now, then in zip(loads, before)) and time.monotonic() < end:
    time.sleep(0.01)
going = False
for thread in threads:
    thread.join(30)
print([thread.is_alive() for thread in threads], all(now > then for now, then in zip(loads, before)))
""")
    assert printed == "[False, False] True\n"


@pytest.mark.alike
def test_interrupts_leave_our_locks_free_however_often_they_come() -> None:
    """A lock, the cache of the one-liners and the sessions of a model, 400 interrupts each, beside a thread that wants them, too."""
    printed = run("""
from onnxhub._process.once import OnceCache
from onnxhub._process.forking import Lock
from onnxhub._backend.runtime.pair import SessionPair

class Session:
    def run(self, features, outputs):
        return {}
    def clone(self, threads):
        return self

lock, cache, pair = Lock(), OnceCache(size=1), SessionPair(Session(), after=0)

def take():
    for _ in range(50):
        with lock.plain:
            pass

def ask():
    for number in range(50):
        assert cache.get(number % 2, lambda: number % 2 + 1) == number % 2 + 1

def batches():
    for _ in range(50):
        pair.run({}, (), concurrent=False)
        pair.choose_second()

for work in (take, ask, batches):
    going = True
    def busy():
        while going:
            work()
    thread = threading.Thread(target=busy, daemon=True)
    thread.start()
    kept = interrupted(work, 400 * ROUNDS, 0.0005)
    going = False
    thread.join(30)
    print(thread.is_alive())
    work()
print(lock.plain.locked(), pair._running)
""")
    assert printed == "False\nFalse\nFalse\nFalse set()\n"


@pytest.mark.alike
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_interrupted_forks_leave_all_as_it_was() -> None:
    """Its hooks are interrupted, too: what they took is free afterwards in both processes, and garbage is collected again."""
    printed = run("""
from onnxhub._process import forking as _forking
from onnxhub._backend.runtime.session import _building

def take():
    while going:
        with _building.plain:
            time.sleep(0.0005)

def fork():
    process = os.fork()
    if process == 0:
        signal.setitimer(signal.ITIMER_REAL, 0)
        free = all(lock.plain.acquire(timeout=10) for lock in _forking._awaited)
        os._exit(0 if free and gc.isenabled() else 1)
    children.append(process)

going, children = True, []
thread = threading.Thread(target=take, daemon=True)
thread.start()
kept = interrupted(fork, 60 * ROUNDS, 0.004)
going = False
thread.join(30)
print(thread.is_alive(), [lock.plain.locked() for lock in _forking._awaited], gc.isenabled())
print({os.waitpid(child, 0)[1] for child in children})
""")
    assert printed == "False [False, False] True\n{0}\n"


def test_an_interrupted_maker_leaves_no_entry_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """500 interrupts while an entry of the store is found or made, the traceback of the last one kept: another process makes it at once."""
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    printed = run("""
import subprocess
from onnxhub._backend.kept.building import make as make_entry

def build(folder):
    (folder / "data").write_bytes(b"data")

def make():
    make_entry("things", "key", {}, build, replace=True)

make()
kept = interrupted(make, 500 * ROUNDS, 0.003)
program = (
    "import sys; sys.path[:] = " + repr(sys.path) + "; from onnxhub._backend.kept import building\\n"
    "print(building.make_unless_busy('things', 'key', {}, lambda folder: (folder / 'data').touch()) is not None)"
)
print(subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout.strip())
""")
    assert printed == "True\n"


@pytest.mark.alike
def test_interrupted_lists_leave_the_lanes_at_work() -> None:
    """The threads that two batches at once run in, interrupted 600 times: they do the jobs of every call after it."""
    printed = run("""
from onnxhub._calls.lanes import Lanes, Underway

lanes = Lanes(2)

def jobs():
    underway, given = Underway(lanes), []
    try:
        for _ in range(200):
            underway.start(lambda beside: 1)
            if underway.is_full:
                given.append(underway.finish())
        while len(underway):
            given.append(underway.finish())
    finally:
        underway.stop()
    assert given == [1] * 200

jobs()
kept = interrupted(jobs, 600 * ROUNDS, 0.004)
jobs()
print("answered")
""")
    assert printed == "answered\n"
