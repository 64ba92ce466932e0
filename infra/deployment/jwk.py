"""Whether functions can check tokens with a key, as `shared/token` reads it: a JWK (RFC 7517) of one of three kinds."""

import base64
import binascii

# What a private key has beside its public one (RFC 7518, sections 6.2.2 and 6.3.2; RFC 8037, section 2).
PRIVATE = ("d", "p", "q", "dp", "dq", "qi", "oth")
# The curve P-256: y² = x³ - 3x + b (NIST SP 800-186, section 3.2.1.3).
P256 = 2**256 - 2**224 + 2**192 + 2**96 - 1
P256_B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
# The curve of Ed25519: -x² + y² = 1 + dx²y² (RFC 8032, section 5.1).
P25519 = 2**255 - 19
D25519 = -121665 * pow(121666, -1, P25519) % P25519


def problem(jwk: dict) -> str | None:
    """What is wrong with a key; nothing if it can be used."""
    if private := [member for member in PRIVATE if member in jwk]:
        return f"has private parts ({', '.join(private)}), with which whoever reads a function's configuration could sign tokens"
    if not isinstance(jwk.get("kid"), str) or not jwk["kid"]:
        return "must have a name as its kid"
    kind = (jwk.get("alg"), jwk.get("kty"), jwk.get("crv"))
    if kind == ("EdDSA", "OKP", "Ed25519"):
        x = _bytes(jwk.get("x"))
        return None if x and len(x) == 32 and _is_on_ed25519(x) else "is no Ed25519 key: x is not one of its points"
    if kind == ("ES256", "EC", "P-256"):
        x, y = _bytes(jwk.get("x")), _bytes(jwk.get("y"))
        return None if x and y and len(x) == len(y) == 32 and _is_on_p256(x, y) else "is no P-256 key: x, y is not one of its points"
    if kind == ("HS256", "oct", None):
        return None if len(_bytes(jwk.get("k")) or b"") >= 32 else "is shorter than the 256 bits that HS256 needs"
    return "must be for EdDSA (kty OKP, crv Ed25519), or ES256 (kty EC, crv P-256), and say so in alg"


def _bytes(value) -> bytes | None:
    """What base64url without padding stands for (RFC 7515, section 2); nothing if it is not that."""
    try:
        decoded = base64.b64decode(value + "=" * (-len(value) % 4), altchars=b"-_", validate=True)
        return decoded if base64.urlsafe_b64encode(decoded).decode().rstrip("=") == value else None
    except (TypeError, ValueError, binascii.Error):
        return None


def _is_on_p256(x: bytes, y: bytes) -> bool:
    x, y = int.from_bytes(x, "big"), int.from_bytes(y, "big")
    return x < P256 and y < P256 and (y * y - (x**3 - 3 * x + P256_B)) % P256 == 0


def _is_on_ed25519(point: bytes) -> bool:
    """Whether there is an x for this y, whose highest bit is x's sign (RFC 8032, section 5.1.3)."""
    y = int.from_bytes(point, "little") & (2**255 - 1)
    square = (y * y - 1) * pow(D25519 * y * y + 1, -1, P25519) % P25519
    return y < P25519 and pow(square, (P25519 - 1) // 2, P25519) in (0, 1)
