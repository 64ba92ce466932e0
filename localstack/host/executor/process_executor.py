"""LocalStack's Lambda executor for machines without Docker: `bootstrap` binaries run as local processes.

One executor is one execution environment. It handles one invocation at a time; LocalStack creates as many as it needs.
Only the `provided.*` runtimes are supported. There are no layers and no memory limit.
"""

import json
import logging
import time

from localstack import config
from localstack.services.lambda_.invocation.executor_endpoint import ShutdownDuringStartup
from localstack.services.lambda_.invocation.lambda_models import FunctionVersion, InvocationResult
from localstack.services.lambda_.invocation.plugins import RuntimeExecutorPlugin
from localstack.services.lambda_.invocation.runtime_executor import (
    LambdaRuntimeException,
    RuntimeExecutor,
)

from bootstrap_process import BootstrapProcess, Failure

LOG = logging.getLogger(__name__)
ADDRESS = "127.0.0.1"


class ProcessExecutorPlugin(RuntimeExecutorPlugin):
    """Makes the executor available as `LAMBDA_RUNTIME_EXECUTOR=process`."""

    name = "process"

    def load(self, *args, **kwargs):
        return ProcessExecutor


class ProcessExecutor(RuntimeExecutor):
    """One execution environment."""

    def __init__(self, id: str, function_version: FunctionVersion) -> None:
        super().__init__(id=id, function_version=function_version)
        self.env = {}
        self.process = None
        self.stopped = False
        self.init_ms = None

    def start(self, env_vars: dict[str, str]) -> None:
        """Starts the process and waits until it polls for an event.

        This call succeeds even if the process fails to start. As on Lambda, it is started again with the first event,
        whose answer then has the error.
        """
        code = str(self.function_version.config.code.get_unzipped_code_location())
        self.env = {
            **{name: str(value) for name, value in env_vars.items()},
            "LAMBDA_TASK_ROOT": code,
            "LANG": "en_US.UTF-8",
            "PATH": "/usr/local/bin:/usr/bin:/bin:/opt/bin",
        }
        self._spawn()

    def _spawn(self) -> None:
        began = time.monotonic()
        self.process = BootstrapProcess(self.env["LAMBDA_TASK_ROOT"], self.env)
        self.process.wait_until_ready()
        if self.stopped:
            self.process.kill()
            raise ShutdownDuringStartup("the execution environment was stopped while it started")
        self.init_ms = (time.monotonic() - began) * 1000

    def invoke(self, payload: dict[str, str]) -> InvocationResult:
        """Gives one event to the process, and waits for its answer, at most for the function's timeout."""
        request_id = payload["invoke-id"]
        earlier_log = ""
        if not self.process.is_alive():
            earlier_log = self.process.take_log()
            self._spawn()
        began = time.monotonic()
        timeout = self.function_version.config.timeout
        try:
            answer = self.process.invoke(
                request_id=request_id,
                payload=payload["payload"].encode(),
                headers={
                    "Lambda-Runtime-Invoked-Function-Arn": payload["invoked-function-arn"],
                    "Lambda-Runtime-Trace-Id": payload["trace-id"],
                },
                timeout=timeout,
            )
            result, is_error = answer.payload, answer.is_error
        except Failure as failure:
            if failure.timed_out:
                self.process.kill()
            text = f"RequestId: {request_id} Error: {failure}"
            result, is_error = json.dumps({"errorType": failure.kind, "errorMessage": text}).encode(), True
        logs = self._logs(request_id, earlier_log + self.process.take_log(), (time.monotonic() - began) * 1000)
        return InvocationResult(request_id, result, is_error=is_error, logs=logs)

    def _logs(self, request_id: str, lines: str, took_ms: float) -> str:
        """The output of the process, between the lines that Lambda adds."""
        if lines and not lines.endswith("\n"):
            lines += "\n"
        init, self.init_ms = self.init_ms, None
        report = [
            f"REPORT RequestId: {request_id}",
            f"Duration: {took_ms:.2f} ms",
            f"Billed Duration: {int(took_ms) + 1} ms",
            f"Memory Size: {self.function_version.config.memory_size} MB",
            f"Max Memory Used: {self.process.peak_memory_mb()} MB",
        ]
        if init is not None:
            report.append(f"Init Duration: {init:.2f} ms")
        version = self.function_version.id.qualifier
        start, end = f"START RequestId: {request_id} Version: {version}\n", f"END RequestId: {request_id}\n"
        return start + lines + end + "\t".join(report) + "\n"

    def stop(self) -> None:
        self.stopped = True
        if self.process:
            self.process.kill()

    def get_address(self) -> str:
        return ADDRESS

    def get_endpoint_from_executor(self) -> str:
        return ADDRESS

    def get_runtime_endpoint(self) -> str:
        return f"http://{ADDRESS}:{config.GATEWAY_LISTEN[0].port}/_localstack_lambda/{self.id}"

    def get_logs(self) -> str:
        return self.process.take_log() if self.process else ""

    @classmethod
    def prepare_version(cls, function_version: FunctionVersion) -> None:
        runtime = function_version.config.runtime or "a container image"
        if not runtime.startswith("provided."):
            raise LambdaRuntimeException(f"the process executor runs provided.* functions only, not {runtime}")
        if function_version.config.layers:
            raise LambdaRuntimeException("the process executor has no layers")
        function_version.config.code.prepare_for_execution()
        code = function_version.config.code.get_unzipped_code_location()
        if not (code / "bootstrap").is_file():
            raise LambdaRuntimeException("the function's zip has no file `bootstrap` at its top")

    @classmethod
    def cleanup_version(cls, function_version: FunctionVersion) -> None:
        """Does nothing: LocalStack removes the unzipped code with the function."""

    @classmethod
    def validate_environment(cls) -> bool:
        return True
