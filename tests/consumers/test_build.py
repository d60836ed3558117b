"""How the build behaves, tried on copies of the tree, with the network cut."""

import os
import pathlib
import re
import shutil

import pytest

from conftest import BUILD, SOURCE

# Nobody listens on port 9, so whatever would fetch something fails.
OFFLINE = {"CARGO_NET_OFFLINE": "true",
           **dict.fromkeys(("http_proxy", "https_proxy", "all_proxy"), "http://127.0.0.1:9")}
# jemalloc takes a minute to build, so the trials do without it or take the one that is there; and those
# that ask nothing of cargo share its folder with the build under test, which has compiled the Rust.
SMALL = ("-DCATZILLA_JEMALLOC=OFF", "-DBUILD_TESTING=OFF")
DEPS = f"-DCATZILLA_DEPS_DIR={os.environ['CATZILLA_DEPS_DIR']}"
CARGO_CHECKOUT_DIR = pathlib.Path(os.environ["CATZILLA_CARGO_CHECKOUT_DIR"])


def cached(variable, build=BUILD):
    """A variable of a build's cache."""
    text = (build / "CMakeCache.txt").read_text()
    return re.search(f"^{variable}:[A-Z]*=(.*)$", text, re.MULTILINE).group(1)


@pytest.fixture
def tree(tmp_path):
    """A copy of the sources in a path with a space."""
    copy = tmp_path / "a copy"
    ignored = shutil.ignore_patterns("build", "target", ".git", "__pycache__")
    shutil.copytree(SOURCE, copy, ignore=ignored)
    return copy


def test_makefiles_rebuild_what_changed(tools, tree, tmp_path):
    build = tree / "build"
    # What is rebuilt is the same however it is optimised, so what takes least.
    jemalloc = next(CARGO_CHECKOUT_DIR.rglob("libjemalloc_pic.a"))
    env = {**OFFLINE, "JEMALLOC_OVERRIDE": str(jemalloc),
           "CATZILLA_CARGO_BUILD_DIR": str(tmp_path / "cargo")}
    tools.configure(tree, build, DEPS, "-DBUILD_TESTING=OFF", "-DCMAKE_BUILD_TYPE=Debug",
                    generator="Unix Makefiles", env=env)
    first = tools.build(build, env=env)
    assert "Building C object" in first

    nothing = tools.build(build, env=env)
    assert not re.search("Building|Linking|Sealing|Compiling", nothing), nothing

    (tree / "c/src/version.c").touch()
    touched = tools.build(build, env=env)
    assert "version.c" in touched and "Linking C static library" in touched, touched
    assert not re.search("Compiling|Sealing", touched), touched

    with (tree / "rust/ffi/src/lib.rs").open("a") as file:
        file.write(
            "/// Added by a test.\n"
            "#[unsafe(no_mangle)]\n"
            'pub extern "C" fn catzilla_memory_added() {}\n'
        )
    edited = tools.build(build, env=env)
    assert "Sealing" in edited and "Linking C executable" in edited, edited
    assert "Building C object" not in edited, edited
    assert "catzilla_memory_added" in tools.run("nm", build / "libcatzilla-memory.a")


def test_a_path_with_a_space_has_a_cargo_folder_without(tools, tree, tmp_path):
    env = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "CATZILLA_CARGO_BUILD_DIR": ""}
    tools.configure(tree, tree / "build", DEPS, *SMALL, env=env)
    chosen = cached("CATZILLA_CARGO_BUILD_DIR", tree / "build")
    assert chosen.startswith(str(tmp_path / "cache")) and " " not in chosen


def test_a_build_without_a_type_is_optimised(tools, tmp_path):
    env = {**OFFLINE, "CATZILLA_CARGO_BUILD_DIR": str(tmp_path / "cargo")}
    tools.run(tools.cmake, "-G", "Ninja", "-S", SOURCE, "-B", tmp_path / "build", DEPS, *SMALL, env=env)
    assert cached("CMAKE_BUILD_TYPE", tmp_path / "build") == "RelWithDebInfo"


def test_folders_may_be_named_absolutely(tools, tmp_path):
    build, libraries, headers = (tmp_path / name for name in ("build", "libraries", "headers"))
    tools.configure(SOURCE, build, DEPS, "-DBUILD_TESTING=OFF", f"-DCMAKE_INSTALL_LIBDIR={libraries}",
                    f"-DCMAKE_INSTALL_INCLUDEDIR={headers}", f"-DCMAKE_INSTALL_PREFIX={tmp_path}/prefix",
                    "-DCMAKE_C_FLAGS_RELWITHDEBINFO=-O0", env=OFFLINE)
    tools.build(build, env=OFFLINE)
    tools.run(tools.cmake, "--install", build)
    said = tools.run("pkg-config", "--cflags", "--libs", "catzilla-memory",
                     env={"PKG_CONFIG_PATH": str(libraries / "pkgconfig")})
    assert f"-I{headers} " in said and f"-L{libraries} " in said
    targets = (libraries / "cmake/Catzilla/CatzillaMemoryTargets.cmake").read_text()
    assert f"{libraries}/libcatzilla-memory.a" in targets and f"}}/{libraries}" not in targets


def test_a_distributions_lto_does_not_reach_what_is_sealed(tools, tmp_path):
    build = tmp_path / "build"
    tools.configure(SOURCE, build, DEPS, "-DBUILD_TESTING=OFF",
                    "-DCMAKE_C_FLAGS=-flto=auto -ffat-lto-objects",
                    "-DCMAKE_INTERPROCEDURAL_OPTIMIZATION=ON", env=OFFLINE)
    tools.build(build, env=OFFLINE)
    tools.run(build / "catzilla", "--version")


@pytest.mark.parametrize("options, said", [
    (("-G", "Ninja Multi-Config"), "choose Ninja or Unix Makefiles"),
    (("-DCATZILLA_MAKE=",), "make not found"),
    (("-DCATZILLA_SANITIZE=thread", "-DCATZILLA_JEMALLOC=OFF", "-DRust_TOOLCHAIN=stable"),
     "rustup toolchain install nightly"),
])
def test_what_cannot_be_built_is_said_with_its_cure(tools, tmp_path, options, said):
    env = {**OFFLINE, "CATZILLA_CARGO_BUILD_DIR": str(tmp_path / "cargo")}
    with pytest.raises(AssertionError, match=said.replace(" ", r"\s+")):
        tools.run(tools.cmake, "-S", SOURCE, "-B", tmp_path / "build", DEPS, "-DBUILD_TESTING=OFF", *options,
                  env=env)


def test_clang(tools, tmp_path):
    clang = shutil.which("clang")
    assert clang, "clang not found: install clang"
    build = tmp_path / "build"
    tools.configure(SOURCE, build, *SMALL, f"-DCMAKE_C_COMPILER={clang}", "-DCATZILLA_WERROR=ON",
                    "-DCMAKE_BUILD_TYPE=Debug", env=OFFLINE)
    tools.build(build, env=OFFLINE)
    tools.run(build / "catzilla", "--version")


def test_what_is_missing_is_named(tools, tmp_path):
    for name, package in (("Libuv", "libuv1-dev"), ("Llhttp", "libllhttp-dev"),
                          ("Corrosion", "corrosion")):
        with pytest.raises(AssertionError, match=f"{package}, or\\s+set\\s+CATZILLA_FETCH=ON"):
            tools.configure(SOURCE, tmp_path / name, *SMALL, "-DCATZILLA_FETCH=OFF",
                            f"-DCMAKE_DISABLE_FIND_PACKAGE_{name}=ON")
