"""The examples do what their texts say, and the README shows the first of them."""

import os
import re

from harness import BUILD, SOURCE, Process, wait_until
from wire import Connection


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


def test_notes_are_kept_until_they_are_deleted(start):
    server = start(BUILD / "c" / "examples" / "notes", "0")
    address = server.address
    with Connection(address) as connection:
        connection.send(b"POST /notes HTTP/1.1\r\nHost: t\r\nContent-Length: 4\r\n\r\nmilk")
        created = connection.read()
        assert created.status == 201
        place = created["Location"]
        assert connection.get(place).body == b"milk"
        assert connection.get("/notes/99").status == 404
        assert connection.get("/notes/x").status == 404
        assert connection.get(place, method="DELETE").status == 204
        assert connection.get(place).status == 404
        connection.send(b"POST /notes HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\n\r\n" * 101)
        assert [connection.read().status for _ in range(101)] == [201] * 100 + [507]
