"""Files over HTTP: their bytes and types, conditions and ranges, and nothing outside the root."""

import os
import re
import socket
import time

import pytest

from harness import SANITIZER, SOURCE, wait_until

MIB = 1 << 20


@pytest.fixture
def site(tmp_path):
    """A root with a few files, beside a secret that must never be seen."""
    (tmp_path / "secret.txt").write_text("secret")
    root = tmp_path / "root"
    root.mkdir()
    (root / "a.txt").write_bytes(b"0123456789")
    (root / "sub").mkdir()
    (root / "sub" / "b.html").write_text("<p>b</p>")
    (root / "with index").mkdir()
    (root / "with index" / "index.html").write_text("<p>index</p>")
    (root / ".hidden").write_text("hidden")
    (root / "empty").write_bytes(b"")
    return root


@pytest.fixture
def server(serve, site):
    return serve(site)


def test_ten_real_files_arrive_byte_for_byte(serve):
    documents = SOURCE / "docs"
    names = sorted(path.relative_to(documents) for path in documents.rglob("*") if path.is_file())
    assert len(names) >= 10
    server = serve(documents)
    with server.connect() as connection:
        for name in names:
            response = connection.get(f"/{name}")
            assert response.status == 200
            assert response.body == (documents / name).read_bytes(), name


@pytest.mark.parametrize("name, kind", [
    ("a.html", "text/html; charset=utf-8"), ("a.css", "text/css; charset=utf-8"),
    ("a.JS", "text/javascript; charset=utf-8"), ("a.json", "application/json"),
    ("a.svg", "image/svg+xml"), ("a.png", "image/png"), ("a.md", "text/plain; charset=utf-8"),
    ("a.wasm", "application/wasm"), ("a.unheard-of", "application/octet-stream"),
    ("LICENSE", "text/plain; charset=utf-8"),
])
def test_a_file_has_the_type_of_its_name(server, site, name, kind):
    (site / name).write_text("x")
    response = server.get(f"/{name}")
    assert response["Content-Type"] == kind
    assert response["X-Content-Type-Options"] == "nosniff"


def test_names_are_percent_decoded(server, site):
    for name in ("a b", "100%", "é", "x:y", "a+b", "q?u", "h#a", "%2e%2e", "back\\slash"):
        (site / name).write_text(name)
        target = "/" + "".join(f"%{byte:02X}" for byte in name.encode())
        assert server.get(target).body == name.encode(), name
    assert server.get("/a+b").body == b"a+b"


def test_an_empty_file_has_no_bytes(server):
    response = server.get("/empty")
    assert (response.status, response["Content-Length"], response.body) == (200, "0", b"")


def test_head_tells_of_the_body_without_sending_it(server):
    with server.connect() as connection:
        head = connection.get("/a.txt", method="HEAD")
        assert (head.status, head["Content-Length"]) == (200, "10")
        assert connection.get("/a.txt").body == b"0123456789"


def test_a_directory_answers_with_its_index(server):
    response = server.get("/with%20index/")
    assert (response.status, response.body) == (200, b"<p>index</p>")
    assert response["Content-Type"] == "text/html; charset=utf-8"


def test_a_directory_without_slash_is_redirected(server):
    response = server.get("/with%20index?q=1")
    assert response.status == 301
    assert response["Location"] == "./with%20index/?q=1"


def test_a_directory_without_index_lists_what_is_served(server):
    response = server.get("/")
    page = response.body.decode()
    assert response["Content-Type"] == "text/html; charset=utf-8"
    assert 'href="./with%20index/"' in page and 'href="./a.txt"' in page
    assert ".hidden" not in page and "secret" not in page and 'href="../"' not in page
    assert 'href="../"' in server.get("/sub/").body.decode()


def test_every_link_of_a_list_leads_somewhere(server):
    page = server.get("/").body.decode()
    links = re.findall(r'href="\.(/[^"]*)"', page)
    assert len(links) == 4
    for link in links:
        assert server.get(link).status == 200, link


@pytest.mark.parametrize("target", ["/nothing", "/a.txt/", "/a.txt/b", "/sub/nothing", "/" + "n" * 300])
def test_what_is_not_there_is_404(server, target):
    assert server.get(target).status == 404


# Each must end in an error of the client's, and with no byte of what lies outside.
TRAVERSALS = [
    "/../secret.txt", "/..", "/../", "/sub/../../secret.txt", "/./../secret.txt",
    "/%2e%2e/secret.txt", "/%2E%2E/secret.txt", "/.%2e/secret.txt", "/%2e./secret.txt",
    "/sub/%2e%2e/%2e%2e/secret.txt", "/%2e%2e%2fsecret.txt", "/..%2fsecret.txt",
    "/sub%2f..%2f..%2fsecret.txt", "/..%5csecret.txt", "/..\\secret.txt",
    "/%252e%252e/secret.txt", "/%2e%2e%252fsecret.txt", "//secret.txt", "//../secret.txt",
    "/sub//../../secret.txt", "/sub%2fb.html", "/sub%2Fb.html", "/a.txt%00", "/a.txt%00.html",
    "/%00/../secret.txt", "/link-out", "/link-absolute", "/dir-out/secret.txt", "/link-loop",
    "/link-proc/root/etc/hostname", "/.hidden", "/%2ehidden", "/pipe", "/socket",
    "/....//secret.txt", "/%c0%ae%c0%ae/secret.txt", "/..;/secret.txt", "/%zz", "/%2", "/%",
]


@pytest.fixture
def trapped(server, site, tmp_path):
    (site / "link-out").symlink_to("../secret.txt")
    (site / "link-absolute").symlink_to(tmp_path / "secret.txt")
    (site / "dir-out").symlink_to("..")
    (site / "link-loop").symlink_to("link-loop")
    (site / "link-proc").symlink_to("/proc/self")
    os.mkfifo(site / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(site / "socket"))
    return server


@pytest.mark.parametrize("target", TRAVERSALS)
def test_nothing_leads_out_of_the_root(trapped, target):
    response = trapped.get(target)
    assert response.status in (400, 404)
    assert b"secret" not in response.body


def test_an_absolute_target_leads_no_further(trapped):
    assert trapped.get("http://test/a.txt").body == b"0123456789"
    assert trapped.get("http://test/../secret.txt").status in (400, 404)


def test_links_that_stay_inside_are_followed(server, site):
    (site / "link").symlink_to("a.txt")
    (site / "link-dir").symlink_to("with index")
    assert server.get("/link").body == b"0123456789"
    assert server.get("/link-dir/index.html").body == b"<p>index</p>"


def test_a_root_that_is_moved_stays_the_root(server, site, tmp_path):
    site.rename(tmp_path / "elsewhere")
    site.mkdir()
    (site / "a.txt").write_text("another")
    assert server.get("/a.txt").body == b"0123456789"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_403(server, site):
    (site / "a.txt").chmod(0)
    assert server.get("/a.txt").status == 403


def test_a_file_is_not_sent_again_to_who_has_it(server):
    first = server.get("/a.txt")
    for field in (f"If-None-Match: {first['ETag']}", f"If-None-Match: W/{first['ETag']}",
                  f"If-Modified-Since: {first['Last-Modified']}"):
        again = server.get("/a.txt", field)
        assert (again.status, again.body) == (304, b"")
        assert again["ETag"] == first["ETag"]
    assert server.get("/a.txt", 'If-None-Match: "other"').status == 200


def test_a_changed_file_is_sent_again(server, site):
    first = server.get("/a.txt")
    os.utime(site / "a.txt", ns=(0, 0))
    again = server.get("/a.txt", f"If-None-Match: {first['ETag']}")
    assert (again.status, again["Last-Modified"]) == (200, "Thu, 01 Jan 1970 00:00:00 GMT")


def test_a_precondition_that_fails_is_412(server):
    assert server.get("/a.txt", 'If-Match: "other"').status == 412
    assert server.get("/a.txt", "If-Unmodified-Since: Thu, 01 Jan 1970 00:00:00 GMT").status == 412
    assert server.get("/a.txt", "If-Match: *").status == 200


@pytest.mark.parametrize("value, part, body", [
    ("bytes=0-0", "0-0", b"0"), ("bytes=2-4", "2-4", b"234"), ("bytes=7-", "7-9", b"789"),
    ("bytes=-3", "7-9", b"789"), ("bytes=0-100", "0-9", b"0123456789"),
])
def test_a_part_of_a_file_can_be_asked_for(server, value, part, body):
    response = server.get("/a.txt", f"Range: {value}")
    assert (response.status, response.body) == (206, body)
    assert response["Content-Range"] == f"bytes {part}/10"


def test_head_tells_of_the_whole_file_whatever_the_range(server):
    response = server.get("/a.txt", "Range: bytes=0-1", method="HEAD")
    assert (response.status, response["Content-Length"]) == (200, "10")


def test_a_browser_is_told_to_ask_whether_a_file_has_changed(server):
    assert server.get("/a.txt")["Cache-Control"] == "no-cache"


def test_a_part_past_the_end_is_416(server):
    response = server.get("/a.txt", "Range: bytes=10-")
    assert (response.status, response["Content-Range"]) == (416, "bytes */10")


@pytest.mark.parametrize("value", ["bytes=0-1,4-5", "bytes=5-2", "lines=1-2", "bytes=x"])
def test_a_range_that_is_not_understood_gives_the_whole(server, value):
    response = server.get("/a.txt", f"Range: {value}")
    assert (response.status, response.body) == (200, b"0123456789")


def test_a_part_of_another_version_is_not_sent(server):
    tag = server.get("/a.txt")["ETag"]
    assert server.get("/a.txt", "Range: bytes=0-1", f"If-Range: {tag}").status == 206
    assert server.get("/a.txt", "Range: bytes=0-1", 'If-Range: "other"').status == 200


def test_a_part_may_depend_on_a_date_that_is_over(server, site):
    os.utime(site / "a.txt", (10, 10))
    date = server.get("/a.txt")["Last-Modified"]
    assert server.get("/a.txt", "Range: bytes=0-1", f"If-Range: {date}").status == 206
    later = "Thu, 01 Jan 1970 00:00:11 GMT"
    assert server.get("/a.txt", "Range: bytes=0-1", f"If-Range: {later}").status == 200
    # One that lies ahead may come again with other bytes.
    os.utime(site / "a.txt", (4000000000, 4000000000))
    date = server.get("/a.txt")["Last-Modified"]
    assert server.get("/a.txt", "Range: bytes=0-1", f"If-Range: {date}").status == 200


def test_a_field_in_several_lines_counts_as_one_list(server):
    tag = server.get("/a.txt")["ETag"]
    others = 'If-Match: "x"', f'If-Match: ,"y", {tag}'
    assert server.get("/a.txt", *others).status == 200
    assert server.get("/a.txt", 'If-Match: "x"', 'if-match: "y"').status == 412
    assert server.get("/a.txt", 'If-None-Match: "x"', f"If-None-Match: {tag}").status == 304
    # What may be given once is not to be believed when it is given twice.
    assert server.get("/a.txt", "Range: bytes=0-1", "Range: bytes=4-5").status == 200
    assert server.get("/a.txt", "Range: bytes=0-1", f"If-Range: {tag}", f"If-Range: {tag}").status == 200


def test_a_file_past_4_gib_is_counted_right(server, site):
    size = (5 << 30) + 3
    with open(site / "huge", "wb") as file:
        file.truncate(size)
        file.seek(size - 3)
        file.write(b"end")
    assert server.get("/huge", method="HEAD")["Content-Length"] == str(size)
    response = server.get("/huge", "Range: bytes=-5")
    assert response.body == b"\0\0end"
    assert response["Content-Range"] == f"bytes {size - 5}-{size - 1}/{size}"


def test_a_megabyte_arrives_byte_for_byte(server, site):
    data = os.urandom(3 * MIB + 17)
    (site / "random").write_bytes(data)
    with server.connect() as connection:
        assert connection.get("/random").body == data
        assert connection.get("/random", "Range: bytes=1000000-2999999").body == data[1000000:3000000]
        assert connection.get("/a.txt").body == b"0123456789"


def test_the_root_of_a_mount_is_found_without_its_slash(mounted):
    for target, location in (("/assets", "./assets/"), ("/assets?a=b", "./assets/?a=b")):
        for method in ("GET", "HEAD"):
            response = mounted.get(target, method=method)
            assert (response.status, response["Location"]) == (301, location)
    assert mounted.get("/assets", method="POST").status == 404
    assert mounted.get("/asset").status == 404
    assert mounted.get("/hello/").status == 404


@pytest.fixture
def mounted(handlers, site):
    """The same files under /assets/, with each option of a mount set otherwise."""
    return handlers(f"assets={site}")


def test_a_mount_serves_below_its_prefix(mounted):
    assert mounted.get("/assets/a.txt").body == b"0123456789"
    assert mounted.get("/a.txt").status == 404
    assert mounted.get("/assets/../secret.txt").status in (400, 404)
    assert mounted.get("/assets/sub%2fb.html").status == 404


def test_a_mount_answers_with_the_index_it_was_told(mounted, site):
    (site / "home.htm").write_text("home")
    assert mounted.get("/assets/").body == b"home"
    assert mounted.get("/assets/with%20index/").status == 404  # index.html is not its index
    assert mounted.get("/assets/with%20index/index.html").status == 200


def test_a_directory_below_a_mount_is_redirected_beside_itself(mounted):
    assert mounted.get("/assets/sub")["Location"] == "./sub/"


def test_an_index_that_is_a_directory_answers_nothing(mounted, site):
    (site / "home.htm").mkdir()
    assert mounted.get("/assets/").status == 404


def test_the_types_of_a_mount_win(mounted, site):
    (site / "guide.MD").write_text("")
    (site / "a.cat").write_text("")
    assert mounted.get("/assets/guide.MD")["Content-Type"] == "text/markdown; charset=utf-8"
    assert mounted.get("/assets/a.cat")["Content-Type"] == "application/x-cat"
    assert mounted.get("/assets/a.txt")["Content-Type"] == "text/plain; charset=utf-8"


def test_a_mount_may_serve_hidden_files_and_name_a_life(mounted):
    response = mounted.get("/assets/.hidden")
    assert response.body == b"hidden"
    assert response["Cache-Control"] == "max-age=60"


def test_files_are_pipelined_in_order(server, site):
    data = os.urandom(MIB)
    (site / "random").write_bytes(data)
    with server.connect() as connection:
        connection.send(b"".join(b"GET /%b HTTP/1.1\r\nHost: t\r\n\r\n" % name
                                 for name in (b"random", b"a.txt", b"nothing", b"random", b"empty")))
        assert connection.read().body == data
        assert connection.read().body == b"0123456789"
        assert connection.read().status == 404
        assert connection.read().body == data
        assert connection.read().body == b""


def test_a_file_that_shrinks_ends_the_connection(server, site):
    path = site / "shrinking"
    size = 64 * MIB
    with open(path, "wb") as file:
        file.truncate(size)
    with server.connect(receive_buffer=16384) as connection:
        connection.send(b"GET /shrinking HTTP/1.1\r\nHost: t\r\n\r\n")
        assert connection.read_head()["Content-Length"] == str(size)
        os.truncate(path, 0)
        received = len(connection.pending)
        try:
            while data := connection.socket.recv(MIB):
                received += len(data)
        except ConnectionResetError:
            pass
        assert received < size
    assert server.get("/a.txt").status == 200


def test_a_client_that_goes_away_leaves_no_descriptor(server, site):
    with open(site / "large", "wb") as file:
        file.truncate(256 * MIB)
    server.get("/a.txt")
    before = server.descriptors()
    for _ in range(20):
        with server.connect(receive_buffer=16384) as connection:
            connection.send(b"GET /large HTTP/1.1\r\nHost: t\r\n\r\n")
            assert connection.read_head().status == 200
    wait_until(lambda: server.descriptors() <= before, "the descriptors to be closed")


def test_a_slow_reader_of_2_gib_costs_neither_memory_nor_others(server, site):
    with open(site / "sparse", "wb") as file:
        file.truncate(2 << 30)
    for _ in range(50):
        server.get("/a.txt")
    before = server.resident()
    with server.connect(receive_buffer=16384) as slow:
        slow.send(b"GET /sparse HTTP/1.1\r\nHost: t\r\n\r\n")
        assert slow.read_head()["Content-Length"] == str(2 << 30)
        received = len(slow.pending)
        most = before
        started = time.monotonic()
        for _ in range(200):
            received += len(slow.socket.recv(4096))
            assert server.get("/a.txt").body == b"0123456789"
            most = max(most, server.resident())
        assert received < 16 * MIB
        assert time.monotonic() - started < 30
    if not SANITIZER:  # whose shadow and quarantine grow with the number of calls
        assert most - before < 4 * MIB
