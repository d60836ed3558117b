"""Nothing grows with the number of requests, and debug mode finds nothing in what they do."""

import pytest

from harness import SANITIZER

REQUEST = b"GET /users/42 HTTP/1.1\r\nHost: t\r\n\r\n"


def live(connection):
    return [int(line) for line in connection.get("/live").body.split()]


def keep_asking(connection, count, depth=50):
    for _ in range(count // depth):
        connection.send(REQUEST * depth)
        for _ in range(depth):
            assert connection.read().body == b"42"


def test_20000_requests_leave_no_class_larger(handlers):
    server = handlers()
    with server.connect() as connection:
        keep_asking(connection, 1000)
        before, resident = live(connection), server.resident()
        keep_asking(connection, 20000)
        assert live(connection) == before
        if not SANITIZER:
            assert server.resident() - resident < 1 << 20


def test_bodies_and_large_replies_leave_no_class_larger(handlers):
    server = handlers()

    def rounds(count):
        for _ in range(count):
            connection.send(b"POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 4096\r\n\r\n"
                            + b"x" * 4096)
            assert len(connection.read().body) == 4096
            assert len(connection.get("/bytes/100000").body) == 100000
            assert connection.get("/nothing").status == 404

    with server.connect() as connection:
        rounds(20)
        before = live(connection)
        rounds(500)
        assert live(connection) == before


@pytest.mark.parametrize("level", ["1", "2"])
def test_debug_mode_has_nothing_to_report(handlers, tmp_path, level):
    (tmp_path / "a.txt").write_text("0123456789")
    (tmp_path / "large").write_bytes(bytes(1 << 20))
    server = handlers(f"assets={tmp_path}", CATZILLA_DEBUG=level)
    with server.connect() as connection:
        for _ in range(20):
            assert connection.get("/users/42").body == b"42"
            assert connection.get("/show?a=b", "X: y").status == 200
            assert connection.get("/assets/a.txt", "Range: bytes=1-2").body == b"12"
            assert len(connection.get("/assets/large").body) == 1 << 20
            assert connection.get("/assets/nothing").status == 404
            assert connection.get("/fails").status == 500
            connection.send(b"POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 4096\r\n\r\n"
                            + b"x" * 4096)
            assert len(connection.read().body) == 4096
    for dropped in (b"GET", REQUEST, b"GET /assets/large HTTP/1.1\r\nHost: t\r\n\r\n"):
        with server.connect() as connection:
            connection.send(dropped)
    assert server.exchange(b"nonsense\r\n\r\n").status == 400
    assert server.stop() == (0, "", "")
