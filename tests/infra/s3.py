"""S3 behind a client of boto3's, as far as the bucket for code needs it (Amazon S3 API Reference)."""

import hashlib
import json
from base64 import b64encode
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

import boto3
from botocore.awsrequest import AWSResponse

ACCOUNT, STRANGER = "111122223333", "444455556666"
# The settings of a bucket, by what the query says; and what S3 says where there is none.
SETTINGS = {
    "publicAccessBlock": "NoSuchPublicAccessBlockConfiguration",
    "ownershipControls": "OwnershipControlsNotFoundError",
    "encryption": "ServerSideEncryptionConfigurationNotFoundError",
    "policy": "NoSuchBucketPolicy",
    "versioning": None,
}
NAMESPACE = "{http://s3.amazonaws.com/doc/2006-03-01/}"


class S3:
    """Buckets, with their owners. It answers only to whoever says whose a bucket must be, and is right."""

    def __init__(self) -> None:
        self.buckets: dict[str, SimpleNamespace] = {}
        self._client = boto3.client("s3", region_name="eu-west-1", aws_access_key_id="a", aws_secret_access_key="b")
        self._client.meta.events.register("before-send.s3", self._answer)

    def aws(self) -> SimpleNamespace:
        """The account that deploys."""
        return SimpleNamespace(account=ACCOUNT, region="eu-west-1", partition="aws", is_local=False, client=lambda _: self._client)

    def make(self, name: str, owner: str = ACCOUNT, **settings: str) -> SimpleNamespace:
        """A bucket that is there already. Since 2023, a new one is private and its owner's alone."""
        new = {"publicAccessBlock": block(), "ownershipControls": owned(), "encryption": "<ServerSideEncryptionConfiguration/>"}
        self.buckets[name] = SimpleNamespace(owner=owner, settings=new | settings, objects={}, versions=0)
        return self.buckets[name]

    def _answer(self, request, **_) -> AWSResponse:
        url = urlsplit(request.url)
        name, key = url.hostname.split(".")[0], url.path.lstrip("/")
        setting = next((each for each in parse_qs(url.query, keep_blank_values=True) if each in SETTINGS), None)
        status, headers, body = self._do(request, name, key, setting)
        raw = SimpleNamespace(stream=lambda *_, **__: iter([body]), read=lambda *_: body)
        response = AWSResponse(request.url, status, headers, raw)
        response._content = body
        return response

    def _do(self, request, name: str, key: str, setting: str | None) -> tuple[int, dict, bytes]:
        there, headers = self.buckets.get(name), {each.lower(): text(value) for each, value in request.headers.items()}
        if request.method == "PUT" and not key and not setting:
            if there:
                return error(409, "BucketAlreadyExists" if there.owner != ACCOUNT else "BucketAlreadyOwnedByYou")
            self.make(name, ownershipControls=owned(headers["x-amz-object-ownership"]))
            return 200, {}, b""
        if there is None:
            return error(404, "NoSuchBucket")
        if headers.get("x-amz-expected-bucket-owner") != there.owner:
            return error(403, "AccessDenied")
        if setting and request.method == "PUT":
            there.settings[setting] = body(request).decode()
            return 200, {}, b""
        if setting:
            value = there.settings.get(setting)
            missing = SETTINGS[setting]
            return error(404, missing) if value is None and missing else (200, {}, (value or "<VersioningConfiguration/>").encode())
        if request.method == "PUT":
            content = body(request)
            if headers.get("x-amz-checksum-sha256") != hashed(content):
                return error(400, "BadDigest")
            there.objects[key], there.versions = content, there.versions + 1
            return 200, {}, b""
        if key and key not in there.objects:
            return error(404, "NoSuchKey")
        is_checked = key and headers.get("x-amz-checksum-mode") == "ENABLED"
        return 200, {"x-amz-checksum-sha256": hashed(there.objects[key])} if is_checked else {}, b""


def hashed(content: bytes) -> str:
    return b64encode(hashlib.sha256(content).digest()).decode()


def text(value) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def body(request) -> bytes:
    return request.body.read() if hasattr(request.body, "read") else request.body or b""


def error(status: int, code: str) -> tuple[int, dict, bytes]:
    return status, {}, f"<Error><Code>{code}</Code><Message>{code}</Message></Error>".encode()


def block(**but: bool) -> str:
    """A block of public access, which is whole but for these parts."""
    parts = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True) | but
    inner = "".join(f"<{name}>{str(value).lower()}</{name}>" for name, value in parts.items())
    return f"<PublicAccessBlockConfiguration>{inner}</PublicAccessBlockConfiguration>"


def owned(how: str = "BucketOwnerEnforced") -> str:
    return f"<OwnershipControls><Rule><ObjectOwnership>{how}</ObjectOwnership></Rule></OwnershipControls>"


def said(document: str, element: str) -> list[str]:
    """What the elements of this name say in a setting."""
    found = ElementTree.fromstring(document).iter()
    return [each.text for each in found if each.tag.removeprefix(NAMESPACE) == element]


def policy(*statements: dict) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
