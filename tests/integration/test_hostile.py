"""Clients that reset, drop, dribble and do not read: the server survives them, and forgets them."""

import resource
import socket
import struct
import time

import pytest

from harness import BUILD, DEADLINE, wait_until

HEAD = b"POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 20000\r\n\r\n"
LARGE = b"GET /bytes/1000000 HTTP/1.1\r\nHost: t\r\n\r\n"
REQUEST = b"GET /users/42 HTTP/1.1\r\nHost: t\r\n\r\n"
# What is live apart from the request that asks is given back within two ticks of quiet.
QUIET = 1.2


@pytest.fixture
def many_descriptors():
    """Lets this process, and the servers it starts, open as many files as the system allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65536), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def live(server):
    return [int(line) for line in server.get("/live").body.split()]


def settled(server):
    """The live bytes of each class, once they no longer change from one quiet to the next."""
    found = [live(server)]

    def stays():
        found.append(live(server))
        return found[-1] == found[-2]

    wait_until(stays, "live bytes that stay", pause=QUIET)
    return found[-1]


def expect_forgotten(server, before, descriptors):
    wait_until(lambda: server.descriptors() <= descriptors, "descriptors as before")
    wait_until(lambda: live(server) == before, f"live bytes as before, {before}", pause=QUIET)
    assert server.get("/users/42").body == b"42"


def reset(client):
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


# What a client sends, and how many bytes of the answer it reads, before it resets.
STAGES = [
    (b"", 0), (b"P", 0), (HEAD[:30], 0), (HEAD, 0), (HEAD + b"x" * 10000, 0),
    (HEAD + b"x" * 20000, 0), (HEAD + b"x" * 20000, 10), (REQUEST * 100, 0), (REQUEST * 100, 50),
    (LARGE, 0), (LARGE, 1000), (LARGE * 3, 100000), (b"nonsense\r\n\r\n", 0),
    (b"nonsense\r\n\r\n", 10),
]


def test_a_reset_at_any_stage_leaves_nothing(handlers):
    server = handlers()
    before, descriptors = settled(server), server.descriptors()
    for sent, read in STAGES * 10:
        client = socket.create_connection(server.address, timeout=20)
        client.sendall(sent)
        while read > 0:
            read -= len(client.recv(read))
        reset(client)
    expect_forgotten(server, before, descriptors)


def test_1000_connections_dropped_in_mid_request_leave_nothing(handlers, many_descriptors):
    server = handlers()
    before, descriptors = settled(server), server.descriptors()
    pieces = [HEAD[:30], HEAD + b"x" * 5000, LARGE, REQUEST[:-2]]
    clients = []
    for i in range(1000):
        clients.append(socket.create_connection(server.address, timeout=20))
        clients[-1].sendall(pieces[i % 4])
    # The last one that asked may still have been open when they were counted.
    wait_until(lambda: server.descriptors() >= descriptors + 999, "all connections")
    for i, client in enumerate(clients):
        reset(client) if i % 2 else client.close()
    expect_forgotten(server, before, descriptors)


def slow_client(server, kind):
    """Sends half a head, half a body, or a request whose reply is not read."""
    client = socket.socket()
    if kind == 0:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.settimeout(20)
    client.connect(server.address)
    client.sendall((LARGE, HEAD[:5], REQUEST[:5], HEAD + b"x" * 100)[kind])
    return client


def test_2000_slow_clients_do_not_hold_up_a_good_one(handlers, many_descriptors):
    """What each of them costs is in docs/http-server.md."""
    server = handlers("header_timeout_ms=600000", "body_timeout_ms=600000",
                      "write_timeout_ms=600000")
    before = settled(server)
    kinds = [0 if i % 20 == 0 else 1 + i % 3 for i in range(2000)]
    slow = [slow_client(server, kind) for kind in kinds]
    longest = 0
    with server.connect() as good:
        for n in range(5, 10):
            for kind, client in zip(kinds, slow):
                if kind != 0:
                    client.sendall((b"", HEAD[n:n + 1], REQUEST[n:n + 1], b"x")[kind])
            for _ in range(40):
                begun = time.monotonic()
                assert good.get("/users/42").body == b"42"
                longest = max(longest, time.monotonic() - begun)
        now = [int(line) for line in good.get("/live").body.split()]
    request, response, general = (now[i] - before[i] for i in (0, 1, 5))
    assert general < 2000 * 512 + (1 << 16)
    assert request < 1900 * (4096 + 1024) + (1 << 20)
    assert response < 100 * (1000000 + 4096) + (1 << 20)
    assert longest < DEADLINE / 2
    for client in slow:
        reset(client)


def test_a_server_out_of_descriptors_recovers(start):
    program = BUILD / "tests" / "integration" / "test_server"
    server = start("sh", "-c", f"ulimit -n 40; exec '{program}'", tells_survivors=True)
    assert server.get("/users/42").body == b"42"
    clients = [socket.create_connection(server.address, timeout=20) for _ in range(80)]
    for client in clients:
        client.sendall(REQUEST)
    # Those for whom there is no descriptor wait until others have gone.
    for client in clients:
        assert client.recv(4096).startswith(b"HTTP/1.1 200")
        client.close()
    wait_until(lambda: server.descriptors() < 30, "descriptors to be free again")
    assert server.get("/users/42").body == b"42"
