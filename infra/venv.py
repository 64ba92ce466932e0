"""Creates a virtual environment from a list that pins every file by its hash: with the AWS SDK and the packages of the
template's tests, or from another list: `venv.py [FOLDER LIST WHAT]`. Prints the folder of its programs."""

import fcntl
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
FOLDER = HERE.parent / "target/infra"
LIST = HERE / "requirements.txt"


def ensure(folder: Path = FOLDER, pinned: Path = LIST, what: str = "the AWS SDK and the SAM translator") -> Path | None:
    """Creates the virtual environment if it is missing or outdated, or if its Python has gone. Returns the folder of its
    programs. None if that failed; the error has been printed then."""
    venv, stamp = folder / "venv", folder / "venv.made-from"
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "venv.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        desired = pinned.read_text() + sys.version
        if not ((venv / "bin/python").exists() and stamp.exists() and stamp.read_text() == desired):
            print(f"installing {what} from PyPI", file=sys.stderr, flush=True)
            stamp.unlink(missing_ok=True)
            # With -I, Python does not import modules from the current folder. This folder has a `venv`, too.
            pip = [venv / "bin/python", "-I", "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps"]
            if not _succeeds([sys.executable, "-I", "-m", "venv", "--clear", venv], "apt install python3-venv"):
                return None
            requirements = [*pip, "--require-hashes", "--requirement", pinned]
            if not _succeeds(requirements, "PyPI must be reachable: see `pip config list`"):
                return None
            stamp.write_text(desired)
    return venv / "bin"


def _succeeds(command: list, advice: str) -> bool:
    """Runs a command, and prints its error with the advice if it fails."""
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        print(f"{' '.join(map(str, command))} failed ({advice}):\n{done.stderr.strip()}", file=sys.stderr)
    return done.returncode == 0


if __name__ == "__main__":
    programs = ensure(Path(sys.argv[1]).resolve(), Path(sys.argv[2]), sys.argv[3]) if sys.argv[1:] else ensure()
    if programs:
        print(programs)
    sys.exit(0 if programs else 1)

