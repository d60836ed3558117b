"""A host process that loads the library must never be brought down by it: instances with many routes,
one after another and at once, background tasks, and an exit that frees nothing."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

MIB = 1 << 20

if "CATZILLA_MEMORY_LIBRARY" not in os.environ:
    pytest.skip("needs the shared libraries", allow_module_level=True)


def play(scene, tmp_path):
    """Plays a scene in a process of its own; it must end well and print nothing."""
    result = tmp_path / "result.json"
    host = pathlib.Path(__file__).with_name("host.py")
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", str(host), scene, str(result)],
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    return json.loads(result.read_text(encoding="ascii"))


def test_memory_library_alone_serves_a_host(tmp_path):
    seen = play("memory_alone", tmp_path)
    assert seen["ids_at_end"] == seen["ids"]
    assert seen["live"] == 0


def test_an_instance_with_500_routes_comes_and_goes(tmp_path):
    seen = play("one_instance", tmp_path)
    assert seen["id_changes"] == 0
    assert seen["during"] > seen["before"]
    assert seen["after"] == seen["before"]


def test_50_instances_in_turn_leave_memory_as_after_the_fifth(tmp_path):
    seen = play("fifty_in_turn", tmp_path)
    assert seen["id_changes"] == 0
    assert len(seen["resident"]) == 50
    assert seen["resident"][-1] <= seen["resident"][4] + 2 * MIB


def test_8_instances_at_once_while_others_come_and_go(tmp_path):
    seen = play("eight_at_once", tmp_path)
    assert seen["failures"] == []
    assert seen["task_failures"] == 0
    assert seen["task_rounds"] > 0
    assert seen["id_changes"] == 0
    assert seen["live"] == [0, 0, 0, 0, 0, 0]
    assert seen["resident"][-1] <= seen["resident"][4] + 2 * MIB


def test_the_interpreter_may_exit_with_live_instances(tmp_path):
    seen = play("exit_with_live_instances", tmp_path)
    assert seen["id_changes"] == 0
    assert seen["instances"] == 4
