"""Makes a virtual environment with the AWS SDK and what the template is checked with, from a list that pins every file by
its hash; prints where its programs are."""

import fcntl
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
FOLDER = HERE.parent / "target/infra"
LIST = HERE / "requirements.txt"


def made() -> Path | None:
    """Makes it, if it is not there as it should be; gives where its programs are. Nothing if it can't be made, which has
    been said then."""
    venv, stamp = FOLDER / "venv", FOLDER / "venv.made-from"
    FOLDER.mkdir(parents=True, exist_ok=True)
    with open(FOLDER / "venv.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        desired = LIST.read_text() + sys.version
        if not (stamp.exists() and stamp.read_text() == desired):
            print("installing the AWS SDK and the SAM translator from PyPI, about a minute", file=sys.stderr, flush=True)
            stamp.unlink(missing_ok=True)
            # Isolated (-I): a folder that somebody is in has no modules for Python, and this one has a `venv`.
            pip = [venv / "bin/python", "-I", "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps"]
            if not _ran([sys.executable, "-I", "-m", "venv", "--clear", venv], "apt install python3-venv"):
                return None
            if not _ran([*pip, "--require-hashes", "--requirement", LIST], "PyPI must be reachable: see `pip config list`"):
                return None
            stamp.write_text(desired)
    return venv / "bin"


def _ran(command: list, advice: str) -> bool:
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        print(f"{' '.join(map(str, command))} failed ({advice}):\n{done.stderr.strip()}", file=sys.stderr)
    return done.returncode == 0


if __name__ == "__main__":
    if programs := made():
        print(programs)
    sys.exit(0 if programs else 1)

