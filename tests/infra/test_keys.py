"""Which keys `infra/deploy --keys` takes, and what is said of others."""

import base64
import json
import shutil
import subprocess
from types import SimpleNamespace

import pytest
from deployment import jwks, keys
from deployment.problem import Problem

HERE = SimpleNamespace(is_local=True)
AWS = SimpleNamespace(is_local=False)
HASH = "a" * 64
# RFC 8037, appendix A.2, and RFC 7517, appendix A.1, each with the private part of appendix A.1 and A.2.
ED25519 = {"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": "e", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
P256 = {"kty": "EC", "crv": "P-256", "alg": "ES256", "kid": "p", "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
        "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}
OCT = {"kty": "oct", "alg": "HS256", "kid": "h", "k": "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc"}
PRIVATE = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"
ZEROES = "A" * 43
# A point of order 8.
EIGHTH = int.from_bytes(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little")


def encoded(number: int) -> str:
    return base64.urlsafe_b64encode(number.to_bytes(32, "little")).rstrip(b"=").decode()


def written(tmp_path, content: "bytes | str | list | dict"):
    """A file with these token keys, or just with this in it."""
    file = tmp_path / "keys.json"
    if isinstance(content, list):
        content = {"token_keys": {"keys": content}, "console_keys": [f"write:{HASH}"]}
    content = json.dumps(content) if isinstance(content, dict) else content
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


def refused(file, aws=AWS) -> str:
    with pytest.raises(Problem) as problem:
        keys.read(file, aws)
    said = str(problem.value)
    assert said.startswith(f"--keys {file}: ")
    for material in (ED25519["x"], P256["x"], P256["y"], OCT["k"], PRIVATE):
        assert material not in said
    return said


@pytest.mark.parametrize("more", [{}, {"use": "sig"}, {"key_ops": ["verify"]}, {"d": None, "use": None}, {"x5t": "eA"}])
def test_public_keys_are_taken_however_they_are_written(tmp_path, more):
    told = keys.read(written(tmp_path, [ED25519 | more, P256 | more]), AWS)
    assert [key["kid"] for key in json.loads(told["token_keys"])["keys"]] == ["e", "p"]
    assert keys.read(written(tmp_path, [OCT | more]), HERE)


@pytest.mark.parametrize("key", [ED25519, P256, OCT])
@pytest.mark.parametrize("member", ["d", "p", "q", "dp", "dq", "qi", "oth"])
def test_private_parts_are_refused_everywhere(tmp_path, key, member):
    said = refused(written(tmp_path, [key | {member: PRIVATE}]), HERE)
    assert f'key "{key["kid"]}" has its private part with it ({member})' in said


@pytest.mark.parametrize("key", [ED25519, P256, {"kty": "RSA", "alg": "RS256", "kid": "r", "n": "AQAB", "e": "AQAB"}])
def test_a_secret_in_a_public_key_is_refused(tmp_path, key):
    assert "private part with it (k)" in refused(written(tmp_path, [key | {"k": PRIVATE}]), HERE)


@pytest.mark.parametrize(
    ("key", "members", "reason"),
    [
        (ED25519, {"crv": "X25519"}, "crv Ed25519"),
        (ED25519, {"crv": None}, "crv Ed25519"),
        (ED25519, {"x": None}, "32 bytes"),
        (ED25519, {"x": 7}, "32 bytes"),
        (ED25519, {"x": ""}, "32 bytes"),
        (ED25519, {"x": "not base64!"}, "32 bytes"),
        (ED25519, {"x": "é" * 43}, "32 bytes"),
        (ED25519, {"x": ZEROES[1:]}, "32 bytes"),
        (ED25519, {"x": ED25519["x"] + "="}, "without padding"),
        (ED25519, {"x": ED25519["x"][:-1] + "p"}, "base64url"),
        (ED25519, {"x": ZEROES + "A"}, "32 bytes"),
        (ED25519, {"x": ZEROES}, "anybody can sign for"),
        (ED25519, {"x": encoded(1)}, "anybody can sign for"),
        (ED25519, {"x": encoded(jwks.ED_P - 1)}, "anybody can sign for"),
        (ED25519, {"x": encoded(jwks.ED_P)}, "anybody can sign for"),
        (ED25519, {"x": encoded(EIGHTH)}, "anybody can sign for"),
        (ED25519, {"x": encoded(2)}, "no point of Ed25519"),
        (P256, {"crv": "P-384"}, "crv P-256"),
        (P256, {"x": P256["y"], "y": P256["x"]}, "in each other's place"),
        (P256, {"y": None}, "a y that"),
        (P256, {"x": ZEROES, "y": ZEROES}, "no point of P-256"),
        (P256, {"x": ZEROES[:22]}, "an x that"),
        (OCT, {"k": "c2hvcnQ"}, "256 bits"),
        (OCT, {"k": "a+/="}, "base64url"),
        (OCT, {"alg": None}, "oct with HS256"),
        (OCT, {"alg": "EdDSA"}, "oct with HS256"),
        (OCT, {"alg": "HS512"}, "oct with HS256"),
        (ED25519, {"alg": "none"}, "OKP with alg EdDSA"),
        (ED25519, {"alg": ["EdDSA"]}, "OKP with alg EdDSA"),
        (ED25519, {"kty": "RSA"}, "OKP with alg EdDSA"),
        (ED25519, {"kty": None}, "OKP with alg EdDSA"),
        (P256, {"use": "enc"}, "use is not sig"),
        (P256, {"key_ops": ["sign"]}, "lack verify"),
        (P256, {"key_ops": "verify"}, "lack verify"),
    ],
)
def test_what_no_token_could_be_checked_with_is_refused(tmp_path, key, members, reason):
    said = refused(written(tmp_path, [key | members]), HERE)
    assert f'key "{key["kid"]}" ' in said and reason in said


def test_every_key_that_is_wrong_is_named_at_once(tmp_path):
    said = refused(written(tmp_path, [ED25519 | {"d": PRIVATE}, P256 | {"kid": None}, OCT | {"k": "c2hvcnQ"}, "a key"]))
    for line, expected in zip(said.splitlines(), ['key "e"', "key 2 has no kid", 'key "h"', "key 4 has no kid"], strict=True):
        assert expected in line


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (["a", "a"], 'two keys are called "a"'),
        ([""], "key 1 has no kid"),
        ([7], "key 1 has no kid"),
        (["a\nb"], "control characters"),
        (["k" * 257], "256 bytes"),
    ],
)
def test_keys_that_are_badly_named_are_refused(tmp_path, names, reason):
    assert reason in refused(written(tmp_path, [ED25519 | {"kid": name} for name in names]))


@pytest.mark.parametrize("content", ["{", "[]", "7", "null", "", '"a"', "{}", '{"token_keys": {}}', "[" * 100_000])
def test_what_is_no_file_of_keys_is_refused(tmp_path, content):
    assert "docs/security.md shows such a file" in refused(written(tmp_path, content))


def test_a_name_that_is_there_twice_is_refused(tmp_path):
    key = json.dumps(ED25519)
    twice = key[:-1] + ', "kid": "other"}'
    text = f'{{"token_keys": {{"keys": [{twice}]}}, "console_keys": ["write:{HASH}"]}}'
    assert "a name twice" in refused(written(tmp_path, text))


def test_a_file_is_read_however_an_editor_saved_it_or_its_encoding_is_named(tmp_path):
    text = json.dumps({"token_keys": {"keys": [ED25519]}, "console_keys": [f" WRITE:{HASH.upper()}\n"]})
    told = keys.read(written(tmp_path, text.encode("utf-8-sig").replace(b", ", b",\r\n")), AWS)
    assert told["console_keys"] == f"write:{HASH}"
    for encoding in ("utf-16", "utf-16-le", "utf-16-be", "utf-32"):
        assert "save it as UTF-8" in refused(written(tmp_path, text.encode(encoding)))
    assert "is not UTF-8" in refused(written(tmp_path, '{"token_keys": "é"}'.encode("latin-1")))
    assert "No such file" in refused(tmp_path / "none.json")


@pytest.mark.parametrize("console", [[], [7], [f"write:{HASH}", 7], f"write:{HASH}", {}, None, ["write:hush"], [f"write:{HASH}  -"]])
def test_of_the_console_s_keys_only_hashes_are_taken(tmp_path, console):
    said = refused(written(tmp_path, {"token_keys": {"keys": [ED25519]}, "console_keys": console}))
    assert "of each key only its hash" in said and "hush" not in said


def test_keys_of_before_that_no_function_takes_any_more_are_refused_when_nothing_else_is_given():
    def kept(key: dict) -> dict[str, str]:
        return {"token_keys": json.dumps({"keys": [key]}), "console_keys": f"write:{HASH}"}

    keys.check_kept("rollcall/keys", kept(ED25519))
    with pytest.raises(Problem) as problem:
        keys.check_kept("rollcall/keys", kept(ED25519 | {"d": PRIVATE}))
    said = str(problem.value)
    assert said.startswith('the secret rollcall/keys: key "e" has its private part') and "--keys FILE" in said
    assert PRIVATE not in said


@pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl")
def test_the_keys_that_openssl_makes_are_points(tmp_path):
    for _ in range(8):
        for algorithm, options in (("ED25519", []), ("EC", ["-pkeyopt", "ec_paramgen_curve:P-256"])):
            private = subprocess.run(["openssl", "genpkey", "-algorithm", algorithm, *options], capture_output=True, check=True)
            public = subprocess.run(["openssl", "pkey", "-pubout", "-outform", "DER"], input=private.stdout,
                                    capture_output=True, check=True).stdout
            parts = [base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in (public[-64:-32], public[-32:])]
            key = ED25519 | {"x": parts[1]} if algorithm == "ED25519" else P256 | {"x": parts[0], "y": parts[1]}
            assert keys.read(written(tmp_path, [key]), AWS)
