"""The guide and the README against what they speak of."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from harness import BUILD, SOURCE

LISTS = [SOURCE / "CMakeLists.txt", *(SOURCE / "tests").rglob("CMakeLists.txt")]
PAGES = sorted([*SOURCE.glob("*.md"), *(SOURCE / "docs").glob("*.md")])


def rows(page, head):
    """The cells of the table whose first header cell is `head`."""
    lines = (SOURCE / page).read_text().splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(f"| {head} |"))
    for line in lines[start + 2:]:
        if not line.startswith("|"):
            return
        yield [cell.strip().strip("`") for cell in line.strip("|").split("|")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files(page):
    for target in re.findall(r"]\(([^)#]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target


@pytest.fixture(scope="module")
def sources():
    paths = [path for folder, end in (("c", "*.[ch]*"), ("cmake", "*"), ("rust", "*.rs"))
             for path in (SOURCE / folder).rglob(end) if path.is_file()]
    return "".join(path.read_text() for path in [*paths, *LISTS, Path(__file__).with_name("conftest.py")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_names_is_there(page, sources):
    for name in set(re.findall(r"\bcatzilla_[a-z_]+[a-z]|\bCATZILLA_[A-Z_]+[A-Z]", page.read_text())):
        assert re.search(rf"\b{name}(?:\b|_)", sources), name


def test_each_chapter_is_in_the_contents():
    listed = re.findall(r"^\| \[(.+?)\]", (SOURCE / "docs" / "README.md").read_text(), re.M)
    assert sorted(listed) == sorted(page.name for page in (SOURCE / "docs").glob("*.md")
                                    if page.name != "README.md")


def test_every_error_code_is_explained():
    include = SOURCE / "c" / "include" / "catzilla"
    codes = dict(re.findall(r"#define (CATZILLA_ERR_\w+) (-\d+)",
                            (include / "memory.h").read_text()))
    for name, number in re.findall(r"XX\((\w+), (-\d+)", (include / "errors.h").read_text()):
        codes[f"CATZILLA_ERR_{name}"] = number
    assert {code: number for code, number, _ in rows("docs/errors.md", "code")} == codes


@pytest.mark.parametrize("page", ["docs/building.md", "CONTRIBUTING.md"])
def test_the_presets_are_those_of_the_build(page):
    presets = json.loads((SOURCE / "CMakePresets.json").read_text())["testPresets"]
    names = {preset["name"] for preset in presets if not preset.get("hidden")}
    assert {row[0] for row in rows(page, "preset")} == names


@pytest.mark.parametrize("page", ["README.md", "docs/building.md"])
def test_the_options_are_those_of_the_build(page):
    build = "".join(path.read_text() for path in [*LISTS, *(SOURCE / "cmake").glob("*.cmake")])
    for option, default, _ in rows(page, "option"):
        declared = re.search(rf"(?:option\({option} .*|set\({option}\s+\S+\s+CACHE.*)", build)
        declared = declared or re.search(rf"cmake_dependent_option\({option} .*", build)
        assert declared, option
        if default in ("ON", "OFF"):
            assert declared[0].rstrip(")").endswith(default), declared[0]


def test_what_is_needed_is_what_the_build_asks_for():
    needed = {row[0].removesuffix(" (crate)").lower(): row[1] for row in rows("README.md", "what")}
    build = "".join((SOURCE / name).read_text() for name in (
        "Cargo.toml", "Cargo.lock", "CMakeLists.txt", "cmake/Dependencies.cmake", "cmake/Header.cmake"))
    for name, pattern in (
            ("rust with cargo", r'^rust-version = "{}"'), ("cmake", r"^cmake_minimum_required\(VERSION {}\)"),
            ("corrosion", r"find_package\(Corrosion {} "), ("libuv", r"find_package\(Libuv {} "),
            ("llhttp", r"find_package\(Llhttp {} "), ("cbindgen", r"catzilla_cbindgen_version {}\)"),
            ("tikv-jemalloc-sys", r'name = "tikv-jemalloc-sys"\nversion = "{}\+'),
            ("libc", r'name = "libc"\nversion = "{}\.')):
        assert re.search(pattern.format(re.escape(needed[name])), build, re.M), name


def test_no_option_of_the_build_goes_unsaid():
    options = re.findall(r"^(?:option|cmake_dependent_option)\((\w+)",
                         "".join(path.read_text() for path in LISTS), re.M)
    assert set(options) <= {row[0] for row in rows("docs/building.md", "option")}


def test_the_defaults_of_the_server_are_those_of_the_header():
    header = (SOURCE / "c" / "include" / "catzilla" / "server.h").read_text()
    fields = re.findall(r"^ {4}\w[\w ]*? \**(\w+);",
                        re.search(r"typedef struct catzilla_server_options \{(.*?)^\}", header,
                                  re.S | re.M)[1], re.M)
    values = re.search(r"OPTIONS_INIT.*?\{(.*?)\n *\}", header.replace("\\", ""), re.S)[1]
    defaults = dict(zip(fields, re.split(r",\s*", values.strip())))
    units = {"KiB": 1024, "MiB": 1 << 20, "s": 1000}
    for option, default, _ in rows("docs/http-server.md", "option"):
        if default == "none":
            assert defaults[option] in ("0", "UINT32_MAX"), option
            continue
        number, _, unit = default.partition(" ")
        value, shift = re.fullmatch(r"(\d+)u?(?: << (\d+))?", defaults[option]).groups()
        assert int(value) << int(shift or 0) == int(number) * units.get(unit, 1), option


def test_the_flags_of_the_program_are_those_of_its_chapter():
    known = re.findall(r'^    \{"(--[a-z-]+)",', (SOURCE / "c" / "app" / "flags.c").read_text(), re.M)
    usage = (SOURCE / "c" / "app" / "help.c").read_text()
    told = [flag for flag, *_ in rows("docs/program.md", "flag")]
    assert len(known) > 20
    assert sorted(known) == sorted([*told[1:], "--access-log"])
    for flag in [*known, told[0]]:
        assert flag in usage


PUBLIC = SOURCE / "c" / "include" / "catzilla"
COMMENT = r"/\*(?:[^*]|\*(?!/))*\*/"


def declarations():
    """Each function in the public headers: its kind, the comment before it, result and parameters."""
    pattern = re.compile(rf"({COMMENT})?\s*(?:(?:#|__attribute__).*\s+)*"
                         r"(CATZILLA_API|static inline)\s+([\w\s*]*?)(catzilla_\w+)\(([^;{]*)\)")
    for header in sorted(PUBLIC.glob("*.h*")):
        for comment, kind, result, name, parameters in pattern.findall(header.read_text()):
            yield pytest.param(kind, comment, result.strip(), parameters,
                               id=f"{header.name}:{name}")


# What somebody owns: texts, callbacks and their data, and what is handed back. A handle is the caller's.
OWNED = re.compile(r"char \*|void \*|\*\*|\(\*|catzilla_slice_t|_fn\b|catzilla_handler_t")


@pytest.mark.parametrize("kind, comment, result, parameters", declarations())
def test_every_public_function_is_documented(kind, comment, result, parameters, request):
    assert len(comment) > 20
    if kind != "CATZILLA_API":
        return
    assert comment.startswith("/**")
    assert re.search(r"^ \* (Threads:|Memory, threads)", comment, re.M)
    if "memory.h" in request.node.name:
        return  # of a form of its own: it comes from the Rust side
    assert "\n * Memory:  " in comment or not ("*" in result or OWNED.search(parameters))
    assert "\n * Errors:  " in comment or result != "int"


def undocumented(text):
    """Types, macros and constants that no comment goes before, nor stands behind on their line."""
    lines = text.splitlines()
    seen = {"CATZILLA_API", *re.findall(r"#undef (\w+)", text)}  # for the headers' own use
    for at, line in enumerate(lines):
        found = re.match(r"(?:typedef|enum|struct|union)\b.*?(\w+)(?: \{|;|\()|#define (CATZILLA_\w+)", line)
        name = found and (found[1] or found[2])
        if not found or name in seen or re.fullmatch(r"#define CATZILLA_\w*_H", line):
            continue
        seen.add(name)  # one of two definitions will do
        while at > 0 and re.match(r"#|    ", lines[at - 1]):
            at -= 1  # one comment may be for several of them
        if not lines[at - 1].rstrip().endswith("*/") and "/*" not in lines[at]:
            yield name


@pytest.mark.parametrize("header", sorted(PUBLIC.glob("*.h*")), ids=lambda header: header.name)
def test_every_public_type_and_macro_is_documented(header):
    assert list(undocumented(header.read_text())) == []


def test_what_is_undocumented_is_seen():
    assert list(undocumented("/* A. */\n#define CATZILLA_A 1\n#define CATZILLA_B 2\n\n"
                             "typedef struct catzilla_c {\n    int x;\n} catzilla_c_t;\n"
                             "#define CATZILLA_D 3 /* D. */\n\n#define CATZILLA_E 4\n")) == [
        "catzilla_c", "CATZILLA_E"]


def test_every_symbol_of_the_library_is_declared():
    libraries = [os.environ.get(name) for name in ("CATZILLA_LIBRARY", "CATZILLA_MEMORY_LIBRARY")]
    if None in libraries:
        libraries = [BUILD / "libcatzilla.a", BUILD / "libcatzilla-memory.a"]
    flags = ["-D"] if libraries[0] and str(libraries[0]).endswith(".so") else []
    listing = subprocess.run(["nm", *flags, "-g", "--defined-only", *libraries],
                             capture_output=True, text=True, check=True).stdout
    exported = set(re.findall(r" T (catzilla_\w+)", listing))
    declared = {param.id.split(":")[1] for param in declarations()}
    assert len(exported) > 100
    assert exported <= declared
