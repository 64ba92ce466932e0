"""Has LocalStack's CloudFormation ask twice a second whether a resource is ready. By itself, it sleeps for five seconds
between two questions, once for each function of a stack."""

from functools import partialmethod

from localstack.runtime import hooks

SECONDS = 0.5


@hooks.on_infra_start()
def ask_often() -> None:
    from localstack.services.cloudformation.resource_provider import ResourceProviderExecutor as Executor

    Executor.deploy_loop = partialmethod(Executor.deploy_loop, sleep_time=SECONDS)
