"""Checks the programs that must be installed already: Node (for npm), Java, setpriv and a C compiler."""

import re
import shutil
import subprocess
import sys

from problem import Problem

# The oldest versions that work: npm downloads the package that AWS publishes; DynamoDB Local is compiled for Java 17.
NODE, JAVA = 20, 17


def check() -> str:
    """Returns the path of Java. Raises one Problem with everything that is missing or too old."""
    problems = []
    if sys.platform != "linux":
        problems.append("this works on Linux only; use Docker: docker compose -f localstack/docker-compose.yml up")
    problems += filter(None, [_version("node", NODE, r"v(\d+)", "apt install nodejs npm, or https://nodejs.org")])
    problems += filter(None, [_version("java", JAVA, r'version "(\d+)', "apt install openjdk-17-jre-headless")])
    for program, advice in [
        ("npm", "apt install npm"),
        ("setpriv", "apt install util-linux"),
        ("cc", "apt install build-essential"),
    ]:
        if not shutil.which(program):
            problems.append(f"{program} is missing: {advice}")
    try:
        import ensurepip, venv  # noqa: E401, F401
    except ImportError:
        problems.append("Python's venv is missing: apt install python3.11-venv")
    if problems:
        raise Problem("\n            ".join(problems))
    return shutil.which("java")


def _version(program: str, oldest: int, pattern: str, advice: str) -> str | None:
    """The problem with the version of a program, if there is one."""
    try:
        output = subprocess.run([program, "--version" if program == "node" else "-version"],
                                capture_output=True, text=True, timeout=60)
    except OSError:
        return f"{program} is missing, {oldest} or newer is needed: {advice}"
    version = re.search(pattern, output.stdout + output.stderr)
    if not version:
        return f"{program} does not print its version, {oldest} or newer is needed: {advice}"
    if int(version[1]) < oldest:
        return f"{program} {version[1]} is too old, {oldest} or newer is needed: {advice}"
    return None
