"""The programs that must be there already: Node (for npm), Java, setpriv and a C compiler."""

import re
import shutil
import subprocess
import sys

from problem import Problem

# The oldest that will do: npm packs what AWS publishes, DynamoDB Local is compiled for Java 17.
NODE, JAVA = 20, 17


def check() -> str:
    """Says everything that is missing or too old at once; gives the path of Java."""
    problems = []
    if sys.platform != "linux":
        problems.append("this is for Linux; elsewhere, use Docker: docker compose -f localstack/docker-compose.yml up")
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
    """What is wrong with a program, if anything."""
    try:
        asked = subprocess.run([program, "--version" if program == "node" else "-version"],
                               capture_output=True, text=True, timeout=60)
    except OSError:
        return f"{program} is missing, {oldest} or newer is needed: {advice}"
    found = re.search(pattern, asked.stdout + asked.stderr)
    if not found:
        return f"{program} does not say its version, {oldest} or newer is needed: {advice}"
    if int(found[1]) < oldest:
        return f"{program} {found[1]} is too old, {oldest} or newer is needed: {advice}"
    return None
