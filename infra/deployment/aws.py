"""AWS's services: those of an account, or of an endpoint on this machine."""

import os
from functools import cache
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from deployment.problem import Problem

# What every service on this machine takes.
LOCAL = {"aws_access_key_id": "local", "aws_secret_access_key": "local", "region_name": "us-east-1"}
LOOPBACK = ("127.0.0.1", "localhost", "::1")
# What services say of what is not there, each in its own words.
NOTHING = ("ResourceNotFoundException", "NoSuchBucket", "NoSuchKey", "404")


class Aws:
    """Where everything goes."""

    def __init__(self, endpoint: str | None) -> None:
        self.endpoint = endpoint
        self.is_local = endpoint is not None and urlsplit(endpoint).hostname in LOOPBACK
        if self.is_local:
            # Neither a profile nor a proxy of whoever runs this is for their own machine.
            os.environ.pop("AWS_PROFILE", None)
        # boto3 by itself knows AWS_DEFAULT_REGION only, unlike AWS's other tools.
        named = {"region_name": os.environ.get("AWS_REGION") or None}
        self._session = boto3.Session(**LOCAL if self.is_local else named)
        self.region = self._session.region_name
        if not self.region:
            raise Problem("no region is named: set AWS_REGION, such as AWS_REGION=eu-west-1")
        self.partition = self._session.get_partition_for_region(self.region)
        try:
            self.account = self.client("sts").get_caller_identity()["Account"]
        except (BotoCoreError, ClientError) as error:
            advice = "is LocalStack there?" if self.is_local else "`aws configure`, `aws sso login` or AWS_PROFILE names some"
            raise Problem(f"there are no credentials that AWS takes ({error}): {advice}") from error

    @cache
    def client(self, service: str):
        """A client of a service."""
        config = Config(retries={"mode": "standard"}, proxies={} if self.is_local else None)
        if self.endpoint:
            config = config.merge(Config(s3={"addressing_style": "path"}))
        return self._session.client(service, endpoint_url=self.endpoint, config=config)


def found(call, **arguments) -> dict | None:
    """What a call answers; nothing if what it is about is not there."""
    try:
        return call(**arguments)
    except ClientError as error:
        if error.response["Error"]["Code"] in NOTHING or "does not exist" in str(error):
            return None
        raise
