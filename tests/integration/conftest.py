"""Starts the real programs on a port that the system chooses, and sees that they end well."""

import os
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from wire import Connection

SOURCE = Path(os.environ.get("CATZILLA_SOURCE_DIR", Path(__file__).parents[2]))
BUILD = Path(os.environ.get("CATZILLA_BUILD_DIR", SOURCE / "build" / "release"))
PROGRAM = Path(os.environ.get("CATZILLA_PROGRAM", BUILD / "catzilla"))
SANITIZER = os.environ.get("CATZILLA_PRESET_SANITIZER", "")

# Sanitizers make a program slow, not wrong.
DEADLINE = 60 if SANITIZER else 20


class Process:
    """A program under test. Its output is read as it comes; its end is checked."""

    def __init__(self, *command, cwd=None, **variables):
        self.command = [str(word) for word in command]
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, cwd=cwd, env={**os.environ, **variables})
        self.pid = self.process.pid
        self.output = ""

    def read_line(self):
        """The next line of standard output, which must come before the deadline."""
        end = time.monotonic() + DEADLINE
        pipe = self.process.stdout.fileno()
        while "\n" not in self.output:
            ready, _, _ = select.select([pipe], [], [], max(0, end - time.monotonic()))
            data = os.read(pipe, 4096) if ready else b""
            if not data:
                self.process.kill()
                _, errors = self.process.communicate()
                pytest.fail(f"{self.command} gave no line; stderr: {errors.decode()}")
            self.output += data.decode()
        line, _, self.output = self.output.partition("\n")
        return line

    def resident(self):
        """Bytes of memory that the process has in use."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def stop(self, signum=signal.SIGTERM):
        """Ends the process and returns its status and what it said on both streams."""
        if self.process.poll() is None:
            self.process.send_signal(signum)
        try:
            output, errors = self.process.communicate(timeout=DEADLINE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            pytest.fail(f"{self.command} did not stop within {DEADLINE} s")
        output, self.output = self.output + output.decode(), ""
        return self.process.returncode, output, errors.decode()


# What a server says of the two classes that end with requests, on a line of its own.
SURVIVORS = re.compile(r"^(?:catzilla: ended: )?live request=(\d+) response=(\d+).*\n", re.M)


class Server(Process):
    """A server that says its URL in its first line, and on its end what is still live."""

    def __init__(self, *command, cwd=None, tells_survivors=False, **variables):
        super().__init__(*command, cwd=cwd, **variables)
        self.tells_survivors = tells_survivors
        self.first_line = self.read_line()
        self.url = re.search(r"http://[^/]+", self.first_line)[0]
        host, self.port = re.fullmatch(r"http://\[?([^]]+?)]?:(\d+)", self.url).groups()
        self.address = (host, int(self.port))

    def stop(self, signum=signal.SIGTERM):
        """As of any process; nothing of a request or a reply may live then. The line that says so is taken off."""
        status, *streams = super().stop(signum)
        found = [pair for text in streams for pair in SURVIVORS.findall(text)]
        assert all(pair == ("0", "0") for pair in found), found
        assert found or not self.tells_survivors, streams
        self.tells_survivors = False
        return status, *(SURVIVORS.sub("", text) for text in streams)

    def connect(self, **options):
        return Connection(self.address, timeout=DEADLINE, **options)

    def get(self, target, *fields, method="GET"):
        with self.connect() as connection:
            return connection.get(target, *fields, method=method)

    def exchange(self, data):
        """Sends bytes on a connection of their own and reads the one reply."""
        with self.connect() as connection:
            connection.send(data)
            return connection.read()


@pytest.fixture
def start():
    """Starts servers; whatever still runs at the end must stop cleanly and in silence."""
    servers = []

    def begin(*command, **options):
        servers.append(Server(*command, **options))
        return servers[-1]

    yield begin
    for server in servers:
        if server.process.returncode is None:
            status, _, errors = server.stop()
            assert (status, errors) == (0, "")
        elif server.tells_survivors:
            server.stop()


@pytest.fixture
def serve(start):
    """Starts `catzilla serve` on a port of the system's choice."""

    def begin(*words, **options):
        return start(PROGRAM, "serve", "--log-level", "info", *words, "--port", "0",
                     tells_survivors=True, **options)

    return begin


@pytest.fixture
def handlers(start):
    """Starts the test server, which has handlers; options are words such as max_body_bytes=10."""

    def begin(*words, **variables):
        return start(BUILD / "tests" / "integration" / "test_server", *words,
                     tells_survivors=True, **variables)

    return begin


def wait_until(condition, what, pause=0.01):
    """Polls what no event tells of, every `pause` seconds."""
    end = time.monotonic() + DEADLINE
    while not condition():
        if time.monotonic() > end:
            pytest.fail(f"waited {DEADLINE} s for {what}")
        time.sleep(pause)


sys.modules["harness"] = sys.modules[__name__]
