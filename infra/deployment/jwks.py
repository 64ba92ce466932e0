"""Checks keys as the functions do, so that a deployment refuses the others before it creates anything. The checks
and their texts are the same as in shared/token/src/jwk.rs."""

import base64
import binascii

# The members of a private key (RFC 7518, sections 6.2.2 and 6.3.2; RFC 8037, section 2).
PRIVATE = ("d", "p", "q", "dp", "dq", "qi", "oth")
# The longest name of a key, in bytes.
KID_BYTES = 256
# The length of a coordinate, in bytes, and the shortest length of a secret (RFC 7518, section 3.2).
BYTES = 32

# P-256: y² = x³ - 3x + b (NIST SP 800-186, section 3.2.1.3).
P256_P = 2**256 - 2**224 + 2**192 + 2**96 - 1
P256_B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
# Ed25519: -x² + y² = 1 + dx²y² (RFC 8032, section 5.1).
ED_P = 2**255 - 19
ED_D = -121665 * pow(121666, -1, ED_P) % ED_P


def problems(jwks: object) -> list[str]:
    """The problems of a JWK set (RFC 7517). Each text names the key, and repeats nothing else of the set."""
    keys = jwks.get("keys") if isinstance(jwks, dict) else None
    if not isinstance(keys, list) or not keys:
        return ['token_keys must be {"keys": [{…}, …]}, with at least one key']
    texts, names = [], []
    for position, jwk in enumerate(keys, 1):
        kid = jwk.get("kid") if isinstance(jwk, dict) else None
        if problem := _name_problem(kid):
            texts.append(f"key {position} {problem}")
            continue
        if kid in names:
            texts.append(f"two keys are called {shown(kid)}")
        names.append(kid)
        texts += [f"key {shown(kid)} {problem}" for problem in [_problem(jwk)] if problem]
    return texts


def shown(kid: str) -> str:
    """A key's name for a sentence: quoted, and cut to 64 characters."""
    return f'"{kid if len(kid) <= 64 else kid[:63] + "…"}"'


def symmetric(jwks: dict) -> list[str]:
    """The names of the symmetric keys, which can sign tokens as well as verify them."""
    return [jwk["kid"] for jwk in jwks["keys"] if jwk["kty"] == "oct"]


def _name_problem(kid: object) -> str | None:
    if not isinstance(kid, str) or not kid:
        return "has no kid"
    if len(kid.encode()) > KID_BYTES or not kid.isprintable():
        return f"has a kid of more than {KID_BYTES} bytes, or with control characters in it"
    return None


def _problem(jwk: dict) -> str | None:
    """Why a key can't be used. None if it can."""
    jwk = {name: value for name, value in jwk.items() if value is not None}
    kty, alg = jwk.get("kty"), jwk.get("alg")
    private = [name for name in PRIVATE if name in jwk] + (["k"] if "k" in jwk and kty != "oct" else [])
    if private:
        return (f"has its private part with it ({private[0]}): whoever reads it could sign tokens; give its public part "
                "alone, and if it was kept anywhere, exchange it")
    if jwk.get("use", "sig") != "sig":
        return "is not for signatures (its use is not sig)"
    operations = jwk.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations:
        return "is not for checking signatures (its key_ops lack verify)"
    checks = {("OKP", "EdDSA"): _ed25519, ("EC", "ES256"): _p256, ("oct", "HS256"): _secret}
    check = checks.get((kty, alg)) if isinstance(kty, str) and isinstance(alg, str) else None
    return check(jwk) if check else "must be kty OKP with alg EdDSA, EC with ES256, or oct with HS256"


def _ed25519(jwk: dict) -> str | None:
    if jwk.get("crv") != "Ed25519":
        return "must have the crv Ed25519, which its alg is for"
    x = _bytes(jwk, "x")
    if x is None or len(x) != BYTES:
        return "has an x that is not 32 bytes in base64url without padding"
    point = _ed25519_point(x)
    if point is None:
        return "has an x that is no point of Ed25519"
    for _ in range(3):
        point = _ed25519_doubled(point)
    return "has an x that anybody can sign for (a point of small order)" if point == (0, 1) else None


def _ed25519_point(encoded: bytes) -> "tuple[int, int] | None":
    """Decodes a point (RFC 8032, section 5.1.3). None if the bytes are not one."""
    number = int.from_bytes(encoded, "little")
    y, odd = number % 2**255 % ED_P, number >> 255
    square = (y * y - 1) * pow(ED_D * y * y + 1, -1, ED_P) % ED_P
    x = pow(square, (ED_P + 3) // 8, ED_P)
    if (x * x - square) % ED_P:
        x = x * pow(2, (ED_P - 1) // 4, ED_P) % ED_P
    if (x * x - square) % ED_P:
        return None
    return (ED_P - x if x and x % 2 != odd else x), y


def _ed25519_doubled(point: tuple[int, int]) -> tuple[int, int]:
    x, y = point
    product = ED_D * x * x * y * y % ED_P
    return (2 * x * y * pow(1 + product, -1, ED_P) % ED_P, (y * y + x * x) * pow(1 - product, -1, ED_P) % ED_P)


def _p256(jwk: dict) -> str | None:
    if jwk.get("crv") != "P-256":
        return "must have the crv P-256, which its alg is for"
    x, y = _bytes(jwk, "x"), _bytes(jwk, "y")
    for name, coordinate in (("an x", x), ("a y", y)):
        if coordinate is None or len(coordinate) != BYTES:
            return f"has {name} that is not 32 bytes in base64url without padding"
    x, y = int.from_bytes(x), int.from_bytes(y)
    if x >= P256_P or y >= P256_P or (y * y - x**3 + 3 * x - P256_B) % P256_P:
        return "has an x and a y that are no point of P-256: are they in each other's place?"
    return None


def _secret(jwk: dict) -> str | None:
    secret = _bytes(jwk, "k")
    if secret is None:
        return "has a k that is not base64url without padding"
    return "is shorter than the 256 bits that HS256 needs (RFC 7518, section 3.2)" if len(secret) < BYTES else None


def _bytes(jwk: dict, name: str) -> bytes | None:
    """Decodes a member in base64url without padding (RFC 7515, section 2). None if it is not in canonical form."""
    text = jwk.get(name)
    if not isinstance(text, str) or not text.isascii():
        return None
    try:
        decoded = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        return None
    return decoded if base64.urlsafe_b64encode(decoded).rstrip(b"=").decode() == text else None
