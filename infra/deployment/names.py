"""The names of one's own that the APIs have, in DNS."""

import socket

from deployment.problem import Problem

# The parameters with them. The output with `Target` behind says what each must point to.
NAMES = ("WebSocketDomain", "HttpDomain")


def check(told: dict[str, str]) -> None:
    """Refuses to take the names away that API Gateway gave while nobody would find the others. What they point to is known
    once they are deployed."""
    if told["ConnectionsUrl"] or told["DefaultEndpoints"] == "on":
        return
    if missing := [name for name in NAMES if not is_known(told[name])]:
        raise Problem(
            f"DefaultEndpoints=off: {' and '.join(told[name] for name in missing)} can't be found in DNS, and neither nodes "
            "nor pushes would find the APIs. Deploy with DefaultEndpoints=on, and let the record point to what the output "
            f"{' and '.join(f'{name}Target' for name in missing)} says, first"
        )


def is_known(name: str) -> bool:
    """Whether it leads to an address."""
    try:
        return bool(socket.getaddrinfo(name, 443, type=socket.SOCK_STREAM))
    except (OSError, UnicodeError):
        return False
