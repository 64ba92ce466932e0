"""The services of AWS, in an account or at an endpoint on this machine."""

import os
from functools import cache
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from deployment.problem import Problem

# Credentials and region that every service on this machine accepts.
LOCAL = {"aws_access_key_id": "local", "aws_secret_access_key": "local", "region_name": "us-east-1"}
LOOPBACK = ("127.0.0.1", "localhost", "::1")
# The error codes with which the services say that something does not exist.
NOT_FOUND = ("ResourceNotFoundException", "NoSuchBucket", "NoSuchKey", "404")


class Aws:
    """The AWS account and region, or the LocalStack, that is deployed to."""

    def __init__(self, endpoint: str | None) -> None:
        self.endpoint = endpoint
        self.is_local = endpoint is not None and urlsplit(endpoint).hostname in LOOPBACK
        if self.is_local:
            # The user's AWS profile is not for services on this machine.
            os.environ.pop("AWS_PROFILE", None)
        # boto3 reads AWS_DEFAULT_REGION only. Other tools of AWS read AWS_REGION, too.
        region = {"region_name": os.environ.get("AWS_REGION") or None}
        self._session = boto3.Session(**LOCAL if self.is_local else region)
        self.region = self._session.region_name
        if not self.region:
            raise Problem("no region is named: set AWS_REGION, such as AWS_REGION=eu-west-1")
        self.partition = self._session.get_partition_for_region(self.region)
        try:
            self.account = self.client("sts").get_caller_identity()["Account"]
        except (BotoCoreError, ClientError) as error:
            if self.is_local:
                raise Problem(f"{endpoint} can't be used ({error}): is LocalStack running?") from error
            advice = "set some with `aws configure`, `aws sso login` or AWS_PROFILE"
            raise Problem(f"there are no credentials that AWS accepts ({error}): {advice}") from error

    @cache
    def client(self, service: str):
        """A client of a service. On this machine it uses no proxy."""
        config = Config(retries={"mode": "standard"}, proxies={} if self.is_local else None)
        if self.endpoint:
            config = config.merge(Config(s3={"addressing_style": "path"}))
        return self._session.client(service, endpoint_url=self.endpoint, config=config)


def or_none(call, **arguments) -> dict | None:
    """The answer of a call. None if the resource that it names does not exist."""
    try:
        return call(**arguments)
    except ClientError as error:
        if error.response["Error"]["Code"] in NOT_FOUND or "does not exist" in str(error):
            return None
        raise
