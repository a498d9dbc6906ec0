"""Real processes: started, started again when they crash, ended; and never left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from waiting import until

from bot import beacon
from bot.beacon import Beacon
from bot.errors import Refused
from bot.up import household, processes
from bot.up.household import Household

SLEEP = "import threading; print('here', flush=True); threading.Event().wait()"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEP}"
linux = pytest.mark.skipif(sys.platform != "linux", reason="it is Linux that tells children of their parent's death")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Household]:
    made = Household(tmp_path / "processes", os.environ)
    yield made
    made.stop(*(child.name for child in made.children), patience=1)


def wait_for(home: Household, name: str, words: str) -> None:
    log = home.folder / f"{name}.log"
    until(lambda: log.exists() and words in log.read_text())


def test_a_crash_is_told_with_the_last_words_and_answered_after_a_pause(home: Household) -> None:
    home.add("one", "-c", "print('starting', flush=True); raise SystemExit('no such thing')")
    home.tend()
    crash = until(lambda: next(iter(home.tend()), None))
    assert (crash.name, crash.code, crash.last_words) == ("one", 1, "no such thing")
    assert home.tend() == [], "told once"
    again = until(lambda: next(iter(home.tend()), None))
    assert again.pause == 2 * crash.pause


@pytest.mark.parametrize(("crashes", "seconds"), [(1, 0.5), (2, 1.0), (4, 4.0), (7, 30.0), (60, 30.0)])
def test_the_pause_doubles_up_to_half_a_minute(crashes: int, seconds: float) -> None:
    assert household.pause_before(crashes) == seconds


def test_stopping_is_gentle_first_and_then_by_force(home: Household) -> None:
    home.add("polite", "-c", SLEEP)
    home.add("stubborn", "-c", STUBBORN)
    home.tend()
    wait_for(home, "polite", "here")
    wait_for(home, "stubborn", "here")
    processed = {child.name: child.process for child in home.children}
    home.stop("polite", "stubborn", patience=0.3)
    codes = {name: process.returncode for name, process in processed.items() if process}
    assert codes == {"polite": -signal.SIGTERM, "stubborn": -signal.SIGKILL}
    assert home.tend() == []
    assert home.pids == []


@linux
def test_a_child_of_the_household_dies_with_it(tmp_path: Path) -> None:
    script = (
        "import os, sys, threading; from pathlib import Path; from bot.up.household import Household\n"
        f"h = Household(Path({str(tmp_path)!r}), os.environ); h.add('one', '-c', {SLEEP!r}); h.tend()\n"
        "print(h.pids[0], flush=True); threading.Event().wait()"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout
        child = int(owner.stdout.readline())
        until(lambda: (tmp_path / "one.log").exists() and "here" in (tmp_path / "one.log").read_text())
        owner.kill()
    until(lambda: not alive(child))


@linux
def test_orphans_are_adopted_and_ended(tmp_path: Path) -> None:
    told = f"open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))"
    forked = f"import os; os.setsid(); os.fork() and os._exit(0); {told}"
    script = (
        "import subprocess, sys; from bot.up import processes; processes.adopt_orphans()\n"
        f"subprocess.run([sys.executable, '-c', {f'{forked}; {STUBBORN}'!r}], check=True)\n"
        "sys.stdin.readline(); print(processes.end_descendants(gently=True, patience=2))"
    )
    start = [sys.executable, "-c", script]
    with subprocess.Popen(start, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as owner:
        until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
        orphan = int((tmp_path / "pid").read_text())
        assert alive(orphan)
        out, _ = owner.communicate("go on\n", timeout=30)
    assert "[]" in out
    assert not alive(orphan)


def test_one_up_at_a_time_owns_a_folder_and_others_find_it(tmp_path: Path) -> None:
    told = Beacon(os.getpid(), "redis://127.0.0.1:1", "/repository", "main")
    assert beacon.look(tmp_path) is None
    with beacon.owned(tmp_path):
        assert beacon.look(tmp_path) is None, "it owns the folder and has told nothing yet"
        beacon.light(tmp_path, told)
        assert beacon.look(tmp_path) == told
        assert (tmp_path / beacon.NAME).stat().st_mode & 0o077 == 0
        with pytest.raises(Refused, match=f"process {os.getpid()}"), beacon.owned(tmp_path):
            pass
    assert beacon.look(tmp_path) is None


def test_what_a_killed_up_left_is_not_believed(tmp_path: Path) -> None:
    (tmp_path / beacon.LOCK).touch()
    beacon.light(tmp_path, Beacon(1, "redis://127.0.0.1:1", "/repository", "main"))
    assert beacon.look(tmp_path) is None


def alive(pid: int) -> bool:
    return pid in {found for found, _, state in processes._table() if state not in {"Z", "X"}}
