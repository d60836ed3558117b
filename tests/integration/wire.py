"""HTTP on a plain socket: what is sent is what the test says, to the byte."""

import socket
from dataclasses import dataclass


@dataclass
class Response:
    status: int
    reason: str
    headers: list
    body: bytes

    def values(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def __getitem__(self, name):
        values = self.values(name)
        assert len(values) == 1, f"{name}: {values} in {self.headers}"
        return values[0]


class Connection:
    """One connection, to host and port or to a path; every wait on it has a deadline."""

    def __init__(self, address, timeout=30, receive_buffer=None):
        if isinstance(address, str):
            family = socket.AF_UNIX
        else:
            family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(timeout)
        self.socket.connect(address)
        self.pending = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def more(self):
        data = self.socket.recv(65536)
        self.pending += data
        return len(data) > 0

    def read_to(self, mark):
        while mark not in self.pending:
            assert self.more(), f"closed in the middle of {self.pending!r}"
        head, _, self.pending = self.pending.partition(mark)
        return head

    def read_bytes(self, size):
        while len(self.pending) < size:
            assert self.more(), f"closed {size - len(self.pending)} bytes too early"
        data, self.pending = self.pending[:size], self.pending[size:]
        return data

    def read_chunks(self):
        body = b""
        while True:
            size = int(self.read_to(b"\r\n").split(b";")[0], 16)
            if size == 0:
                while self.read_to(b"\r\n"):
                    pass
                return body
            body += self.read_bytes(size)
            assert self.read_bytes(2) == b"\r\n"

    def read_head(self):
        first, *lines = self.read_to(b"\r\n\r\n").decode("latin-1").split("\r\n")
        version, status, reason = first.split(" ", 2)
        assert version == "HTTP/1.1"
        headers = [tuple(part.strip() for part in line.split(":", 1)) for line in lines]
        return Response(int(status), reason, headers, b"")

    def read(self, method="GET"):
        """The next final response; `method` tells whether it has a body."""
        response = self.read_head()
        if method == "HEAD" or response.status in (204, 304):
            return response
        if response.values("Transfer-Encoding"):
            response.body = self.read_chunks()
        elif response.values("Content-Length"):
            response.body = self.read_bytes(int(response["Content-Length"]))
        else:
            while self.more():
                pass
            response.body, self.pending = self.pending, b""
        return response

    def is_closed(self):
        """Whether the server has closed and nothing is left to read; waits for it."""
        try:
            return not self.pending and not self.more()
        except ConnectionResetError:
            return True

    def get(self, target, *fields, method="GET"):
        lines = [f"{method} {target} HTTP/1.1", "Host: test", *fields, "", ""]
        self.send("\r\n".join(lines).encode("latin-1"))
        return self.read(method)
