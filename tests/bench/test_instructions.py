"""How many instructions a call and a request take: what makes them dearer is not seen by timing alone.

Limits stand a little above what is measured; who makes something cheaper lowers them.
"""

import importlib.util
import os
import pathlib
import tempfile

import pytest

HERE = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(os.environ["CATZILLA_BUILD_DIR"])
CPUS = sorted(os.sched_getaffinity(0))


def driver(name):
    """The benchmark's own driver; both are called run.py."""
    spec = importlib.util.spec_from_file_location(f"bench_{name}", HERE / name / "run.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_an_allocation_and_its_free():
    bench = driver("memory").Bench(BUILD, CPUS)
    assert bench.instructions("catzilla") - bench.instructions("none") <= 99


@pytest.mark.parametrize("name, case, target, most", [
    ("catzilla", "plain", "/", 3390),
    ("catzilla", "16-deep", "/", 2800),
    ("catzilla", "big head", "/", 11300),
    ("catzilla-full", "plain", "/users/42", 4915),
])
def test_a_request(name, case, target, most):
    with tempfile.TemporaryDirectory() as scratch:
        bench = driver("http").Bench(BUILD, CPUS[-1], scratch)
        assert bench.instructions(name, case, target) <= most
