"""The bucket of the functions' code. Code that somebody else writes to it could be run as the functions. So the
deployment uses it only if this account owns it and its settings are as strict as the ones here."""

import json
from collections.abc import Iterator

from botocore.exceptions import ClientError

from deployment.aws import Aws, or_none
from deployment.problem import Problem, say

PRIVATE = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)
OWNED = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
ENCRYPTED = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}
# The id of the policy's statement that is set here.
TLS_ONLY = "TlsOnly"
# The error codes of S3 for a bucket that does not have a setting.
UNSET = ("NoSuchPublicAccessBlockConfiguration", "OwnershipControlsNotFoundError", "NoSuchBucketPolicy",
         "ServerSideEncryptionConfigurationNotFoundError")
# The error codes of S3 for a bucket of another account, or that ExpectedBucketOwner does not own.
NOT_OURS = ("403", "AccessDenied", "BucketAlreadyExists")


class Bucket:
    """A bucket with this name. Every call names this account as its expected owner, and S3 refuses it for other
    owners."""

    def __init__(self, aws: Aws, name: str) -> None:
        self.name, self._aws, self._client = name, aws, aws.client("s3")
        self._own = {"Bucket": name, "ExpectedBucketOwner": aws.account}

    def ready(self) -> None:
        """Creates the bucket if it does not exist. Refuses one of another account, or one with looser settings."""
        try:
            is_new = or_none(self._client.head_bucket, **self._own) is None
            if is_new:
                self._create()
            elif looser := list(self._looser()):
                raise Problem(
                    f"the bucket {self.name} has looser settings than it was created with: {', '.join(looser)}. Find "
                    "out who changed them and what the bucket contains. Then empty and delete it; the next deployment "
                    "creates it again and uploads the code again"
                )
            self._tighten()
        except ClientError as error:
            if error.response["Error"]["Code"] not in NOT_OURS:
                raise
            raise Problem(
                f"the bucket {self.name} is not account {self._aws.account}'s, or these credentials may not use it "
                f"({error}); nothing is uploaded to it. Another --stack uses a bucket with another name"
            ) from error
        if is_new:
            say(f"created the bucket {self.name}")

    def has(self, key: str, sha256: str) -> bool:
        """Whether the object with this key has the content with this hash (base64)."""
        head = or_none(self._client.head_object, Key=key, ChecksumMode="ENABLED", **self._own)
        return head is not None and head.get("ChecksumSHA256") == sha256

    def put(self, key: str, content: bytes, sha256: str) -> None:
        """Uploads an object. S3 compares the content with its hash (base64)."""
        self._client.put_object(Key=key, Body=content, ChecksumSHA256=sha256, **self._own)

    def _create(self) -> None:
        region = self._aws.region
        location = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        self._client.create_bucket(Bucket=self.name, ObjectOwnership="BucketOwnerEnforced", **location)

    def _looser(self) -> Iterator[str]:
        """The settings that somebody has loosened. S3 creates a bucket that is private and whose owner owns all objects
        (Amazon S3 User Guide, "Blocking public access"), so other values were set later. It creates it without versions
        and without a policy. If these are missing, an earlier deployment may have failed before it set them."""
        client, own = self._client, self._own
        if _setting(client.get_public_access_block, **own).get("PublicAccessBlockConfiguration") != PRIVATE:
            yield "public access is not blocked"
        if _setting(client.get_bucket_ownership_controls, **own).get("OwnershipControls") != OWNED:
            yield "objects may belong to other accounts"
        if _setting(client.get_bucket_versioning, **own).get("Status") == "Suspended":
            yield "versions are no longer kept"
        if any(statement["Effect"] == "Allow" for statement in self._statements()):
            yield "its policy allows access"

    def _tighten(self) -> None:
        """Sets all settings."""
        client, own = self._client, self._own
        client.put_public_access_block(PublicAccessBlockConfiguration=PRIVATE, **own)
        client.put_bucket_ownership_controls(OwnershipControls=OWNED, **own)
        client.put_bucket_encryption(ServerSideEncryptionConfiguration=ENCRYPTED, **own)
        client.put_bucket_versioning(VersioningConfiguration={"Status": "Enabled"}, **own)
        # The policy may have further statements, which deny something: they stay.
        others = [statement for statement in self._statements() if statement.get("Sid") != TLS_ONLY]
        policy = {"Version": "2012-10-17", "Statement": [*others, self._tls_only()]}
        client.put_bucket_policy(Policy=json.dumps(policy), **own)

    def _statements(self) -> list[dict]:
        """The statements of the bucket's policy."""
        policy = _setting(self._client.get_bucket_policy, **self._own)
        statements = json.loads(policy["Policy"])["Statement"] if policy else []
        return statements if isinstance(statements, list) else [statements]

    def _tls_only(self) -> dict:
        """The statement that denies requests without TLS."""
        arn = f"arn:{self._aws.partition}:s3:::{self.name}"
        return {
            "Sid": TLS_ONLY,
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [arn, f"{arn}/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }


def _setting(call, **bucket) -> dict:
    """A setting of a bucket. Empty if the bucket does not have it."""
    try:
        return call(**bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] in UNSET:
            return {}
        raise
