"""Makes LocalStack's CloudFormation ask twice a second whether a resource is ready. By itself it waits for five seconds
between two questions (LocalStack 4.9.2, `ResourceProviderExecutor.deploy_loop`), and each function of a stack needs two."""

from functools import partialmethod

from localstack.runtime import hooks

# How long it waits between two questions.
SECONDS = 0.5


@hooks.on_infra_start()
def ask_often() -> None:
    from localstack.services.cloudformation.resource_provider import ResourceProviderExecutor as Executor

    Executor.deploy_loop = partialmethod(Executor.deploy_loop, sleep_time=SECONDS)
