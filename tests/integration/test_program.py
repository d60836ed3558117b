"""The catzilla program: its flags, what it says, and how it starts and stops."""

import json
import os
import re
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from harness import PROGRAM, SOURCE, Process, wait_until
from wire import Connection


def run(*words, cwd=None):
    done = subprocess.run([PROGRAM, *words], capture_output=True, text=True, timeout=60, cwd=cwd,
                          stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout, done.stderr


def refused(*words, cwd=None):
    """The one line of complaint of a program that must not start."""
    status, output, errors = run(*words, cwd=cwd)
    assert status == 2
    assert output == ""
    assert errors.startswith("catzilla: ") and errors.count("\n") == 1
    return errors.removeprefix("catzilla: ").rstrip("\n")


def test_version_names_everything_built_in():
    status, output, errors = run("--version")
    version = re.search(r'^version = "(.*)"', (SOURCE / "Cargo.toml").read_text(), re.M)[1]
    assert (status, errors) == (0, "")
    lines = dict(line.split(" ", 1) for line in output.splitlines())
    assert list(lines) == ["catzilla", "jemalloc", "libuv", "llhttp"]
    assert lines["catzilla"] == version
    assert re.match(r"5\.\d+\.\d+|none ", lines["jemalloc"])
    assert re.match(r"1\.\d+\.\d+", lines["libuv"])
    assert re.match(r"9\.\d+\.\d+", lines["llhttp"])


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["serve", "--help"], ["serve", ".", "-h"]])
def test_help_names_every_flag(words):
    status, output, errors = run(*words)
    assert (status, errors) == (0, "")
    for flag in ("serve", "--host", "--log", "--max-body", "--version", "--help"):
        assert flag in output


@pytest.mark.parametrize("words, complaint", [
    ([], "no command; try catzilla serve or catzilla --help"),
    (["sevre"], "sevre: no such command; catzilla --help lists them"),
    (["--prot", "80"], "--prot: no such flag; catzilla --help lists them"),
    (["--version", "x"], "x: no such command; catzilla --help lists them"),
    (["serve", "--prot", "80"], "--prot: no such flag; catzilla --help lists them"),
    (["serve", "-p"], "-p: no such flag; catzilla --help lists them"),
    (["serve", "--port"], "--port: needs a value"),
    (["serve", "--host="], "--host=: needs a value"),
    (["serve", "--port", "65536"], "--port 65536: not a port; give 0 to 65535"),
    (["serve", "--port", "-1"], "--port -1: not a port; give 0 to 65535"),
    (["serve", "--port=http"], "--port http: not a port; give 0 to 65535"),
    (["serve", "--port", "000080"], "--port 000080: not a port; give 0 to 65535"),
    (["serve", "--workers", "0"], "--workers 0: not a number; give 1 to 256"),
    (["serve", "--workers=257"], "--workers 257: not a number; give 1 to 256"),
    (["serve", "--max-connections", "0"],
     "--max-connections 0: not a number; give 1 to 1000000"),
    (["serve", "--max-connections-per-address=-1"],
     "--max-connections-per-address -1: not a number; give 1 to 1000000"),
    (["serve", "--max-body", "0"], "--max-body 0: not a size; give 1 to 1099511627776"),
    (["serve", "--max-body", "1025G"], "--max-body 1025G: not a size; give 1 to 1099511627776"),
    (["serve", "--max-body", "1T"], "--max-body 1T: not a size; give 1 to 1099511627776"),
    (["serve", "--max-body", "K"], "--max-body K: not a size; give 1 to 1099511627776"),
    (["serve", "--max-body", "1KB"], "--max-body 1KB: not a size; give 1 to 1099511627776"),
    (["serve", "--min-rate", "2G"], "--min-rate 2G: not a size; give 0 to 1073741824"),
    (["serve", "--idle-timeout", "1s"], "--idle-timeout 1s: not a number of seconds; give 0 to 86400"),
    (["serve", "--total-timeout", "86401"],
     "--total-timeout 86401: not a number of seconds; give 0 to 86400"),
    (["serve", "--unix-mode", "0888"], "--unix-mode 0888: not a mode; give 0 to 0777"),
    (["serve", "--unix-mode", "01777"], "--unix-mode 01777: not a mode; give 0 to 0777"),
    (["serve", "--pin=1"], "--pin=1: takes no value"),
    (["serve", "--host", "::1", "--host", "127.0.0.1"],
     "--host 127.0.0.1: given twice; more addresses are for --listen"),
    (["serve", "--unix", "/a", "--unix", "/b"], "--unix /b: given twice"),
    (["serve", "--listen", "8080"],
     "--listen 8080: give ADDRESS:PORT, such as 0.0.0.0:80 or [::1]:8080"),
    (["serve", "--listen", "::1:8080"],
     "--listen ::1:8080: give ADDRESS:PORT, such as 0.0.0.0:80 or [::1]:8080"),
    (["serve", "--listen", "[]:80"],
     "--listen []:80: give ADDRESS:PORT, such as 0.0.0.0:80 or [::1]:8080"),
    (["serve", "--listen", "127.0.0.1:65536"],
     "--listen 127.0.0.1:65536: give ADDRESS:PORT, such as 0.0.0.0:80 or [::1]:8080"),
    (["serve"] + ["--listen=127.0.0.1:0"] * 17, "--listen: given too often; at most 16 times"),
    (["serve", "--log-format", "xml"], "--log-format xml: give common, combined or json"),
    (["serve", "--log-level", "all"], "--log-level all: give error, warning, info or debug"),
    (["serve", ".", ".."], "..: one directory is enough"),
])
def test_a_bad_flag_is_one_line_and_status_2(words, complaint):
    assert refused(*words) == complaint


def test_a_missing_directory_is_one_line_and_status_2(tmp_path):
    missing = tmp_path / "nowhere"
    assert refused("serve", missing) == f"{missing}: no such directory; name one to serve"


def test_a_file_is_no_directory(tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    assert refused("serve", file) == f"{file}: not a directory; name one to serve"


def test_a_taken_port_is_one_line_and_status_2(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert (refused("serve", tmp_path, "--port", str(port))
                == f"127.0.0.1:{port}: address already in use; choose another --port")


def test_a_port_that_another_catzilla_has_is_taken(serve, tmp_path):
    port = serve(tmp_path).port
    assert "address already in use" in refused("serve", tmp_path, "--port", port)


@pytest.mark.parametrize("host", ["203.0.113.1", "no-such-host", "1.2.3", "1" * 70])
def test_a_host_that_is_not_ours_is_one_line_and_status_2(tmp_path, host):
    complaint = refused("serve", tmp_path, "--host", host, "--port", "0")
    assert complaint.startswith(f"{host}:0: ") and "choose another --host" in complaint


def test_a_log_that_cannot_be_written_is_one_line_and_status_2(tmp_path):
    log = tmp_path / "nowhere" / "log"
    assert (refused("serve", tmp_path, "--log", log)
            == f"{log}: no such file, route or value; choose another --log")


def test_it_prints_its_url_and_its_arenas(serve, tmp_path):
    server = serve(tmp_path)
    assert server.first_line == f"serving {tmp_path} on http://127.0.0.1:{server.port}/"
    names = dict(re.findall(r"(\w+)=(\d+)", server.read_line()))
    assert list(names) == ["request", "response", "cache", "static", "task"]
    _, version, _ = run("--version")
    ids = set(names.values())
    assert ids == {"0"} if "jemalloc none" in version else len(ids) == 5
    assert server.get("/").status == 200


def test_it_serves_with_several_workers(serve, tmp_path):
    (tmp_path / "a.txt").write_text("12345")
    server = serve(tmp_path, "--workers", "3")
    tasks = Path(f"/proc/{server.pid}/task")
    wait_until(lambda: len(list(tasks.iterdir())) >= 3, "three threads")
    for _ in range(50):
        assert server.get("/a.txt").body == b"12345"
    assert "address already in use" in refused("serve", tmp_path, "--port", server.port,
                                               "--workers", "3")


def test_few_descriptors_make_clients_wait_and_drop_nobody(start, tmp_path):
    (tmp_path / "a.txt").write_text("12345")
    server = start("sh", "-c", 'ulimit -n 40; exec "$@"', "sh", PROGRAM, "serve", tmp_path,
                   "--port", "0")
    connections = [server.connect() for _ in range(80)]
    for connection in connections:
        connection.send(b"GET /a.txt HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n")
    for connection in connections:
        with connection:
            response = connection.read()
            assert response.body == b"12345" or (response.status == 503
                                                 and response["Retry-After"] == "1")
    status, _, errors = server.stop()
    assert status == 0
    assert re.match(r"catzilla: max_connections lowered from=16384 to=\d+: raise RLIMIT_NOFILE, "
                    r"which is 40\n", errors)


def test_it_serves_on_a_unix_socket_too(serve, tmp_path):
    (tmp_path / "a.txt").write_text("12345")
    path = tmp_path / "socket"
    server = serve(tmp_path, "--unix", path, "--workers", "2")
    for _ in range(10):
        with Connection(str(path)) as connection:
            assert connection.get("/a.txt").body == b"12345"
    assert server.get("/a.txt").body == b"12345"
    assert (refused("serve", tmp_path, "--port", "0", "--unix", path)
            == f"{path}: address already in use; choose another --unix")
    server.stop()
    assert not path.exists()


def test_a_proxy_says_for_whom_it_speaks(serve, tmp_path):
    log = tmp_path / "log"
    server = serve(tmp_path, "--proxy", "127.0.0.0/8", "--log", log)
    with server.connect() as connection:
        connection.send(b"PROXY TCP6 2001:db8::7 2001:db8::1 4711 80\r\n")
        assert connection.get("/").status == 200
        assert connection.get("/").status == 200
    server.stop()
    assert [line.split()[0] for line in log.read_text().splitlines()] == ["2001:db8::7"] * 2


def test_who_is_no_proxy_is_not_served_where_one_is_expected(serve, tmp_path):
    server = serve(tmp_path, "--proxy", "127.0.0.1")
    with server.connect() as connection:
        connection.send(b"GET / HTTP/1.1\r\nHost: t\r\n\r\n")
        peer = "{}:{}".format(*connection.socket.getsockname())
        assert connection.is_closed()
    status, _, errors = server.stop()
    assert (status, errors) == (
        0, f"catzilla: connection closed reason=proxy_header peer={peer}\n")


def test_there_may_be_several_proxies(serve, tmp_path):
    server = serve(tmp_path, "--proxy", "10.0.0.0/8", "--proxy", "127.0.0.1")
    assert server.exchange(b"PROXY UNKNOWN\r\nGET / HTTP/1.1\r\nHost: t\r\n\r\n").status == 200


def test_a_header_from_elsewhere_is_no_request(serve, tmp_path):
    server = serve(tmp_path, "--proxy", "10.0.0.0/8")
    assert server.exchange(b"PROXY UNKNOWN\r\nGET / HTTP/1.1\r\nHost: t\r\n\r\n").status == 501
    assert refused("serve", tmp_path, "--port", "0", "--proxy", "10.0.0.0/33") == (
        "--proxy 10.0.0.0/33: give an address, a range such as 10.0.0.0/8, or unix")


def test_it_serves_the_current_directory_unless_told(serve, tmp_path):
    (tmp_path / "here.txt").write_text("here")
    assert serve(cwd=tmp_path).get("/here.txt").body == b"here"


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
        return True
    except OSError:
        return False


def test_it_listens_on_several_addresses(serve, tmp_path):
    (tmp_path / "a.txt").write_text("12345")
    words = ["--listen", "127.0.0.1:0", "--listen=127.0.0.2:0"]
    words += ["--listen", "[::1]:0"] if has_ipv6() else []
    for workers in (1, 3):
        server = serve(tmp_path, *words, "--workers", workers)
        urls = re.findall(r"http://\[?([^]/]+?)]?:(\d+)/", server.first_line)
        hosts = [host for host, _ in urls]
        assert hosts == ["127.0.0.1", "127.0.0.1", "127.0.0.2", "::1"][:len(hosts)]
        assert len(hosts) == (4 if has_ipv6() else 3)
        for host, port in urls:
            with Connection((host, int(port))) as connection:
                assert connection.get("/a.txt").body == b"12345"


def test_the_address_that_cannot_be_had_is_the_one_that_is_named(serve, tmp_path):
    taken = serve(tmp_path).port
    assert refused("serve", tmp_path, "--port", "0", "--listen", "127.0.0.1:0", "--listen",
                   f"127.0.0.1:{taken}") == (
        f"127.0.0.1:{taken}: address already in use; choose another --listen")
    assert refused("serve", tmp_path, "--port", "0", "--listen", "203.0.113.1:1") == (
        "203.0.113.1:1: not an address of this machine; choose another --listen, such as "
        "127.0.0.1:8080 or [::1]:8080")


def test_limits_are_those_of_the_flags(serve, tmp_path):
    path = tmp_path / "socket"
    server = serve(tmp_path, "--max-body", "1K", "--max-connections-per-address", "1", "--pin",
                   "--workers", "2", "--unix", path, "--unix-mode", "600", "--max-connections", "9")
    assert path.stat().st_mode & 0o777 == 0o600
    with Connection(str(path)) as connection:
        connection.send(b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 1025\r\n\r\n")
        assert connection.read().status == 413
    with server.connect() as first:
        assert first.get("/").status == 200
        with server.connect() as second:
            assert second.is_closed()

    def both_are_pinned():
        tasks = [int(task.name) for task in Path(f"/proc/{server.pid}/task").iterdir()]
        return sum(len(os.sched_getaffinity(task)) == 1 for task in tasks) >= 2

    wait_until(both_are_pinned, "both workers to have a processor each")


@pytest.mark.parametrize("flag, sent, status", [
    ("--header-timeout", b"GET / HTTP/1.1\r\n", 408),
    ("--body-timeout", b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 9\r\n\r\n", 408),
    ("--total-timeout", b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 9\r\n\r\n", 408),
    ("--idle-timeout", b"", None),
])
def test_deadlines_are_those_of_the_flags(serve, tmp_path, flag, sent, status):
    server = serve(tmp_path, flag, "1", "--write-timeout", "5", "--min-rate", "1K")
    with server.connect() as connection:
        connection.send(sent)
        if status is not None:
            assert connection.read().status == status
        assert connection.is_closed()


def test_ipv6_addresses_are_written_in_brackets(serve, tmp_path):
    if not has_ipv6():
        pytest.skip("no IPv6 here")
    server = serve(tmp_path, "--host", "::1")
    assert server.url == f"http://[::1]:{server.port}"
    assert server.get("/").status == 200


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_it_cleanly(serve, tmp_path, signum):
    server = serve(tmp_path)
    status, _, errors = server.stop(signum)
    assert (status, errors) == (0, "")


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost: t", b"GET / HTTP/1.1\r\nHost: t\r\n\r\n"])
def test_open_connections_do_not_hold_up_the_stop(serve, tmp_path, sent):
    server = serve(tmp_path)
    with server.connect() as connection:
        connection.send(sent)
        assert server.get("/").status == 200  # so the first connection has been accepted too
        assert server.stop(signal.SIGINT)[0] == 0


def test_the_port_is_free_again_after_the_stop(serve, start, tmp_path):
    server = serve(tmp_path)
    assert server.get("/").status == 200
    server.stop()
    again = start(PROGRAM, "serve", tmp_path, "--port", server.port)
    assert again.port == server.port


COMBINED = re.compile(r'(\S+) - - \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d \+0000\] '
                      r'"(.*?)" (\d{3}) (\d+) "(.*?)" "(.*?)"')


@pytest.mark.parametrize("flag", ["--log", "--access-log"])
def test_the_log_has_a_line_for_each_request(serve, tmp_path, flag):
    (tmp_path / "a.txt").write_text("12345")
    log = tmp_path / "log"
    server = serve(tmp_path, flag, log)
    with server.connect() as connection:
        connection.get("/a.txt?q=1", "Referer: http://t/", "User-Agent: test")
        connection.get("/nothing")
        connection.get("/a.txt", method="HEAD")
        connection.get("/a.txt", method="DELETE")
    server.exchange(b"nonsense\r\n\r\n")
    server.stop()
    lines = [COMBINED.fullmatch(line).groups() for line in log.read_text().splitlines()]
    assert lines == [
        ("127.0.0.1", "GET /a.txt?q=1 HTTP/1.1", "200", "5", "http://t/", "test"),
        ("127.0.0.1", "GET /nothing HTTP/1.1", "404", "14", "-", "-"),
        ("127.0.0.1", "HEAD /a.txt HTTP/1.1", "200", "0", "-", "-"),
        ("127.0.0.1", "DELETE /a.txt HTTP/1.1", "405", lines[3][3], "-", "-"),
        ("127.0.0.1", "-", "400", lines[4][3], "-", "-")]


def test_the_log_may_be_json(serve, tmp_path):
    log = tmp_path / "log"
    server = serve(tmp_path, "--log", log, "--log-format", "json")
    with server.connect() as connection:
        peer = "{}:{}".format(*connection.socket.getsockname())
        connection.get("/x", 'User-Agent: a"b\\c\xe9')
    server.stop()
    line = json.loads(log.read_text())
    assert (line["peer"], line["method"], line["target"]) == (peer, "GET", "/x")
    assert line["user_agent"] == 'a"b\\c\xe9'
    assert (line["version"], line["status"]) == ("HTTP/1.1", 404)
    assert line["duration_us"] > 0 and line["memory_peak"] > 0
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])


def test_sighup_opens_the_log_anew(serve, tmp_path):
    log, moved = tmp_path / "log", tmp_path / "moved"
    server = serve(tmp_path, "--log", log)
    server.get("/before")
    wait_until(lambda: "before" in log.read_text(), "the first line")
    log.rename(moved)
    server.process.send_signal(signal.SIGHUP)
    wait_until(log.exists, "the new file")
    server.get("/after")
    server.stop()
    assert "/after" in log.read_text() and "/after" not in moved.read_text()


def test_a_log_that_nobody_reads_holds_up_neither_requests_nor_the_end(tmp_path):
    server = Process(PROGRAM, "serve", tmp_path, "--port", "0", "--log", "-", "--drain", "1")
    port = int(re.search(r":(\d+)/", server.read_line())[1])
    try:
        with Connection(("127.0.0.1", port)) as connection:
            for _ in range(200):  # far more than a pipe and the log's buffers hold
                assert connection.get("/" + "x" * 3000).status == 404
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(30) == 0
    finally:
        server.stop()


def test_a_fifo_as_log_needs_a_reader_only_to_be_read(serve, tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    assert "the operating system refused; choose another --log" in refused(
        "serve", tmp_path, "--port", "0", "--log", fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    server = serve(tmp_path, "--log", fifo)
    os.close(reader)
    server.process.send_signal(signal.SIGHUP)
    assert b"access log cannot be opened anew" in server.process.stderr.readline()
    assert server.get("/").status == 200
    status, _, errors = server.stop()
    assert status == 0
    assert "access log loses lines reason=\"broken pipe\"" in errors
    assert "access log ended lost=1" in errors


def test_the_log_can_go_to_stderr_and_what_a_client_sends_is_escaped(tmp_path):
    server = Process(PROGRAM, "serve", tmp_path, "--port", "0", "--log", "-")
    port = int(re.search(r":(\d+)/", server.read_line())[1])
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(b"GET /\\x\xc3\xa9 HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n")
        while connection.recv(4096):
            pass
    status, _, errors = server.stop()
    assert status == 0
    assert errors.count("\n") == 1 and errors.isascii()


def test_a_new_log_line_goes_behind_the_old_ones(serve, tmp_path):
    log = tmp_path / "log"
    log.write_text("kept\n")
    server = serve(tmp_path, "--log", log)
    server.get("/")
    server.stop()
    assert log.read_text().startswith("kept\n") and log.read_text().count("\n") == 2
