"""Programs outside the project, built from the installed prefix alone."""

import os
import re
import shutil

import pytest

from conftest import HERE, SOURCE


def test_memory_alone(consumer):
    assert consumer("memory").startswith("5.")


def test_old_code_says_memory_h(consumer):
    consumer("compat")


def test_a_server(consumer):
    assert consumer("server").startswith("HTTP/1.1 200 OK")


def test_cxx17(consumer):
    consumer("cxx")


def test_with_a_rust_archive_of_its_own(consumer, tools):
    consumer("rust", f"-DRUSTC={tools.rustc}")


def test_pkg_config_and_plain_cc(tools, prefix, tmp_path):
    pkgconfig = next(prefix.glob("lib*/**/pkgconfig"))
    env = {"PKG_CONFIG_PATH": str(pkgconfig)}
    for package, source in (("catzilla-memory", "memory/main.c"), ("catzilla", "server/main.c")):
        flags = tools.run("pkg-config", "--cflags", "--libs", package, env=env).split()
        program = tmp_path / package
        tools.run("cc", f"-I{HERE}", HERE / source, "-o", program, *flags)
        tools.run(program, env={"LD_LIBRARY_PATH": str(pkgconfig.parent)})


def test_the_program_runs_where_it_is_installed(tools, prefix):
    said = tools.run(prefix / "bin/catzilla", "--version")
    assert re.search(r'^version = "(.*)"', (SOURCE / "Cargo.toml").read_text(), re.M).group(1) in said


def test_the_prefix_names_no_place_outside_itself(prefix):
    for file in prefix.rglob("*"):
        if file.suffix in (".cmake", ".pc", ".h"):
            text = file.read_text()
            assert str(SOURCE) not in text and "installed/first" not in text, file


def test_the_static_archives_are_small(tools, prefix):
    if tools.shared:
        pytest.skip("static libraries only")
    for archive in prefix.rglob("*.a"):
        assert archive.stat().st_size < 10 << 20, archive


def test_the_shared_libraries_have_sonames(tools, prefix):
    if not tools.shared:
        pytest.skip("shared libraries only")
    names = {}
    for library in prefix.rglob("*.so"):
        dynamic = tools.run("readelf", "-d", library)
        names[library.name] = re.search(r"soname: \[(.*)\]", dynamic).group(1)
        assert "RUNPATH" in dynamic or library.name == "libcatzilla-memory.so"
    version = re.search(r'version = "(\d+\.\d+)', (SOURCE / "Cargo.toml").read_text()).group(1)
    assert names == {
        "libcatzilla.so": f"libcatzilla.so.{version}",
        "libcatzilla-memory.so": f"libcatzilla-memory.so.{version}",
    }


def test_the_memory_library_stays_mapped_when_it_is_closed(tools, prefix):
    if not tools.shared:
        pytest.skip("shared libraries only")
    for name, stays in (("libcatzilla-memory.so", True), ("libcatzilla.so", False)):
        dynamic = tools.run("readelf", "-d", next(prefix.rglob(name)))
        assert bool(re.search("FLAGS_1.*NODELETE", dynamic)) == stays, name


def test_debug_info_is_in_files_of_its_own(tools, prefix):
    if not tools.shared:
        pytest.skip("shared libraries only")
    for name in ("libcatzilla-memory.so", "libcatzilla.so"):
        library = next(prefix.rglob(name)).resolve()
        sections = tools.run("readelf", "-S", "-W", library)
        assert ".gnu_debuglink" in sections and ".debug_info" not in sections
        assert f"{library.name}.debug\0".encode() in library.read_bytes()
        split = library.parent / ".debug" / f"{library.name}.debug"
        assert ".debug_info" in tools.run("readelf", "-S", "-W", split)


def test_dlopen_and_dlclose_a_hundred_times(tools, prefix, tmp_path):
    if not tools.shared:
        pytest.skip("shared libraries only")
    host = tmp_path / "host"
    tools.run(tools.cc, HERE / "dlopen/host.c", "-o", host, "-ldl", "-lpthread")
    for library in prefix.rglob("libcatzilla*.so"):
        tools.run(host, library)


def test_add_subdirectory_builds_no_tests(tools, tmp_path):
    source = tmp_path / "project"
    shutil.copytree(HERE / "subdirectory", source)
    shutil.copy(HERE / "server/main.c", source)
    shutil.copy(HERE / "baked.h", source)
    build = tmp_path / "build"
    tools.configure(source, build, f"-DCATZILLA_SOURCE_DIR={SOURCE}",
                    f"-DBUILD_SHARED_LIBS={'ON' if tools.shared else 'OFF'}")
    tools.build(build)
    tools.run(build / "consumer")
    listing = tools.run("ctest", "--test-dir", build, "-N")
    assert "Total Tests: 0" in listing
    assert not list(build.rglob("test_*"))
    assert not os.path.exists(build / "install_manifest.txt")
