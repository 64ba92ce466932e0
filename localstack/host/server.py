"""A running LocalStack: starting it, waiting for it, ending it."""

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
# The only definitions of the tables.
TABLES = [INIT.parent.parent / "infra" / name for name in ("nodes.json", "records.json")]
# How long it may take, in seconds: starting on a busy machine, and ending before it is killed.
PATIENCE, GRACE = 180, 3
# How long the process that runs it takes to end it, at the most: LocalStack has its grace, is killed and has it again, and
# then all that it left.
LONGEST_END = 3 * GRACE + 1


class Place:
    """The files of the LocalStack at one port. Its lock is held as long as it runs, and no longer, whatever happens."""

    def __init__(self, folder: Path, port: int) -> None:
        self.port = port
        self.folder = folder / f"at-{port}"
        self.log = self.folder / "log"
        self.root = self.folder / "root"
        self.tmp = self.folder / "tmp"

    def claim(self) -> "int | None":
        """Takes the lock, which lasts as long as the descriptor; nothing if it is taken."""
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
                # Perhaps somebody is only looking.
                time.sleep(0.02)
        os.truncate(lock, 0)
        os.write(lock, str(os.getpid()).encode())
        return lock

    def holder(self) -> "int | None":
        """The process that runs it; nothing if it does not run."""
        try:
            with open(self.folder / "lock", "rb") as lock:
                try:
                    fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
                    return None
                except BlockingIOError:
                    return int(lock.read() or 0) or None
        except FileNotFoundError:
            return None

    def last_words(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join(f"    {line}" for line in lines[-15:])


def refuse_taken(port: int) -> None:
    """Says who has the port, if somebody has."""
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
            who += f" (this is for {VERSION})"
    else:
        who = "another program"
    raise Problem(f"port {port} is taken by {who}: stop it, or choose another port with --port")


def ask(port: int, path: str) -> "dict | None":
    """LocalStack's answer, if it gives one."""
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
    """Starts LocalStack, which dies with this process."""
    if not keep:
        shutil.rmtree(place.root, ignore_errors=True)
    shutil.rmtree(place.tmp, ignore_errors=True)
    place.tmp.mkdir(parents=True)
    _link(place.root / "usr/lib/localstack/dynamodb-local/2", installed.dynamodb)
    _link(place.root / "usr/lib/localstack/java/21", installed.java)
    _link(place.root / "etc/localstack/init", INIT)
    for table in TABLES:
        _link(place.root / "etc/localstack" / table.name, table)
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
    """Nothing of the user's but PATH: neither a proxy nor an AWS profile is for loopback."""
    return {
        "LD_PRELOAD": str(installed.loopback),
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(place.tmp),
        "TMPDIR": str(place.tmp),
        "FILESYSTEM_ROOT": str(place.root),
        "GATEWAY_LISTEN": f"127.0.0.1:{place.port}",
        "LOCALSTACK_HOST": f"localhost:{place.port}",
        "OVERRIDE_IN_DOCKER": "0",
        # No name server, no download, no call home.
        "DNS_ADDRESS": "0",
        "SKIP_SSL_CERT_DOWNLOAD": "1",
        "DISABLE_EVENTS": "1",
        # DynamoDB Local's own streams: the default provider lost a record.
        "PROVIDER_OVERRIDE_DYNAMODB": "v2",
        # The newer engine follows every reference again and again: it does not end with infra/template.yaml.
        "PROVIDER_OVERRIDE_CLOUDFORMATION": "engine-legacy",
        "DYNAMODB_IN_MEMORY": "0" if keep else "1",
        "PERSISTENCE": "1" if keep else "0",
        "SQS_ENDPOINT_STRATEGY": "path",
        "LAMBDA_RUNTIME_EXECUTOR": "process",
        # Else mappings from streams and queues idle for up to 15 s.
        "LAMBDA_EVENT_SOURCE_MAPPING_MAX_BACKOFF_ON_EMPTY_POLL_SEC": "1",
        "LS_LOG": "warning",
    }


def wait_until_ready(place: Place, server: subprocess.Popen) -> None:
    """Waits until `localstack/init` has run: its tables also start DynamoDB Local's JVM."""
    until = time.monotonic() + PATIENCE
    while True:
        if server.poll() is not None:
            raise Problem(f"LocalStack ended with {server.returncode}; its log {place.log} ends with\n{place.last_words()}")
        ready = ask(place.port, "/_localstack/init/ready") or {}
        if ready.get("completed"):
            break
        if time.monotonic() > until:
            raise Problem(f"LocalStack is not ready after {PATIENCE} s; its log {place.log} ends with\n{place.last_words()}")
        time.sleep(0.1)
    failed = [script["name"] for script in ready["scripts"] if script["state"] != "SUCCESSFUL"]
    if failed or not ready["scripts"]:
        raise Problem(f"localstack/init did not run ({', '.join(failed)}); the log {place.log} ends with\n{place.last_words()}")


def wait_for_another(place: Place) -> bool:
    """Waits until the LocalStack that somebody else starts is ready; says whether it is."""
    while place.holder():
        if (ask(place.port, "/_localstack/init/ready") or {}).get("completed"):
            return True
        time.sleep(0.1)
    return False


def adopt_orphans() -> None:
    """What LocalStack leaves behind becomes this process's to end and to wait for (prctl(2), PR_SET_CHILD_SUBREAPER)."""
    ctypes.CDLL(None, use_errno=True).prctl(36, 1, 0, 0, 0)


def ended(server: subprocess.Popen) -> int:
    """Waits until LocalStack has ended; gives its exit code."""
    # A signal that arrives just before a wait begins does not interrupt that wait: none may be long.
    while server.poll() is None:
        time.sleep(0.1)
    return server.returncode


def end(server: subprocess.Popen) -> None:
    """Ends LocalStack, and kills what it leaves behind. Takes no longer than LONGEST_END.

    What it starts is killed with it (`setpriv --pdeathsig`), except what it was just starting: that begins to follow its
    parent when this process is its parent already. LocalStack starts DynamoDB Local once more for a request that comes
    while it shuts down, and functions start programs of their own.
    """
    for signaled in (signal.SIGTERM, signal.SIGKILL):
        server.send_signal(signaled)
        try:
            server.wait(GRACE)
            break
        except subprocess.TimeoutExpired:
            pass
    until = time.monotonic() + GRACE
    while (children := _children()) and time.monotonic() < until:
        for child in children:
            os.kill(child, signal.SIGKILL)
        time.sleep(0.01)


def _children() -> list[int]:
    """The children of this process, of which those that have ended are waited for first."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return []
    found = []
    for process in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{process}/stat", "rb") as stat:
                # After the name, which may have spaces in it: the state, and the parent.
                parent = stat.read().rsplit(b")", 1)[1].split()[1]
        except OSError:
            continue
        if int(parent) == os.getpid():
            found.append(int(process))
    return found
