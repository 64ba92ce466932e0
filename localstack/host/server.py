"""Starts LocalStack, waits until it is ready, and ends it."""

import ctypes
import fcntl
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from install import Installed
from problem import Problem

VERSION = "4.9.2"
INIT = Path(__file__).resolve().parent.parent / "init"
# The definition of the table, which the deployment uses, too.
TABLE = INIT.parent.parent / "infra/table.json"
# How long LocalStack may take, in seconds: to get ready on a busy machine, and to end before it is killed.
START_TIMEOUT, GRACE = 180, 3


class Place:
    """The files of the LocalStack at one port. The process that runs it holds a lock on one of them. The operating
    system releases the lock when that process ends, even if it is killed."""

    def __init__(self, folder: Path, port: int) -> None:
        self.port = port
        self.folder = folder / f"at-{port}"
        self.log = self.folder / "log"
        self.root = self.folder / "root"
        self.tmp = self.folder / "tmp"

    def claim(self) -> "int | None":
        """Takes the lock, and returns the file descriptor that holds it until it is closed. None if it is taken."""
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        for last in [False] * 10 + [True]:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if last:
                    os.close(lock)
                    return None
                # `holder` takes the lock for a moment.
                time.sleep(0.02)
        os.truncate(lock, 0)
        os.write(lock, str(os.getpid()).encode())
        return lock

    def holder(self) -> "int | None":
        """The id of the process that runs LocalStack. None if it does not run."""
        try:
            with open(self.folder / "lock", "rb") as lock:
                try:
                    fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
                    return None
                except BlockingIOError:
                    return int(lock.read() or 0) or None
        except FileNotFoundError:
            return None

    def end_of_log(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join(f"    {line}" for line in lines[-15:])


def refuse_taken(port: int) -> None:
    """Raises a Problem that says which program uses the port, if one does."""
    try:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return
    except OSError:
        pass
    health = ask(port, "/_localstack/health")
    if health and "version" in health:
        who = f"LocalStack {health['version']} that was not started here"
        if health["version"] != VERSION:
            who += f" (this script runs {VERSION})"
    else:
        who = "another program"
    raise Problem(f"port {port} is taken by {who}: stop it, or choose another port with --port")


def ask(port: int, path: str) -> "dict | None":
    """The JSON object that an HTTP server at this port answers with. None if it answers with anything else."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        answer = json.loads(connection.getresponse().read())
        return answer if isinstance(answer, dict) else None
    except (OSError, ValueError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def launch(place: Place, installed: Installed, keep: bool) -> subprocess.Popen:
    """Starts LocalStack. The kernel kills it when this process ends."""
    if not keep:
        shutil.rmtree(place.root, ignore_errors=True)
    shutil.rmtree(place.tmp, ignore_errors=True)
    place.tmp.mkdir(parents=True)
    _link(place.root / "usr/lib/localstack/dynamodb-local/2", installed.dynamodb)
    _link(place.root / "usr/lib/localstack/java/21", installed.java)
    _link(place.root / "etc/localstack/init", INIT)
    _link(place.root / "etc/localstack/table.json", TABLE)
    with open(place.log, "wb") as log:
        return subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", str(installed.python), "-B", "-m", "localstack.runtime.main"],
            cwd=place.folder, env=_environment(place, installed, keep), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            start_new_session=True,
        )


def _link(path: Path, target: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.symlink_to(target)


def _environment(place: Place, installed: Installed, keep: bool) -> dict[str, str]:
    """LocalStack's environment variables. Only PATH is the user's: a proxy or an AWS profile must not be used on
    loopback."""
    return {
        "LD_PRELOAD": str(installed.loopback),
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(place.tmp),
        "TMPDIR": str(place.tmp),
        "FILESYSTEM_ROOT": str(place.root),
        "GATEWAY_LISTEN": f"127.0.0.1:{place.port}",
        "LOCALSTACK_HOST": f"localhost:{place.port}",
        "OVERRIDE_IN_DOCKER": "0",
        # These switch off the name server, a download and the usage statistics.
        "DNS_ADDRESS": "0",
        "SKIP_SSL_CERT_DOWNLOAD": "1",
        "DISABLE_EVENTS": "1",
        # This provider uses the streams of DynamoDB Local. The default provider lost a record.
        "PROVIDER_OVERRIDE_DYNAMODB": "v2",
        # The newer engine resolves every reference anew each time, and does not come to an end with
        # infra/template.yaml.
        "PROVIDER_OVERRIDE_CLOUDFORMATION": "engine-legacy",
        "DYNAMODB_IN_MEMORY": "0" if keep else "1",
        "PERSISTENCE": "1" if keep else "0",
        "SQS_ENDPOINT_STRATEGY": "path",
        "LAMBDA_RUNTIME_EXECUTOR": "process",
        # Without it, mappings from streams and queues wait up to 15 s between two polls.
        "LAMBDA_EVENT_SOURCE_MAPPING_MAX_BACKOFF_ON_EMPTY_POLL_SEC": "1",
        "LS_LOG": "warning",
    }


def wait_until_ready(place: Place, server: subprocess.Popen) -> None:
    """Waits until the scripts in `localstack/init` have run. They create the table, which also starts the JVM of
    DynamoDB Local."""
    deadline = time.monotonic() + START_TIMEOUT
    while True:
        if server.poll() is not None:
            code = server.returncode
            ended = f"LocalStack ended with exit code {code}"
            raise Problem(f"{ended}; its log {place.log} ends with\n{place.end_of_log()}")
        ready = ask(place.port, "/_localstack/init/ready") or {}
        if ready.get("completed"):
            break
        if time.monotonic() > deadline:
            waited = f"LocalStack is not ready after {START_TIMEOUT} s"
            raise Problem(f"{waited}; its log {place.log} ends with\n{place.end_of_log()}")
        time.sleep(0.1)
    failed = [script["name"] for script in ready["scripts"] if script["state"] != "SUCCESSFUL"]
    if failed or not ready["scripts"]:
        reason = f"localstack/init failed: {', '.join(failed)}" if failed else "localstack/init has no script"
        raise Problem(f"{reason}; the log {place.log} ends with\n{place.end_of_log()}")


def wait_for_another(place: Place) -> bool:
    """Waits until the LocalStack that another process is starting is ready. False if that process ends before."""
    while place.holder():
        if (ask(place.port, "/_localstack/init/ready") or {}).get("completed"):
            return True
        time.sleep(0.1)
    return False


def adopt_orphans() -> None:
    """Makes this process the parent of the orphaned processes of LocalStack, so that it can wait for their end
    (prctl(2), PR_SET_CHILD_SUBREAPER)."""
    ctypes.CDLL(None, use_errno=True).prctl(36, 1, 0, 0, 0)


def end(server: subprocess.Popen) -> None:
    """Ends LocalStack, and waits until the processes that it started have ended, too."""
    server.send_signal(signal.SIGTERM)
    try:
        server.wait(GRACE)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
    try:
        while True:
            os.wait()
    except ChildProcessError:
        pass
