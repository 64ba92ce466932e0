"""Checks the custom domain names of the APIs in DNS."""

import socket

from deployment.problem import Problem

# The parameters with the names. For each there is an output, called NAMETarget, that its DNS record must point to.
NAMES = ("WebSocketDomain", "HttpDomain")


def check(values: dict[str, str]) -> None:
    """Refuses to switch off the default endpoints of API Gateway while the custom names are not in DNS. The targets
    of the names are known only after a deployment with them."""
    if values["ConnectionsUrl"] or values["DefaultEndpoints"] == "on":
        return
    if missing := [name for name in NAMES if not is_known(values[name])]:
        raise Problem(
            f"DefaultEndpoints=off: {' and '.join(values[name] for name in missing)} can't be found in DNS, so neither "
            "nodes nor pushes would reach the APIs. First deploy with DefaultEndpoints=on, and let the DNS record "
            f"point to the value of the output {' and '.join(f'{name}Target' for name in missing)}"
        )


def is_known(name: str) -> bool:
    """Whether DNS has an address for the name."""
    try:
        return bool(socket.getaddrinfo(name, 443, type=socket.SOCK_STREAM))
    except (OSError, UnicodeError):
        return False
