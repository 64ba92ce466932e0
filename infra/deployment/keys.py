"""The secret with the keys: docs/adr/0008 says why it is made here, and why a release names its version."""

import json
import re
from pathlib import Path

from deployment.aws import Aws, found
from deployment.problem import Problem

HASHED = re.compile(r"(read|write):[0-9a-f]{64}")
# Lambda takes 4 KB of variables (AWS Lambda quotas), and there are others.
LONGEST = 3072


def read(path: Path, aws: Aws) -> dict[str, str]:
    """The keys in a file, `{"token_keys": JWK set, "console_keys": ["write:" and a SHA-256, …]}`, as functions are told."""
    try:
        keys = json.loads(path.read_text())
        tokens, console = keys["token_keys"], keys["console_keys"]
        jwks = [(jwk["kid"], jwk["kty"]) for jwk in tokens["keys"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Problem(f"--keys {path}: {type(error).__name__}: {error}; docs/security.md shows such a file") from error
    if not jwks or not console or not all(isinstance(key, str) and HASHED.fullmatch(key) for key in console):
        raise Problem(f"--keys {path}: it needs at least one key of each kind, and of the console's only their hashes")
    secret = [kid for kid, kty in jwks if kty == "oct"]
    if secret and not aws.is_local:
        raise Problem(
            f"--keys {path}: {', '.join(secret)} would let whoever reads a function's configuration sign tokens; "
            "use EdDSA or ES256, whose public keys are good for nothing but checking"
        )
    told = {"token_keys": json.dumps(tokens, separators=(",", ":")), "console_keys": " ".join(console)}
    if longest := [name for name, text in told.items() if len(text) > LONGEST]:
        raise Problem(f"--keys {path}: {longest[0]} is longer than {LONGEST} characters, which a function can't be told")
    return told


def stored(aws: Aws, secret: str) -> "tuple[dict[str, str], str] | None":
    """What is kept, and its version."""
    there = found(aws.client("secretsmanager").get_secret_value, SecretId=secret)
    return (json.loads(there["SecretString"]), there["VersionId"]) if there else None


def keep(aws: Aws, secret: str, keys: dict[str, str]) -> str:
    """Keeps other keys than before; gives their version."""
    client, text = aws.client("secretsmanager"), json.dumps(keys)
    if found(client.describe_secret, SecretId=secret):
        return client.put_secret_value(SecretId=secret, SecretString=text)["VersionId"]
    return client.create_secret(Name=secret, SecretString=text)["VersionId"]
