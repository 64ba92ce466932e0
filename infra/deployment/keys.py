"""The secret with the keys: docs/adr/0008 says why it is made here, and why a release names its version."""

import codecs
import json
import re
from pathlib import Path

from deployment import jwks
from deployment.aws import Aws, found
from deployment.problem import Problem

HASHED = re.compile(r"(read|write):[0-9a-f]{64}")
# Lambda takes 4 KB of variables (AWS Lambda quotas), and there are others.
LONGEST = 3072


def read(path: Path, aws: Aws) -> dict[str, str]:
    """The keys in a file, `{"token_keys": JWK set, "console_keys": ["write:" and a SHA-256, …]}`, as functions are told."""
    keys = _parsed(path)
    tokens, console = keys["token_keys"], keys["console_keys"]
    if problems := jwks.problems(tokens):
        raise Problem("\n".join(f"--keys {path}: {problem}" for problem in problems))
    console = [key.strip().lower() for key in console if isinstance(key, str)] if isinstance(console, list) else []
    if not console or len(console) < len(keys["console_keys"]) or not all(HASHED.fullmatch(key) for key in console):
        raise Problem(f"--keys {path}: console_keys needs at least one key, and of the console's only their hashes: write: or "
                      "read: and a SHA-256 in hexadecimal")
    if (secret := jwks.symmetric(tokens)) and not aws.is_local:
        raise Problem(
            f"--keys {path}: {', '.join(map(jwks.shown, secret))} would let whoever reads a function's configuration sign "
            "tokens; use EdDSA or ES256, whose public keys are good for nothing but checking"
        )
    told = {"token_keys": json.dumps(tokens, separators=(",", ":")), "console_keys": " ".join(console)}
    if longest := [name for name, text in told.items() if len(text) > LONGEST]:
        raise Problem(f"--keys {path}: {longest[0]} is longer than {LONGEST} characters, which a function can't be told")
    return told


def _parsed(path: Path) -> dict:
    """The file, as JSON with both kinds of keys. What is wrong is said in words that are not the file's."""
    shows = "docs/security.md shows such a file"
    try:
        content = path.read_bytes()
    except OSError as error:
        raise Problem(f"--keys {path}: {error.strerror or error}; {shows}") from error
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in content:
        raise Problem(f"--keys {path}: the file is UTF-16, or binary: save it as UTF-8")
    try:
        keys = json.loads(content.decode("utf-8-sig"), object_pairs_hook=_members)
    except UnicodeDecodeError as error:
        raise Problem(f"--keys {path}: the file is not UTF-8: save it as that") from error
    except json.JSONDecodeError as error:
        raise Problem(f"--keys {path}: it is not JSON from line {error.lineno}, column {error.colno} on; {shows}") from None
    except (ValueError, RecursionError) as error:
        raise Problem(f"--keys {path}: {error}; {shows}") from None
    if missing := [name for name in ("token_keys", "console_keys") if not isinstance(keys, dict) or name not in keys]:
        raise Problem(f"--keys {path}: it has no {' and no '.join(missing)}; {shows}")
    if unknown := sorted(set(keys) - {"token_keys", "console_keys"}):
        raise Problem(f"--keys {path}: nothing reads {', '.join(unknown)}; {shows}")
    return keys


def _members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """An object's members. Readers differ in which of two of the same name they take."""
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("an object has a name twice")
    return members


def check_kept(secret: str, kept: dict[str, str]) -> None:
    """Refuses keys of before that no function takes any more, so that a release with them is not deployed."""
    if problems := jwks.problems(json.loads(kept["token_keys"])):
        raise Problem("\n".join(f"the secret {secret}: {problem}; give other keys with --keys FILE" for problem in problems))


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
