"""The secret with the keys. docs/adr/0008 says why the deployment creates it, and why a release names its version."""

import codecs
import json
import re
from pathlib import Path

from deployment import jwks
from deployment.aws import Aws, or_none
from deployment.problem import Problem

HASHED = re.compile(r"(read|write):[0-9a-f]{64}")
# The longest variable with keys, in characters. Lambda takes 4 KB of variables (AWS Lambda quotas), and there are
# others.
LONGEST = 3072


def read(path: Path, aws: Aws) -> dict[str, str]:
    """The keys in a file, `{"token_keys": JWK set, "console_keys": ["write:" and a SHA-256, …]}`, in the form of the
    functions' environment variables."""
    keys = _parsed(path)
    tokens, console = keys["token_keys"], keys["console_keys"]
    if problems := jwks.problems(tokens):
        raise Problem("\n".join(f"--keys {path}: {problem}" for problem in problems))
    console = [key.strip().lower() for key in console if isinstance(key, str)] if isinstance(console, list) else []
    if not console or len(console) < len(keys["console_keys"]) or not all(HASHED.fullmatch(key) for key in console):
        raise Problem(f"--keys {path}: console_keys must be a list with at least one console key, and of each key only "
                      "its hash: write: or read:, and a SHA-256 in hexadecimal")
    if (secret := jwks.symmetric(tokens)) and not aws.is_local:
        raise Problem(
            f"--keys {path}: {', '.join(map(jwks.shown, secret))} would let whoever reads a function's configuration sign "
            "tokens; use EdDSA or ES256, whose public keys can only verify tokens"
        )
    variables = {"token_keys": json.dumps(tokens, separators=(",", ":")), "console_keys": " ".join(console)}
    if too_long := [name for name, text in variables.items() if len(text) > LONGEST]:
        name = too_long[0]
        raise Problem(f"--keys {path}: {name} has more than {LONGEST} characters, too many for a function's environment")
    return variables


def _parsed(path: Path) -> dict:
    """The JSON object in the file, with both kinds of keys. No error repeats a value of the file."""
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
        raise Problem(f"--keys {path}: it has unknown fields: {', '.join(unknown)}; {shows}")
    return keys


def _members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """The members of a JSON object. Two members with one name are refused, because JSON readers differ in which they
    take."""
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("an object has a name twice")
    return members


def check_kept(secret: str, kept: dict[str, str]) -> None:
    """Refuses stored keys that this release does not accept, so that it is not deployed with them."""
    if problems := jwks.problems(json.loads(kept["token_keys"])):
        raise Problem("\n".join(f"the secret {secret}: {problem}; give other keys with --keys FILE" for problem in problems))


def stored(aws: Aws, secret: str) -> "tuple[dict[str, str], str] | None":
    """The keys in the secret, and their version. None if there is no secret."""
    value = or_none(aws.client("secretsmanager").get_secret_value, SecretId=secret)
    return (json.loads(value["SecretString"]), value["VersionId"]) if value else None


def keep(aws: Aws, secret: str, keys: dict[str, str]) -> str:
    """Stores new keys in the secret, and returns their version."""
    client, text = aws.client("secretsmanager"), json.dumps(keys)
    if or_none(client.describe_secret, SecretId=secret):
        return client.put_secret_value(SecretId=secret, SecretString=text)["VersionId"]
    return client.create_secret(Name=secret, SecretString=text)["VersionId"]
