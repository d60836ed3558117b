"""Nothing grows with the number of requests."""

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
