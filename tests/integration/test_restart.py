"""Sockets that come from elsewhere: a service manager's, and those of a predecessor."""

import os
import resource
import signal
import socket
import sys
import threading
from pathlib import Path

import pytest

from harness import PROGRAM, SANITIZER, wait_until
from wire import Connection

# Plays systemd: makes the sockets, says so, and becomes the program. "" is a TCP socket.
ACTIVATE = """
import os, socket, sys
paths, command = sys.argv[1].split(","), sys.argv[2:]
sockets = []
for path in paths:
    made = socket.socket(socket.AF_UNIX if path else socket.AF_INET)
    made.bind(path or ("127.0.0.1", 0))
    made.listen()
    sockets.append(os.dup2(made.fileno(), 100 + len(sockets)))
for at, fd in enumerate(sockets):
    os.dup2(fd, 3 + at)
    os.close(fd)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(paths)))
os.execv(command[0], command)
"""


def successors(pid, command):
    """Processes that run the same command, other than this one."""
    for folder in Path("/proc").iterdir():
        try:
            if (folder.name.isdigit() and int(folder.name) != pid
                    and (folder / "cmdline").read_bytes() == command
                    and (folder / "stat").read_text().rsplit(")")[1].split()[0] != "Z"):
                yield int(folder.name)
        except OSError:
            pass


def end_successors(pid, command):
    """Ends them. To be called when the predecessor has ended: a process that is between fork and
    exec shows its parent's command line, and none at all for a moment."""
    found = list(successors(pid, command))
    for successor in found:
        os.kill(successor, signal.SIGINT)
    wait_until(lambda: not list(successors(pid, command)), "the successor's end")
    assert len(found) == 1


class Visitors:
    """Threads that ask for a file, each time by a new connection, and count what went wrong."""

    def __init__(self, server, count=2):
        self.server = server
        self.answered = 0
        self.failures = []
        self.ends = threading.Event()
        self.threads = [threading.Thread(target=self.visit, daemon=True) for _ in range(count)]
        for thread in self.threads:
            thread.start()

    def visit(self):
        while not self.ends.is_set():
            try:
                assert self.server.get("/a.txt").body == b"12345"
                self.answered += 1
            except (OSError, AssertionError) as trouble:
                self.failures.append(repr(trouble))

    def wait(self, more=100):
        wanted = self.answered + more
        wait_until(lambda: self.answered >= wanted, "more visits")

    def stop(self):
        self.ends.set()
        for thread in self.threads:
            thread.join()
        return self.failures


@pytest.mark.parametrize("workers, restarts", [(1, 1), (3, 1), (1, 2)])
def test_a_restart_loses_no_request(serve, tmp_path, workers, restarts):
    (tmp_path / "a.txt").write_text("12345")
    path = tmp_path / "socket"
    server = serve(tmp_path, "--workers", workers, "--unix", path, "--drain", "30")
    command = Path(f"/proc/{server.pid}/cmdline").read_bytes()
    visitors = Visitors(server)
    try:
        visitors.wait()
        server.process.send_signal(signal.SIGUSR2)
        assert server.process.wait(30) == 0
        visitors.wait()
        for _ in range(restarts - 1):
            last, = successors(server.pid, command)
            os.kill(last, signal.SIGUSR2)
            wait_until(lambda: last not in successors(server.pid, command), "the old one's end")
            visitors.wait()
        assert visitors.stop() == []
        with Connection(str(path)) as connection:
            assert connection.get("/a.txt").body == b"12345"
    finally:
        visitors.stop()
        end_successors(server.pid, command)
    assert not path.exists()


def test_a_file_that_somebody_else_has_put_there_is_left_alone(serve, tmp_path):
    (tmp_path / "a.txt").write_text("12345")
    path = tmp_path / "socket"
    server = serve(tmp_path, "--unix", path)
    command = Path(f"/proc/{server.pid}/cmdline").read_bytes()
    path.rename(tmp_path / "moved")
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        server.process.send_signal(signal.SIGUSR2)
        assert server.process.wait(30) == 0
        end_successors(server.pid, command)
        assert path.exists()


def test_a_successor_that_cannot_start_changes_nothing(serve, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.txt").write_text("12345")
    server = serve(folder)
    folder.rename(tmp_path / "moved")
    server.process.send_signal(signal.SIGUSR2)
    line = server.process.stderr.readline() + server.process.stderr.readline()
    assert b"no such directory" in line
    assert b"the new process has ended, status=2; this one goes on" in line
    assert server.get("/a.txt").body == b"12345"
    assert server.stop()[0] == 0


@pytest.mark.skipif(SANITIZER == "thread", reason="ThreadSanitizer ends a process without threads")
def test_a_successor_that_gets_no_threads_changes_nothing(serve, tmp_path):
    """It has the sockets and listens already when it finds that it cannot have its workers."""
    (tmp_path / "a.txt").write_text("12345")
    server = serve(tmp_path, "--workers", "4")
    # The limit is also how much a thread reserves, and no address space has room for so much.
    _, most = resource.prlimit(server.pid, resource.RLIMIT_STACK)
    if most != resource.RLIM_INFINITY:
        pytest.skip("the stack's limit cannot be raised here")
    resource.prlimit(server.pid, resource.RLIMIT_STACK, (1 << 47, most))
    server.process.send_signal(signal.SIGUSR2)
    lines = []
    while not lines or b"has ended" not in lines[-1]:
        lines.append(server.process.stderr.readline())
        assert lines[-1], lines
    assert lines[-1].endswith(b"status=2; this one goes on\n")
    assert server.get("/a.txt").body == b"12345"
    assert server.stop()[0] == 0


def test_sockets_of_a_service_manager_are_served(start, tmp_path):
    (tmp_path / "a.txt").write_text("12345")
    path = tmp_path / "socket"
    server = start(sys.executable, "-c", ACTIVATE, f",{path}", PROGRAM, "serve", tmp_path,
                   "--port", "1", "--workers", "2", "--log-level", "info", tells_survivors=True)
    for _ in range(10):
        assert server.get("/a.txt").body == b"12345"
        with Connection(str(path)) as connection:
            assert connection.get("/a.txt").body == b"12345"
    assert server.stop()[0] == 0
    assert path.exists()  # it is the manager's


def test_a_service_manager_is_told(serve, tmp_path, monkeypatch):
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path)
        manager.settimeout(30)
        monkeypatch.setenv("NOTIFY_SOCKET", path)
        server = serve(tmp_path)
        assert manager.recv(256) == f"READY=1\nMAINPID={server.pid}".encode()
        assert server.stop()[0] == 0
        assert manager.recv(256) == b"STOPPING=1"


def test_an_abstract_notify_socket_is_told_too(serve, tmp_path, monkeypatch):
    name = f"catzilla-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("\0" + name)
        manager.settimeout(30)
        monkeypatch.setenv("NOTIFY_SOCKET", "@" + name)
        serve(tmp_path)
        assert manager.recv(256).startswith(b"READY=1\n")


def test_connections_that_stay_open_move_to_the_successor(serve, tmp_path):
    """Each gets the reply to what it has asked for, and learns by Connection or a close that it ends."""
    (tmp_path / "a.txt").write_text("12345")
    server = serve(tmp_path, "--drain", "30")
    idle, half = server.connect(), server.connect()
    assert idle.get("/a.txt").status == 200
    half.send(b"GET /a.txt HTTP/1.1\r\n")
    assert server.get("/a.txt").status == 200
    command = Path(f"/proc/{server.pid}/cmdline").read_bytes()
    server.process.send_signal(signal.SIGUSR2)
    try:
        assert idle.is_closed()
        half.send(b"Host: t\r\n\r\n")
        response = half.read()
        assert (response.body, response["Connection"]) == (b"12345", "close")
        assert half.is_closed()
        assert server.process.wait(30) == 0
        assert server.get("/a.txt").body == b"12345"
    finally:
        end_successors(server.pid, command)
