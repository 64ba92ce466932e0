"""MiniStack with one mistake mended: it says another `connectedAt` in each event of a connection. API Gateway says the
same in all of them, and the rules tell by it which of two connections is the later one. Without this, the end of an old
connection would look like a new connection, and the node would lose the one that it has."""

from ministack.app import main
from ministack.services import apigateway

_context = apigateway._ws_request_context
_connected_at: dict[str, int] = {}


def _same_for_all_events(api_id, route_key, stage, connection_id, *rest):
    context = _context(api_id, route_key, stage, connection_id, *rest)
    return context | {"connectedAt": _connected_at.setdefault(connection_id, context["connectedAt"])}


apigateway._ws_request_context = _same_for_all_events

if __name__ == "__main__":
    main()
