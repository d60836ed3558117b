"""The examples do what their texts say, and the README shows the first of them."""

import os
import re
import select

import pytest

from harness import BUILD, SANITIZER, SOURCE, Process, wait_until
from wire import Connection


@pytest.fixture
def example(start):
    """Starts an example on a port of the system's choice."""
    def begin(name):
        return start(BUILD / "tests" / "integration" / f"test_{name}", "0", tells_survivors=True)

    return begin


def listening_port(pid):
    """The port that a process listens on, from the system's tables; None before it does."""
    inodes = set()
    for name in os.listdir(f"/proc/{pid}/fd"):
        inodes.update(re.findall(r"socket:\[(\d+)]", os.readlink(f"/proc/{pid}/fd/{name}")))
    with open(f"/proc/{pid}/net/tcp", encoding="ascii") as table:
        for fields in (line.split() for line in table):
            if fields[3] == "0A" and fields[9] in inodes:
                return int(fields[1].split(":")[1], 16)
    return None


def test_the_readme_shows_the_hello_example():
    shown = re.search(r"```c\n(.*?)```", (SOURCE / "README.md").read_text(), re.S)[1]
    assert shown == (SOURCE / "c" / "examples" / "hello.c").read_text()


def test_hello_greets_by_name():
    process = Process(BUILD / "c" / "examples" / "hello", "0")
    try:
        wait_until(lambda: listening_port(process.pid), "hello to listen")
        with Connection(("127.0.0.1", listening_port(process.pid))) as connection:
            assert connection.get("/hello/World").body == b"Hello, World!\n"
            assert connection.get("/hello/a%20b").body == b"Hello, a b!\n"
            assert connection.get("/").status == 404
    finally:
        process.process.kill()
        process.process.communicate()


def test_notes_are_kept_until_they_are_deleted(example):
    server = example("notes")
    address = server.address
    with Connection(address) as connection:
        connection.send(b"POST /notes HTTP/1.1\r\nHost: t\r\nContent-Length: 4\r\n\r\nmilk")
        created = connection.read()
        assert created.status == 201
        place = created["Location"]
        assert connection.get(place).body == b"milk"
        assert connection.get("/notes/99").status == 404
        assert connection.get("/notes/" + "9" * 20).status == 404
        assert connection.get("/notes/x").status == 404
        assert connection.get(place, method="DELETE").status == 204
        assert connection.get(place).status == 404
        connection.send(b"POST /notes HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\n\r\n" * 101)
        assert [connection.read().status for _ in range(101)] == [201] * 100 + [507]


def test_news_reaches_all_that_listen(example):
    server = example("news")
    assert b"EventSource" in server.get("/").body
    with server.connect() as first, server.connect() as second:
        for listener in (first, second):
            listener.send(b"GET /news HTTP/1.1\r\nHost: t\r\n\r\n")
            assert listener.read_head()["Content-Type"] == "text/event-stream"
        for text in ("it rains", "two\nlines"):
            body = text.encode()
            assert server.exchange(b"POST /news HTTP/1.1\r\nHost: t\r\nContent-Length: %d\r\n\r\n%b"
                                   % (len(body), body)).status == 204
            for listener in (first, second):
                size = int(listener.read_to(b"\r\n"), 16)
                lines = listener.read_bytes(size).decode().splitlines()
                assert listener.read_bytes(2) == b"\r\n"
                assert [line.removeprefix("data:").strip() for line in lines if line] == text.split("\n")
    # Both have gone; news goes on, also with nobody left to hear it.
    assert server.exchange(b"POST /news HTTP/1.1\r\nHost: t\r\nContent-Length: 1\r\n\r\nx").status == 204


def test_a_listener_that_reads_nothing_is_let_go(example):
    server = example("news")
    server.get("/")
    before = server.resident()
    with server.connect(receive_buffer=4096) as deaf, server.connect() as teller:
        deaf.send(b"GET /news HTTP/1.1\r\nHost: t\r\n\r\n")
        assert deaf.read_head().status == 200
        for _ in range(200):
            teller.send(b"POST /news HTTP/1.1\r\nHost: t\r\nContent-Length: 100000\r\n\r\n"
                        + b"x" * 100000)
            assert teller.read().status == 204
        if not SANITIZER:
            assert server.resident() - before < 4 << 20


def fnv(data):
    value = 0xcbf29ce484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001b3 & 0xffffffffffffffff
    return f"{len(data)} {value:016x}\n".encode()


def test_an_upload_is_summed_up_without_being_kept(example):
    server = example("upload")
    data = bytes(i * 31 % 256 for i in range(100000))
    with server.connect() as connection:
        connection.send(b"PUT /sum HTTP/1.1\r\nHost: t\r\nContent-Length: 100000\r\n\r\n" + data)
        assert connection.read().body == fnv(data)
        connection.send(b"POST /sum HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n"
                        + b"".join(b"3e8\r\n%b\r\n" % data[at:at + 1000]
                                   for at in range(0, len(data), 1000)) + b"0\r\n\r\n")
        assert connection.read().body == fnv(data)
        connection.send(b"PUT /sum HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\n\r\n")
        assert connection.read().body == fnv(b"")


def test_a_large_upload_costs_no_memory(example):
    server = example("upload")
    megabyte = bytes(1 << 20)
    count = 20 if SANITIZER else 100
    server.exchange(b"PUT /sum HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\n\r\n")
    before = server.resident()
    with server.connect() as connection:
        connection.send(b"PUT /sum HTTP/1.1\r\nHost: t\r\nContent-Length: %d\r\n\r\n"
                        % (count << 20))
        for _ in range(count):
            connection.send(megabyte)
        assert connection.read().body.split()[0] == b"%d" % (count << 20)
    if not SANITIZER:
        assert server.resident() - before < 2 << 20


def test_an_upload_that_breaks_off_is_forgotten(example):
    server = example("upload")
    for _ in range(20):
        with server.connect() as connection:
            connection.send(b"PUT /sum HTTP/1.1\r\nHost: t\r\nContent-Length: 1000\r\n\r\nhalf")
    assert server.exchange(b"PUT /sum HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\n\r\n").status == 200


def test_a_reply_may_come_later_while_others_are_served(example):
    server = example("later")
    with server.connect() as slow, server.connect() as quick:
        slow.send(b"GET /sleep/3000 HTTP/1.1\r\nHost: t\r\n\r\nGET /sleep/0 HTTP/1.1\r\nHost: t\r\n\r\n")
        assert quick.get("/sleep/0").body == b"slept 0 ms\n"
        assert select.select([slow.socket], [], [], 0)[0] == []
        assert slow.read().body == b"slept 3000 ms\n"
        assert slow.read().body == b"slept 0 ms\n"


def test_a_client_that_goes_before_its_reply_does_no_harm(example):
    server = example("later")
    for _ in range(20):
        with server.connect() as connection:
            connection.send(b"GET /sleep/50 HTTP/1.1\r\nHost: t\r\n\r\n")
    assert server.get("/sleep/0").status == 200
