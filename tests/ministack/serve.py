"""Runs MiniStack on a port of 127.0.0.1, with functions as local processes. It says `ready endpoint=…`, and ends with
SIGINT or SIGTERM. No process stays behind. What it can't do is in lacks.py."""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "infra"), str(ROOT / "localstack/host")]

import venv  # of infra, not Python's

from server import adopt_orphans, ask, end, ended

FOLDER, LIST = ROOT / "target/ministack", Path(__file__).with_name("requirements.txt")
# How long it may take to start on a busy machine, in seconds.
PATIENCE = 120


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="its port on 127.0.0.1")
    port = parser.parse_args().port
    for ends in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ends, signal.default_int_handler)
    programs = venv.ensure(FOLDER, LIST, "MiniStack")
    if programs is None:
        return 1
    adopt_orphans()
    ministack = launch(programs, port)
    try:
        until = time.monotonic() + PATIENCE
        while not ask(port, "/_ministack/health"):
            if ministack.poll() is not None or time.monotonic() > until:
                print(f"ministack: it does not get ready; its log is {FOLDER / f'at-{port}/log'}", file=sys.stderr)
                return 1
            time.sleep(0.1)
        print(f"ready endpoint=http://127.0.0.1:{port}", flush=True)
        return ended(ministack)
    except KeyboardInterrupt:
        return 0
    finally:
        for ends in (signal.SIGINT, signal.SIGTERM):
            signal.signal(ends, signal.SIG_IGN)
        end(ministack)


def launch(programs: Path, port: int) -> subprocess.Popen:
    """Starts it, with nothing in it. It dies with this process."""
    place = FOLDER / f"at-{port}"
    shutil.rmtree(place, ignore_errors=True)
    (place / "tmp").mkdir(parents=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "ROLLCALL_"))}
    environment |= {
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        # It is a part of the URLs of queues.
        "MINISTACK_HOST": "127.0.0.1",
        # What functions call.
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "LAMBDA_EXECUTOR": "local",
        "LOG_LEVEL": "WARNING",
        "PYTHONDONTWRITEBYTECODE": "1",
        "TMPDIR": str(place / "tmp"),
    }
    command = ["setpriv", "--pdeathsig", "KILL", str(programs / "python"), str(Path(__file__).with_name("mended.py"))]
    with open(place / "log", "wb") as log:
        return subprocess.Popen(
            command, cwd=place, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )


if __name__ == "__main__":
    sys.exit(main())
