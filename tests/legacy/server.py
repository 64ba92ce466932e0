"""A legacy monolith whose nodes poll it: GET /checkin?mac=…&fw=…&rev=…, with a password of each node, and a small database
of its own. A node that runs another revision of its configuration than the database has gets the one that it is to run."""

import base64
import json
import sqlite3
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

LOCK = threading.Lock()


def database(file: str) -> sqlite3.Connection:
    connection = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute(
        "CREATE TABLE IF NOT EXISTS nodes (mac TEXT PRIMARY KEY, password TEXT, revision INTEGER, config TEXT, "
        "firmware TEXT, polls INTEGER DEFAULT 0)"
    )
    return connection


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        if url.path != "/checkin":
            return self.answer(404, {"error": "no such page"})
        mac = query.get("mac", "")
        with LOCK:
            row = NODES.execute("SELECT password, revision, config FROM nodes WHERE mac = ?", [mac]).fetchone()
            if row is None or row[0] != self.password():
                return self.answer(401, {"error": "who are you?"})
            NODES.execute("UPDATE nodes SET polls = polls + 1, firmware = ? WHERE mac = ?", [query.get("fw"), mac])
        said = {"interval": 10}
        if query.get("rev") != str(row[1]):
            said |= {"revision": row[1], "config": json.loads(row[2])}
        self.answer(200, said)

    def password(self) -> str:
        scheme, _, encoded = self.headers.get("Authorization", "").partition(" ")
        return base64.b64decode(encoded).decode().partition(":")[2] if scheme == "Basic" else ""

    def answer(self, status: int, said: dict) -> None:
        body = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 128


NODES = database(sys.argv[1])
SERVER = Server(("127.0.0.1", int(sys.argv[2])), Handler)
print("listening", flush=True)
SERVER.serve_forever()
