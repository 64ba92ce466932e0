"""Builds and packs the functions, and uploads them to the bucket from which Lambda reads them."""

import base64
import hashlib
import io
import json
import shutil
import subprocess
import zipfile
from pathlib import Path

from deployment.aws import Aws
from deployment.bucket import Bucket
from deployment.problem import Problem

ROOT = Path(__file__).resolve().parents[2]
# The largest zip of a function that is deployed to AWS, in bytes. A cold start loads it, so it must stay small.
LARGEST = 2_500_000


def functions(template: dict) -> dict[str, str]:
    """The name of each function's binary, by the name of its resource."""
    resources = template["Resources"].items()
    kind = "AWS::Serverless::Function"
    return {name: Path(each["Properties"]["CodeUri"]).stem for name, each in resources if each["Type"] == kind}


def check_tools(aws: Aws) -> None:
    """Raises a Problem if a tool is missing. It says how to install it."""
    if not shutil.which("cargo"):
        raise Problem("cargo is missing: https://rustup.rs installs it")
    if not aws.is_local and subprocess.run(["cargo", "lambda", "--version"], capture_output=True).returncode:
        raise Problem("cargo-lambda is missing: `pip3 install cargo-lambda` installs it, with the linker that it needs")


def build(aws: Aws, architecture: str, binaries: list[str]) -> Path:
    """Builds the binaries and returns their folder."""
    command, folder = ["cargo", "build", "--profile", "local", "--locked"], ROOT / "target/local"
    if not aws.is_local:
        command = ["cargo", "lambda", "build", "--release", "--locked"] + ["--arm64"] * (architecture == "arm64")
        folder = ROOT / "target/lambda"
    packages = [argument for binary in binaries for argument in ("-p", binary)]
    if subprocess.run([*command, *packages], cwd=ROOT).returncode:
        raise Problem(f"`{' '.join(command)}` failed")
    return folder


def pack(folder: Path, binary: str, aws: Aws) -> bytes:
    """A zip with one file, `bootstrap`. The same binary always gives the same bytes, so that code that has not
    changed is not a new release."""
    # cargo lambda writes the first, cargo the second.
    path = next((path for path in (folder / binary / "bootstrap", folder / binary) if path.is_file()), None)
    if path is None:
        raise Problem(f"there is no binary of the function {binary} in {folder}")
    entry = zipfile.ZipInfo("bootstrap")
    entry.external_attr = 0o100755 << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        # On this machine, speed matters more than size.
        archive.writestr(entry, path.read_bytes(), compresslevel=1 if aws.is_local else 9)
    content = packed.getvalue()
    if len(content) > LARGEST and not aws.is_local:
        raise Problem(f"the zip of {binary} has {len(content)} bytes; at most {LARGEST} can be deployed")
    return content


def bucket(aws: Aws, stack: str) -> Bucket:
    """The bucket of the code. It is created if it does not exist."""
    bucket = Bucket(aws, f"{stack}-code-{aws.account}-{aws.region}")
    bucket.ready()
    return bucket


def key(name: str, content: bytes) -> str:
    """The key of an object in the bucket. It contains the hash of the content, so the object never changes."""
    stem, dot, extension = name.partition(".")
    return f"{stem}-{hashlib.sha256(content).hexdigest()[:32]}{dot}{extension}"


def upload(bucket: Bucket, contents: dict[str, bytes]) -> None:
    """Uploads the contents, given by key, that the bucket does not have yet."""
    for key, content in contents.items():
        sha256 = base64.b64encode(hashlib.sha256(content).digest()).decode()
        if not bucket.has(key, sha256):
            bucket.put(key, content, sha256)


def url(aws: Aws, bucket: str, key: str) -> str:
    """The URL from which CloudFormation reads an object."""
    if aws.endpoint:
        return f"{aws.endpoint.rstrip('/')}/{bucket}/{key}"
    return f"https://{bucket}.s3.{aws.region}.amazonaws.com/{key}"


def with_code(template: dict, bucket: str, keys: dict[str, str]) -> dict:
    """The template with the bucket and key of each function's code."""
    template = json.loads(json.dumps(template))
    for name, key in keys.items():
        template["Resources"][name]["Properties"]["CodeUri"] = {"Bucket": bucket, "Key": key}
    return template
