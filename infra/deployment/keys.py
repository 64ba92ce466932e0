"""The secret with the keys: docs/adr/0008 says why it is made here, and why a release names its version."""

import json
import re
from collections import Counter
from pathlib import Path

from deployment import jwk
from deployment.aws import Aws, found
from deployment.problem import Problem

HASHED = re.compile(r"(read|write):[0-9a-f]{64}")
# Lambda takes 4 KB of variables (AWS Lambda quotas), and there are others.
LONGEST = 3072


def read(path: Path, aws: Aws) -> dict[str, str]:
    """The keys in a file, `{"token_keys": JWK set, "console_keys": ["write:" and a SHA-256, …]}`, as functions are told."""
    try:
        # With a byte order mark or without.
        keys = json.loads(path.read_bytes().decode("utf-8-sig"), object_pairs_hook=_named_once)
        tokens, console = keys["token_keys"], keys["console_keys"]
        jwks = [(jwk["kid"], jwk) for jwk in tokens["keys"]]
    except UnicodeDecodeError as error:
        raise Problem(f"--keys {path}: it is no UTF-8 text") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Problem(f"--keys {path}: {type(error).__name__}: {error}; docs/security.md shows such a file") from error
    if unknown := sorted(set(keys) - {"token_keys", "console_keys"}):
        raise Problem(f"--keys {path}: nobody would read {', '.join(unknown)}; docs/security.md shows such a file")
    if not jwks or not console or not all(isinstance(key, str) and HASHED.fullmatch(key) for key in console):
        raise Problem(f"--keys {path}: it needs at least one key of each kind, and of the console's only their hashes")
    if twice := sorted(kid for kid, times in Counter(str(kid) for kid, _ in jwks).items() if times > 1):
        raise Problem(f"--keys {path}: several keys are called {', '.join(twice)}")
    if unusable := [f"{kid} {what}" for kid, key in jwks if (what := jwk.problem(key))]:
        raise Problem(f"--keys {path}: {'; '.join(unusable)}")
    secret = [kid for kid, key in jwks if key["kty"] == "oct"]
    if secret and not aws.is_local:
        raise Problem(
            f"--keys {path}: {', '.join(secret)} would let whoever reads a function's configuration sign tokens; "
            "use EdDSA or ES256, whose public keys are good for nothing but checking"
        )
    told = {"token_keys": json.dumps(tokens, separators=(",", ":")), "console_keys": " ".join(console)}
    if longest := [name for name, text in told.items() if len(text) > LONGEST]:
        raise Problem(f"--keys {path}: {longest[0]} is longer than {LONGEST} characters, which a function can't be told")
    return told


def _named_once(members: list[tuple[str, object]]) -> dict:
    """An object, of which no member is silently left out."""
    if twice := sorted(name for name, times in Counter(name for name, _ in members).items() if times > 1):
        raise ValueError(f"{', '.join(twice)} is there twice")
    return dict(members)


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
