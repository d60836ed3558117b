"""The fall-backs for what is not installed, from git mirrors that the test makes of what is."""

import pathlib
import re
import shutil

from test_build import OFFLINE, SMALL, cached
from conftest import SOURCE

STATIC_LIBRARY = """
add_library({target} STATIC IMPORTED GLOBAL)
set_target_properties({target} PROPERTIES
  IMPORTED_LOCATION "${{CMAKE_CURRENT_SOURCE_DIR}}/{archive}"
  INTERFACE_INCLUDE_DIRECTORIES "${{CMAKE_CURRENT_SOURCE_DIR}}")
"""
CORROSION = """
list(APPEND CMAKE_MODULE_PATH "${CMAKE_CURRENT_SOURCE_DIR}")
include(Corrosion)
"""


def mirror(tools, folder, lists, *files):
    """Makes a git repository of files and folders, and tells the options that name it."""
    folder.mkdir()
    for file in files:
        if file.is_dir():
            shutil.copytree(file, folder / file.name)
        else:
            shutil.copy(file, folder)
    (folder / "CMakeLists.txt").write_text(lists)
    git = ("git", "-C", folder, "-c", "user.name=test", "-c", "user.email=test@localhost")
    tools.run(*git, "init", "-q")
    tools.run(*git, "add", "-A", "-f")
    tools.run(*git, "commit", "-q", "-m", "A mirror")
    commit = tools.run(*git, "rev-parse", "HEAD").strip()
    name = folder.name.upper()
    return (f"-DCATZILLA_{name}_REPOSITORY=file://{folder}", f"-DCATZILLA_{name}_COMMIT={commit}",
            f"-DCMAKE_DISABLE_FIND_PACKAGE_{folder.name.capitalize()}=ON")


def llhttp_sources(folder):
    """Folders laid out as llhttp's releases are. What its functions do nobody asks here."""
    glue = (SOURCE / "c/src/http/parser.c").read_text()
    (folder / "include").mkdir(parents=True)
    shutil.copy(pathlib.Path(cached("Llhttp_INCLUDE_DIR")) / "llhttp.h", folder / "include")
    (folder / "src").mkdir()
    for name, text in (
            ("api", "".join(f"void {name}(void) {{}}\n" for name in sorted(set(re.findall(r"\bllhttp_\w+(?=\()", glue))))),
            ("http", "int http;\n"), ("llhttp", "int llhttp;\n")):
        (folder / "src" / f"{name}.c").write_text(text)
    return folder / "include", folder / "src"


def test_all_three_are_fetched_and_become_part_of_the_library(tools, tmp_path):
    corrosion = pathlib.Path(cached("Corrosion_DIR"))
    corrosion = next(up for up in corrosion.parents if (up / "share/cmake/Corrosion.cmake").exists())
    libuv = pathlib.Path(cached("Libuv_LIBRARY")).with_name("libuv_a.a")
    libuv_include = pathlib.Path(cached("Libuv_INCLUDE_DIR"))
    options = (
        *mirror(tools, tmp_path / "corrosion", CORROSION,
                *(corrosion / "share/cmake").glob("*.cmake")),
        *mirror(tools, tmp_path / "llhttp", "", *llhttp_sources(tmp_path / "upstream")),
        *mirror(tools, tmp_path / "libuv",
                STATIC_LIBRARY.format(target="uv_a", archive=libuv.name), libuv,
                libuv_include / "uv.h", libuv_include / "uv"),
    )
    build = tmp_path / "build"
    said = tools.configure(SOURCE, build, *SMALL, *options, "-DCMAKE_BUILD_TYPE=Debug",
                           f"-DCATZILLA_DEPS_DIR={tmp_path}", env=OFFLINE)
    assert said.count("; fetching") == 3, said
    tools.build(build, env=OFFLINE)
    tools.run(build / "catzilla", "--version")

    # Nothing but the system's libraries is left to ask for.
    tools.run(tools.cmake, "--install", build, "--prefix", tmp_path / "prefix")
    config = next((tmp_path / "prefix").rglob("CatzillaTargets.cmake")).read_text()
    assert "Libuv" not in config
