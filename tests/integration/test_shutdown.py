"""How the program ends: it drains on SIGTERM, and stops on the second one."""

import signal
import socket

import pytest

from harness import wait_until

LARGE = 16 << 20  # more than the sockets' buffers hold


@pytest.fixture
def large(tmp_path):
    (tmp_path / "large.bin").write_bytes(bytes(LARGE))
    return tmp_path


def download(server):
    """A connection that has asked for the large file and read nothing of it yet but its head."""
    connection = server.connect(receive_buffer=1 << 20)
    connection.send(b"GET /large.bin HTTP/1.1\r\nHost: t\r\n\r\n")
    response = connection.read_head()
    assert response.status == 200
    return connection


def read_to_end(connection):
    """The number of bytes until the server closes."""
    size = len(connection.pending)
    while data := connection.socket.recv(1 << 20):
        size += len(data)
    return size


def refuses(server):
    """Whether nobody accepts at the server's address any more."""
    try:
        socket.create_connection(server.address).close()
        return False
    except (ConnectionRefusedError, ConnectionResetError):
        return True  # reset, where the listener went away during the handshake


@pytest.mark.parametrize("workers", [1, 3])
def test_a_drain_finishes_a_slow_download(serve, large, workers):
    server = serve(large, "--drain", "60", "--workers", workers)
    with download(server) as slow, server.connect() as idle:
        assert idle.get("/").status == 200
        server.process.send_signal(signal.SIGTERM)
        assert idle.is_closed()
        wait_until(lambda: refuses(server), "the port to be closed")
        assert server.process.poll() is None
        assert read_to_end(slow) == LARGE
    status, _, errors = server.stop(0)
    assert (status, errors) == (0, "")


def test_a_reply_during_the_drain_says_that_it_is_the_last(serve, large):
    server = serve(large, "--drain", "60")
    with download(server) as slow, server.connect() as late:
        late.send(b"GET / HTTP/1.1\r\nHost: t\r\n")
        assert server.get("/").status == 200
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: refuses(server), "the port to be closed")
        late.send(b"\r\n")
        assert late.read()["Connection"] == "close"
        assert late.is_closed()
        assert read_to_end(slow) == LARGE
    assert server.stop(0)[0] == 0


def test_the_second_sigterm_stops(serve, large):
    server = serve(large, "--drain", "600")
    with download(server):
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: refuses(server), "the port to be closed")
        status, _, errors = server.stop(signal.SIGTERM)
        assert status == 0
        assert "aborted=1" in errors and errors.count("\n") == 1


def test_a_drain_ends_at_its_deadline(serve, large):
    server = serve(large, "--drain", "1")
    with download(server):
        status, _, errors = server.stop(signal.SIGTERM)
        assert status == 0
        assert "finished=0 aborted=1 bytes_unsent=" in errors
