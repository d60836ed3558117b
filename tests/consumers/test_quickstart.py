"""What quickstart asks of a system, tried on systems of shell scripts: nothing is installed or built."""

import os
import re
import shutil
import subprocess

import pytest

from conftest import SOURCE

PACKAGES = ("cmake", "ninja-build", "make", "gcc", "libuv1-dev", "libcmocka-dev", "python3-pytest")
PLAIN_TOOLS = ("cat", "cut", "date", "dirname", "env", "grep", "head", "mkdir", "rm", "sed", "sh", "tail",
               "tee", "touch")
# Every call goes to a file; dpkg-query has all packages but those named in the file `lacking`.
FAKES = {
    "apt-cache": "",
    "apt-get": 'case $1 in install) rm lacking ;; esac',
    "cargo": '[ "$1" != --version ] || echo "cargo 1.90.0 (x 2026-01-01)"',
    "cmake": "",
    "dpkg": "",
    "dpkg-query": 'for last; do :; done; grep -q -w -e "$last" lacking 2>/dev/null || '
                  "printf 'install ok installed'",
    "id": "echo 0",
}

PROGRAM = '#!/bin/sh\necho "$PWD: $*"\n'


class System:
    """A copy of the script in a folder of its own, and a PATH with nothing else than is said."""

    def __init__(self, folder):
        self.folder = folder / "project"
        self.bin = folder / "bin"
        self.calls = folder / "calls"
        self.folder.mkdir()
        self.bin.mkdir()
        self.calls.touch()
        for file in ("quickstart", "Cargo.toml", "cmake/Header.cmake"):
            self.write(file, (SOURCE / file).read_text())
        for tool in PLAIN_TOOLS:
            (self.bin / tool).symlink_to(shutil.which(tool))
        for name, text in FAKES.items():
            self.fake(name, text)
        for file in ("share/cmake/Corrosion.cmake", "include/llhttp.h", "include/yyjson.h",
                     "share/doc/libyyjson0/copyright"):
            self.write(f"build/deps/usr/{file}", "")
        self.write("build/deps/bin/cbindgen", "#!/bin/sh\necho cbindgen 0.0.1\n")
        self.write("build/release/catzilla", PROGRAM)

    def write(self, name, text):
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(0o755)

    def fake(self, name, text):
        self.write(self.bin / name, f'#!/bin/sh\necho "{name} $*" >>"{self.calls}"\n{text}\n')

    def without(self, *names):
        for name in names:
            (self.bin / name).unlink()

    def run(self, *words, cwd=None):
        done = subprocess.run(
            ["/bin/sh", os.path.relpath(self.folder / "quickstart", cwd or self.folder), *words],
            cwd=cwd or self.folder, env={"PATH": str(self.bin), "CDPATH": "/:."}, text=True,
            capture_output=True)
        return done.returncode, done.stdout, done.stderr

    def refused(self, *words):
        """The one line of a run that ends with status 2."""
        status, output, errors = self.run(*words)
        assert (status, output) == (2, "")
        assert errors.startswith("quickstart: ") and errors.count("\n") == 1, errors
        return errors


@pytest.fixture
def system(tmp_path):
    return System(tmp_path)


def test_another_system_is_told_the_packages(system):
    system.without("dpkg-query", "apt-get")
    for command in ("setup", "serve", "test"):
        words = system.refused(command).split()
        assert {*PACKAGES, "corrosion", "libllhttp-dev"} <= set(words)


def test_rust_must_be_there_and_new_enough(system):
    system.fake("cargo", 'echo "cargo 1.66.0"')
    system.fake("dpkg", '[ "$2 $3 $4" != "1.66.0 ge 1.85" ]')
    assert "Rust 1.66.0: install Rust 1.85 or newer" in system.refused("serve")
    system.without("cargo")
    assert "cargo not found: install Rust 1.85 or newer" in system.refused("serve")


def test_who_may_not_install_is_told_what_to_install(system):
    (system.folder / "lacking").write_text("make libuv1-dev")
    system.fake("id", "echo 1000")
    assert "apt-get install make libuv1-dev" in system.refused("serve")


def test_what_is_missing_is_installed_once(system):
    (system.folder / "lacking").write_text("make libuv1-dev")
    assert system.run("serve")[0] == 0
    assert re.findall("apt-get (.*)", system.calls.read_text()) == [
        "update -q", "install -q -y --no-install-recommends make libuv1-dev"]
    system.calls.write_text("")
    assert system.run("serve")[0] == 0
    assert "apt-get" not in system.calls.read_text()


def test_a_directory_is_meant_from_where_the_user_is(system, tmp_path):
    (tmp_path / "elsewhere/site").mkdir(parents=True)
    elsewhere = tmp_path / "elsewhere"
    for words, seen in ((["site", "--port", "0"], "site --port 0"),
                        (["--port=0"], f"{system.folder}/docs --port=0"),
                        ([], f"{system.folder}/docs")):
        assert system.run("serve", *words, cwd=elsewhere) == (0, f"{elsewhere}: serve {seen}\n", "")


def test_a_missing_directory_is_said_before_anything_is_done(system):
    assert system.refused("serve", "nowhere") == "quickstart: nowhere: no such directory\n"
    assert system.calls.read_text() == ""


def test_a_clone_that_lacks_nothing_is_built_and_served(system):
    shutil.rmtree(system.folder / "build")
    (system.folder / "program").write_text(PROGRAM)
    system.fake("cmake", "cd ..; mkdir -p project/build/release; cp project/program "
                         "project/build/release/catzilla; chmod +x project/build/release/catzilla")
    for tool in ("cp", "chmod"):
        (system.bin / tool).symlink_to(shutil.which(tool))
    assert system.run("serve")[:2] == (0, f"{system.folder}: serve {system.folder}/docs\n")


def test_debians_own_cargo_has_its_tools_installed(system):
    (system.folder / "lacking").write_text("rust-clippy rustfmt")
    assert system.run("setup")[0] == 0
    assert "--no-install-recommends rust-clippy rustfmt" in system.calls.read_text()


def test_a_build_that_fails_shows_its_output(system):
    system.fake("cmake", "echo what cmake said; exit 1")
    status, output, errors = system.run("serve")
    assert (status, output) == (1, "") and "what cmake said" in errors


def test_the_summary_counts_what_each_preset_said(system):
    system.fake("cmake", 'case $3 in good) echo "100% tests passed, 0 tests failed out of 7" ;;\n'
                         'bad) echo "50% tests passed, 2 tests failed out of 4"; exit 8 ;;\n'
                         "*) exit 1 ;; esac")
    status, output, _ = system.run("test", "good")
    assert re.search(r"cargo install cbindgen --version =\d+\.\d+\.\d+ ", system.calls.read_text())
    assert status == 0 and output.endswith("7 of 7 tests passed\n7 passed, 0 failed\n")
    status, output, _ = system.run("test", "good", "bad", "broken")
    assert status == 1 and output.endswith("\n9 passed, 3 failed\n")
    assert "2 of 4 tests passed" in output and "did not get through; see build/log/broken.txt" in output


@pytest.mark.parametrize("words", [[], ["sevre"]])
def test_a_wrong_command_gets_the_usage(system, words):
    status, output, errors = system.run(*words)
    assert (status, output) == (2, "") and errors.startswith("usage: ./quickstart setup")
    assert system.run("--help") == (0, errors, "")
