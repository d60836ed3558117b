"""What the tests of outside programs share: running tools, and one installed prefix."""

import os
import pathlib
import shutil
import subprocess

import pytest

BUILD = pathlib.Path(os.environ["CATZILLA_BUILD_DIR"])
SOURCE = pathlib.Path(os.environ["CATZILLA_SOURCE_DIR"])
HERE = pathlib.Path(__file__).parent


class Tools:
    """Runs CMake and other programs, and tells all they said when one fails."""

    cmake = os.environ["CATZILLA_CMAKE"]
    cc = os.environ["CATZILLA_CC"]
    rustc = os.environ["CATZILLA_RUSTC"]
    shared = os.environ["CATZILLA_SHARED"] == "1"

    def run(self, *command, env=None, cwd=None):
        result = subprocess.run(
            [str(word) for word in command],
            env={**os.environ, **(env or {})},
            cwd=cwd,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert result.returncode == 0, f"{command}\n{result.stdout}"
        return result.stdout

    def configure(self, source, build, *options, generator="Ninja", env=None):
        return self.run(
            self.cmake, "-G", generator, "-S", source, "-B", build,
            f"-DCMAKE_C_COMPILER={self.cc}", "-DCMAKE_BUILD_TYPE=RelWithDebInfo", *options, env=env,
        )

    def build(self, build, *options, env=None):
        return self.run(self.cmake, "--build", build, "-j2", *options, env=env)


@pytest.fixture(scope="session")
def tools():
    return Tools()


@pytest.fixture(scope="session")
def prefix(tools, tmp_path_factory):
    """The build, installed, and then moved: what is found in it must not name where it was."""
    first = tmp_path_factory.mktemp("installed") / "first"
    tools.run(tools.cmake, "--install", BUILD, "--prefix", first)
    moved = first.with_name("moved")
    first.rename(moved)
    return moved


@pytest.fixture
def consumer(tools, prefix, tmp_path):
    """Builds tests/consumers/NAME against the prefix and runs it."""

    def build_and_run(name, *options):
        source = tmp_path / name
        shutil.copytree(HERE / name, source)
        shutil.copy(HERE / "baked.h", source)
        tools.configure(source, tmp_path / "build", f"-DCMAKE_PREFIX_PATH={prefix}", *options)
        tools.build(tmp_path / "build")
        return tools.run(tmp_path / "build" / "consumer")

    return build_and_run
