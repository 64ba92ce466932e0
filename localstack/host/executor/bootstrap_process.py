"""Runs a `bootstrap` process and serves the Lambda Runtime API to it.

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
# The largest answer of a function, in bytes (AWS Lambda quotas: 6 MB for synchronous invocations).
LARGEST_ANSWER = 6 * 1024 * 1024
# How much of a log is kept until it is taken, in bytes; of a longer one, its end.
LARGEST_LOG = 1024 * 1024


class Failure(Exception):
    """An invocation that the function did not answer. `kind` is the `errorType` that Lambda reports then."""

    def __init__(self, kind: str, message: str, timed_out: bool = False) -> None:
        super().__init__(message)
        self.kind = kind
        self.timed_out = timed_out


class Answer:
    """The answer of a function. The body that it posts to `init/error` is an answer, too: an error."""

    def __init__(self, payload: bytes, is_error: bool) -> None:
        self.payload = payload
        self.is_error = is_error


class Invocation:
    """One event for the function, and the function's answer. `taken` is true once the process has got the event."""

    def __init__(self, request_id: str, payload: bytes, headers: dict[str, str]) -> None:
        self.request_id = request_id
        self.payload = payload
        self.headers = headers
        self.taken = False
        self.answer = None


class BootstrapProcess:
    """One process of a function. It handles one invocation at a time."""

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
        # The kernel kills the process when the thread that started it ends. So that thread waits for the process.
        threading.Thread(target=self._run, args=(folder, env), daemon=True).start()

    def _run(self, folder: str, env: dict[str, str]) -> None:
        command = ["setpriv", "--pdeathsig", "KILL", os.path.join(folder, "bootstrap")]
        output, its_end = os.pipe()
        end = "Runtime was stopped"
        try:
            with self.changed:
                if not self.killed:
                    self.popen = subprocess.Popen(
                        command, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=its_end, stderr=its_end
                    )
        except OSError as error:
            end = f"Runtime can't be started: {error}"
        os.close(its_end)
        self.log.follow(output)
        if self.popen:
            status = self.popen.wait()
            self.log.drain()
            reason = f"exit status {status}" if status >= 0 else f"signal: {signal.Signals(-status).name}"
            end = f"Runtime exited with error: {reason}"
        with self.changed:
            self.end = end
            self.changed.notify_all()
        # Wakes `_serve`, which waits for a connection.
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
        """Waits until the process polls for its first event, has ended, or is killed."""
        with self.changed:
            self.changed.wait_for(lambda: self.ready or self.end or self.killed)

    def is_alive(self) -> bool:
        """Whether the process can get an event."""
        with self.changed:
            return not self.end and not self.killed

    def invoke(self, request_id: str, payload: bytes, headers: dict[str, str], timeout: float) -> Answer:
        """The function's answer to an event. Raises a Failure if the process ends without an answer, or has none within
        the timeout in seconds."""
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
        """Waits for the next event for the process. None if the process has ended."""
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
        """Takes an answer of the process. False if no invocation waits for it."""
        with self.changed:
            if self.invocation is None or self.invocation.request_id != request_id:
                return False
            self.invocation.answer = answer
            self.changed.notify_all()
            return True

    def failed_to_start(self, answer: Answer) -> None:
        """Takes the error with which the process could not start. The process then ends by itself."""
        with self.changed:
            self.init_error = answer

    def kill(self) -> None:
        """Kills the process, if it runs."""
        with self.changed:
            self.killed = True
            if self.popen and self.popen.poll() is None:
                self.popen.kill()
            self.changed.notify_all()

    def take_log(self) -> str:
        """The output of the process since the last call."""
        return self.log.take()

    def peak_memory_mb(self) -> int:
        """The peak memory of the process (VmHWM), in MB. 0 if it has ended."""
        try:
            with open(f"/proc/{self.popen.pid}/status", encoding="ascii") as status:
                peak = next(line for line in status if line.startswith("VmHWM:"))
            return int(peak.split()[1]) // 1024
        except (OSError, StopIteration, AttributeError):
            return 0


class Log:
    """The output of a process."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.output = None
        self.text = bytearray()

    def follow(self, output: int) -> None:
        """Starts a thread that reads this pipe until all its writers have closed it."""
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
        """Reads everything that has been written. False if nothing can follow, because all writers have closed the
        pipe."""
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
    """The HTTP handler that serves the Runtime API to this process."""

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
            match = ANSWER.fullmatch(self.path)
            if not match:
                return self._reply(404, b"{}")
            request_id, kind = match.groups()
            if length > LARGEST_ANSWER:
                process.answered(request_id, too_large(length))
                return self._reply(413, b'{"errorType":"RequestEntityTooLarge"}')
            if process.answered(request_id, Answer(body, is_error=kind == "error")):
                return self._reply(202, b'{"status":"OK"}')
            return self._reply(400, b'{"errorType":"InvalidRequestID"}')

        def _body(self) -> tuple[bytes, int]:
            """The body of the request and its length. The rest of a body over the largest answer is dropped."""
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
            # One write for headers and body. With two, the second would wait for the acknowledgement of the first,
            # which the receiver delays (Nagle's algorithm, delayed ACKs).
            self._headers_buffer.append(b"\r\n" + body)
            self.flush_headers()

        def log_message(self, *_) -> None:
            """Logs no requests: the log of a function has only the lines of its process."""

    return RuntimeApi
