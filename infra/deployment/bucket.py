"""The bucket for code. Whoever could write to it could run code as the functions, so it is this account's, private, and as
it is made here, or nothing is deployed from it."""

import json
from collections.abc import Iterator

from botocore.exceptions import ClientError

from deployment.aws import Aws, found
from deployment.problem import Problem, say

PRIVATE = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)
OWNED = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
ENCRYPTED = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}
# The statement of the policy that is made here.
TLS_ONLY = "TlsOnly"
# What S3 says of a bucket that has no such setting.
UNSET = ("NoSuchPublicAccessBlockConfiguration", "OwnershipControlsNotFoundError", "NoSuchBucketPolicy",
         "ServerSideEncryptionConfigurationNotFoundError")
# What it says of one that is somebody else's, or that ExpectedBucketOwner does not own.
NOT_OURS = ("403", "AccessDenied", "BucketAlreadyExists")


class Bucket:
    """A bucket of this account, by its name. Every call says whose it must be."""

    def __init__(self, aws: Aws, name: str) -> None:
        self.name, self._aws, self._client = name, aws, aws.client("s3")
        self._there = {"Bucket": name, "ExpectedBucketOwner": aws.account}

    def ready(self) -> None:
        """Makes it if it is not there. Refuses one that is not this account's, or that somebody has opened."""
        try:
            is_new = found(self._client.head_bucket, **self._there) is None
            if is_new:
                self._create()
            elif looser := list(self._looser()):
                raise Problem(
                    f"the bucket {self.name} has looser settings than it was made with: {', '.join(looser)}. Find out who "
                    "changed them and what is in it, and empty and delete it: it is made again, and code is uploaded again"
                )
            self._tighten()
        except ClientError as error:
            if error.response["Error"]["Code"] not in NOT_OURS:
                raise
            raise Problem(
                f"the bucket {self.name} is not account {self._aws.account}'s, or these credentials may not use it "
                f"({error}); nothing is uploaded to it. With another --stack, it has another name"
            ) from error
        if is_new:
            say(f"created the bucket {self.name}")

    def has(self, key: str, sha256: str) -> bool:
        """Whether this content is there, whatever else may have been put under its name."""
        there = found(self._client.head_object, Key=key, ChecksumMode="ENABLED", **self._there)
        return there is not None and there.get("ChecksumSHA256") == sha256

    def put(self, key: str, content: bytes, sha256: str) -> None:
        """Puts content there; S3 compares it with its hash (base64)."""
        self._client.put_object(Key=key, Body=content, ChecksumSHA256=sha256, **self._there)

    def _create(self) -> None:
        region = self._aws.region
        where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        self._client.create_bucket(Bucket=self.name, ObjectOwnership="BucketOwnerEnforced", **where)

    def _looser(self) -> Iterator[str]:
        """What somebody has opened. S3 makes a bucket private and its owner's alone (Amazon S3 User Guide, "Blocking public
        access"), with neither versions nor a policy: those may never have been set, by an earlier release or because
        something failed between one step and the next."""
        client, there = self._client, self._there
        if _setting(client.get_public_access_block, **there).get("PublicAccessBlockConfiguration") != PRIVATE:
            yield "public access is not blocked"
        if _setting(client.get_bucket_ownership_controls, **there).get("OwnershipControls") != OWNED:
            yield "objects may be other accounts'"
        if _setting(client.get_bucket_versioning, **there).get("Status") == "Suspended":
            yield "versions are no longer kept"
        if any(statement["Effect"] == "Allow" for statement in self._statements()):
            yield "its policy lets somebody in"

    def _tighten(self) -> None:
        """Sets all that it is to have."""
        client, there = self._client, self._there
        client.put_public_access_block(PublicAccessBlockConfiguration=PRIVATE, **there)
        client.put_bucket_ownership_controls(OwnershipControls=OWNED, **there)
        client.put_bucket_encryption(ServerSideEncryptionConfiguration=ENCRYPTED, **there)
        client.put_bucket_versioning(VersioningConfiguration={"Status": "Enabled"}, **there)
        # What else it forbids stays forbidden.
        others = [statement for statement in self._statements() if statement.get("Sid") != TLS_ONLY]
        policy = {"Version": "2012-10-17", "Statement": [*others, self._tls_only()]}
        client.put_bucket_policy(Policy=json.dumps(policy), **there)

    def _statements(self) -> list[dict]:
        """Its policy."""
        there = _setting(self._client.get_bucket_policy, **self._there)
        statements = json.loads(there["Policy"])["Statement"] if there else []
        return statements if isinstance(statements, list) else [statements]

    def _tls_only(self) -> dict:
        """Nothing is read or written without TLS."""
        arn = f"arn:{self._aws.partition}:s3:::{self.name}"
        return {
            "Sid": TLS_ONLY,
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [arn, f"{arn}/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }


def _setting(call, **there) -> dict:
    """What a bucket's setting is; nothing if it has none."""
    try:
        return call(**there)
    except ClientError as error:
        if error.response["Error"]["Code"] in UNSET:
            return {}
        raise
