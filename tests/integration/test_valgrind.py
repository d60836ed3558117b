"""Start, serve and stop under valgrind: no error, and nothing lost."""

import re
import shutil
import subprocess

import pytest

from harness import PROGRAM, SANITIZER, Server

# Only the system's allocator shows valgrind each block.
USES_JEMALLOC = "jemalloc none" not in subprocess.run(
    [PROGRAM, "--version"], capture_output=True, text=True, check=True).stdout

pytestmark = [
    pytest.mark.skipif(bool(SANITIZER), reason="sanitizers and valgrind exclude each other"),
    pytest.mark.skipif(USES_JEMALLOC, reason="valgrind is blind to jemalloc's blocks"),
    pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind is not installed"),
]


def test_serving_and_stopping_lose_nothing(tmp_path):
    (tmp_path / "a.txt").write_text("0123456789")
    (tmp_path / "large").write_bytes(bytes(1 << 20))
    report = tmp_path / "report"
    server = Server("valgrind", f"--log-file={report}", "--leak-check=full",
                    "--show-leak-kinds=definite,indirect,possible", "--track-fds=yes",
                    PROGRAM, "serve", tmp_path, "--port", "0", "--drain", "1", "--log", tmp_path / "log")
    with server.connect() as connection, server.connect() as idle:
        idle.send(b"GET /a.txt HTTP/1.1\r\nHo")
        for _ in range(5):
            assert connection.get("/").status == 200
            assert connection.get("/a.txt", "Range: bytes=2-3").body == b"23"
            assert len(connection.get("/large").body) == 1 << 20
            assert connection.get("/nothing").status == 404
            assert connection.get("/a.txt", method="POST").status == 405
        assert server.exchange(b"nonsense\r\n\r\n").status == 400
        status, _, errors = server.stop()
    # The head that never ends is what the drain has to cut off.
    assert status == 0 and "aborted=1" in errors and errors.count("\n") == 1, errors
    text = report.read_text()
    assert "ERROR SUMMARY: 0 errors" in text, text
    for kind in ("definitely", "indirectly", "possibly"):
        lost = re.search(rf"{kind} lost: ([\d,]+) bytes", text)
        assert lost is None or lost[1] == "0", text
