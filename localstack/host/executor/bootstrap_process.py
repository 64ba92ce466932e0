"""A `bootstrap` process, and the Lambda Runtime API that it is served.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import http.server
import json
import os
import re
import select
import signal
import socket
import subprocess
import threading
import time

API = "/2018-06-01/runtime"
ANSWER = re.compile(re.escape(API) + r"/invocation/([^/]+)/(response|error)")
# What a function may answer with, in bytes (AWS Lambda quotas: 6 MB for synchronous invocations).
LARGEST_ANSWER = 6 * 1024 * 1024
# What is kept of a log that nobody takes, in bytes.
LARGEST_LOG = 1024 * 1024


class Failure(Exception):
    """Why an invocation has no answer of the function's own. `kind` is Lambda's `errorType`."""

    def __init__(self, kind: str, message: str, timed_out: bool = False) -> None:
        super().__init__(message)
        self.kind = kind
        self.timed_out = timed_out


class Answer:
    """What a function answered; what `init/error` was told is an error, too."""

    def __init__(self, payload: bytes, is_error: bool) -> None:
        self.payload = payload
        self.is_error = is_error


class Invocation:
    """One event on its way to the function, and its answer on its way back."""

    def __init__(self, request_id: str, payload: bytes, headers: dict[str, str]) -> None:
        self.request_id = request_id
        self.payload = payload
        self.headers = headers
        self.taken = False
        self.answer = None


class BootstrapProcess:
    """One process. It runs one invocation at a time."""

    def __init__(self, folder: str, env: dict[str, str]) -> None:
        self.changed = threading.Condition()
        self.log = Log()
        self.ready = False
        self.killed = False
        self.invocation = None
        self.init_error = None
        self.end = None
        self.popen = None
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler(self))
        self.server.daemon_threads = True
        threading.Thread(target=self._serve, daemon=True).start()
        env = {**env, "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self.server.server_port}"}
        # The kernel kills the process with the thread that made it, so that thread waits for its end.
        threading.Thread(target=self._live, args=(folder, env), daemon=True).start()

    def _live(self, folder: str, env: dict[str, str]) -> None:
        command = ["setpriv", "--pdeathsig", "KILL", os.path.join(folder, "bootstrap")]
        output, theirs = os.pipe()
        how = "Runtime was stopped"
        try:
            with self.changed:
                if not self.killed:
                    self.popen = subprocess.Popen(
                        command, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs
                    )
        except OSError as error:
            how = f"Runtime can't be started: {error}"
        os.close(theirs)
        self.log.follow(output)
        if self.popen:
            status = self.popen.wait()
            self.log.drain()
            reason = f"exit status {status}" if status >= 0 else f"signal: {signal.Signals(-status).name}"
            how = f"Runtime exited with error: {reason}"
        with self.changed:
            self.end = how
            self.changed.notify_all()
        # Wakes whoever waits for a connection.
        self.server.socket.shutdown(socket.SHUT_RDWR)
        self.server.server_close()

    def _serve(self) -> None:
        while True:
            try:
                connection, address = self.server.get_request()
            except OSError:
                return
            self.server.process_request(connection, address)

    def wait_until_ready(self) -> None:
        """Waits until the process asks for its first event, or has ended, or is killed."""
        with self.changed:
            self.changed.wait_for(lambda: self.ready or self.end or self.killed)

    def is_alive(self) -> bool:
        """Whether it can take an event."""
        with self.changed:
            return not self.end and not self.killed

    def invoke(self, request_id: str, payload: bytes, headers: dict[str, str], timeout: float) -> Answer:
        """The function's answer to an event; raises Failure if it has none, or not within the timeout in seconds."""
        deadline = f"{int((time.time() + timeout) * 1000)}"
        invocation = Invocation(request_id, payload, {**headers, "Lambda-Runtime-Deadline-Ms": deadline})
        with self.changed:
            self.invocation = invocation
            self.changed.notify_all()
            in_time = self.changed.wait_for(lambda: invocation.answer or self.end or self.killed, timeout)
            self.invocation = None
            if invocation.answer:
                self.log.drain()
                return invocation.answer
            if self.init_error:
                return self.init_error
            if in_time:
                raise Failure("Runtime.ExitError", self.end or "Runtime was stopped")
        raise Failure("Sandbox.Timedout", f"Task timed out after {timeout:.2f} seconds", timed_out=True)

    def next(self) -> Invocation | None:
        """The next event for the process: waits for one. Nothing if the process is gone."""
        with self.changed:
            self.ready = True
            self.changed.notify_all()
            waiting = lambda: self.invocation is not None and not self.invocation.taken
            self.changed.wait_for(lambda: waiting() or self.end or self.killed)
            if self.end or self.killed:
                return None
            self.invocation.taken = True
            return self.invocation

    def answered(self, request_id: str, answer: Answer) -> bool:
        """The process answers; says whether anybody waits for that."""
        with self.changed:
            if self.invocation is None or self.invocation.request_id != request_id:
                return False
            self.invocation.answer = answer
            self.changed.notify_all()
            return True

    def failed_to_start(self, answer: Answer) -> None:
        """The process says that it can't start. It ends by itself then."""
        with self.changed:
            self.init_error = answer

    def kill(self) -> None:
        """Ends the process."""
        with self.changed:
            self.killed = True
            if self.popen and self.popen.poll() is None:
                self.popen.kill()
            self.changed.notify_all()

    def take_log(self) -> str:
        """What the process wrote since this was last called."""
        return self.log.take()

    def peak_memory_mb(self) -> int:
        """The most memory that the process ever held, in MB; 0 if it is gone."""
        try:
            with open(f"/proc/{self.popen.pid}/status", encoding="ascii") as status:
                peak = next(line for line in status if line.startswith("VmHWM:"))
            return int(peak.split()[1]) // 1024
        except (OSError, StopIteration, AttributeError):
            return 0


class Log:
    """What a process writes."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.output = None
        self.text = bytearray()

    def follow(self, output: int) -> None:
        """Reads from this pipe until nobody writes to it any more. Returns at once."""
        os.set_blocking(output, False)
        self.output = output
        threading.Thread(target=self._follow, daemon=True).start()

    def _follow(self) -> None:
        waiting = select.poll()
        waiting.register(self.output, select.POLLIN)
        while self.drain():
            waiting.poll()
        with self.lock:
            os.close(self.output)
            self.output = None

    def drain(self) -> bool:
        """Reads what has been written by now; says whether more may come."""
        with self.lock:
            while self.output is not None:
                try:
                    read = os.read(self.output, 65536)
                except BlockingIOError:
                    return True
                if not read:
                    return False
                self.text += read
                del self.text[:-LARGEST_LOG]
            return False

    def take(self) -> str:
        with self.lock:
            text, self.text = self.text, bytearray()
        return text.decode(errors="replace")


def too_large(length: int) -> Answer:
    text = f"Response payload size ({length} bytes) exceeded maximum allowed payload size ({LARGEST_ANSWER} bytes)."
    return Answer(json.dumps({"errorType": "Function.ResponseSizeTooLarge", "errorMessage": text}).encode(), is_error=True)


def handler(process: BootstrapProcess) -> type[http.server.BaseHTTPRequestHandler]:
    """What serves the Runtime API to this process."""

    class RuntimeApi(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            if self.path != f"{API}/invocation/next":
                return self._reply(404, b"{}")
            invocation = process.next()
            if invocation is None:
                self.close_connection = True
                return None
            return self._reply(
                200, invocation.payload, {"Lambda-Runtime-Aws-Request-Id": invocation.request_id, **invocation.headers}
            )

        def do_POST(self) -> None:
            body, length = self._body()
            if self.path == f"{API}/init/error":
                process.failed_to_start(Answer(body, is_error=True))
                return self._reply(202, b'{"status":"OK"}')
            answered = ANSWER.fullmatch(self.path)
            if not answered:
                return self._reply(404, b"{}")
            request_id, what = answered.groups()
            if length > LARGEST_ANSWER:
                process.answered(request_id, too_large(length))
                return self._reply(413, b'{"errorType":"RequestEntityTooLarge"}')
            if process.answered(request_id, Answer(body, is_error=what == "error")):
                return self._reply(202, b'{"status":"OK"}')
            return self._reply(400, b'{"errorType":"InvalidRequestID"}')

        def _body(self) -> tuple[bytes, int]:
            """What is sent, as far as it may be answered with; and how long it is, all of which is read."""
            body, length = bytearray(), 0
            for part in self._parts():
                length += len(part)
                if length <= LARGEST_ANSWER:
                    body += part
            return bytes(body), length

        def _parts(self):
            if "chunked" not in self.headers.get("Transfer-Encoding", ""):
                left = int(self.headers.get("Content-Length") or 0)
                while part := self.rfile.read(min(left, 65536)):
                    left -= len(part)
                    yield part
                return
            while size := int(self.rfile.readline().split(b";")[0] or b"0", 16):
                yield self.rfile.read(size)
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass

        def _reply(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            # In one write with the headers: two would wait for each other (Nagle's algorithm, delayed ACKs).
            self._headers_buffer.append(b"\r\n" + body)
            self.flush_headers()

        def log_message(self, *_) -> None:
            """The function's log is the process's own."""

    return RuntimeApi
