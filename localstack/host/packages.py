"""Installs things once: each is remembered beside its folder, by the hash of what it was made from."""

import fcntl
import hashlib
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

from problem import Problem, say

UV = Path(__file__).resolve().parent / "uv.txt"


@contextmanager
def alone(lock: Path):
    """One process at a time: the others wait."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with open(lock, "w", encoding="ascii") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


@contextmanager
def step(folder: Path, made_from: list[Path], what: str, is_there: bool):
    """Whether there is something to do; remembers that it was done. It is done again if what was made has gone: a virtual
    environment goes with the Python that it was made by."""
    stamp = folder.with_name(folder.name + ".made-from")
    desired = hashlib.sha256(b"".join(path.read_bytes() for path in made_from))
    desired.update(sys.version.encode())
    if is_there and stamp.exists() and stamp.read_text() == desired.hexdigest():
        yield False
        return
    say(f"installing {what}")
    began = time.monotonic()
    stamp.unlink(missing_ok=True)
    yield True
    stamp.write_text(desired.hexdigest())
    say(f"installed in {time.monotonic() - began:.0f} s")


def venv(folder: Path, requirements: Path) -> None:
    """A virtual environment with what this list pins. uv installs it in a fifth of the time that pip takes. If uv can't, pip
    installs it: uv does not read pip's configuration, which may name another index."""
    # Isolated (-I): the folder that somebody is in has no modules for Python.
    run([sys.executable, "-I", "-m", "venv", "--clear", str(folder)], "apt install python3-venv")
    python, pinned = str(folder / "bin/python"), ["--no-deps", "--require-hashes", "--quiet", "--requirement"]
    pip = [python, "-m", "pip", "--disable-pip-version-check", "install", *pinned]
    run([*pip, str(UV)], "PyPI must be reachable: see `pip config list`")
    uv = [str(folder / "bin/uv"), "pip", "install", "--no-cache", "--python", python, *pinned, str(requirements)]
    if subprocess.run(uv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode:
        say("uv can't install it; pip does, which takes longer")
        run([*pip, str(requirements)], "PyPI must be reachable: see `pip config list`")


def run(command: list[str], advice: str) -> None:
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                          env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
    if done.returncode:
        raise Problem(f"`{' '.join(command)}` failed ({advice}):\n{done.stderr.strip()}")
