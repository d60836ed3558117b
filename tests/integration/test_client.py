"""A real client library against the real program."""

import concurrent.futures

import pytest
import requests

from harness import DEADLINE, SOURCE


@pytest.fixture
def session():
    with requests.Session() as session:
        session.trust_env = False
        yield session


@pytest.fixture
def api(handlers):
    server = handlers()
    yield server
    status, output, _ = server.stop()
    assert (status, output) == (0, "")


def test_ten_real_files_arrive_byte_for_byte(serve, session):
    server = serve(SOURCE / "docs")
    files = [path for path in sorted((SOURCE / "docs").rglob("*")) if path.is_file()]
    for path in files:
        answer = session.get(f"{server.url}/{path.relative_to(SOURCE / 'docs')}", timeout=DEADLINE)
        assert answer.status_code == 200
        assert answer.content == path.read_bytes()


def test_markdown_is_text_for_a_browser(serve, session):
    answer = session.get(serve(SOURCE / "docs").url + "/README.md", timeout=DEADLINE)
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.encoding == "utf-8"


def test_the_redirect_to_a_directory_is_followed(serve, session, tmp_path):
    (tmp_path / "a b").mkdir()
    (tmp_path / "a b" / "index.html").write_text("here")
    answer = session.get(serve(tmp_path).url + "/a%20b?q=1", timeout=DEADLINE)
    assert answer.text == "here"
    assert [step.status_code for step in answer.history] == [301]
    assert answer.url.endswith("/a%20b/?q=1")


def test_a_download_is_resumed(serve, session, tmp_path):
    data = bytes(i * 7 % 256 for i in range(300000))
    (tmp_path / "data").write_bytes(data)
    url = serve(tmp_path).url + "/data"
    with session.get(url, stream=True, timeout=DEADLINE) as first:
        half = first.raw.read(100000)
        tag = first.headers["ETag"]
    rest = session.get(url, headers={"Range": f"bytes={len(half)}-", "If-Range": tag},
                       timeout=DEADLINE)
    assert rest.status_code == 206
    assert half + rest.content == data


def test_a_cache_asks_again_and_gets_304(serve, session, tmp_path):
    (tmp_path / "a").write_text("a")
    url = serve(tmp_path).url + "/a"
    first = session.get(url, timeout=DEADLINE)
    again = session.get(url, headers={"If-None-Match": first.headers["ETag"]}, timeout=DEADLINE)
    assert (again.status_code, again.content) == (304, b"")


def test_bodies_are_posted_whole_and_chunked(api, session):
    whole = session.post(api.url + "/echo", data=b"x" * 10000, timeout=DEADLINE)
    assert whole.content == b"x" * 10000
    chunked = session.post(api.url + "/echo", data=(b"%d," % i for i in range(1000)),
                           timeout=DEADLINE)
    assert chunked.content == b"".join(b"%d," % i for i in range(1000))


def test_methods_and_statuses(api, session):
    assert session.head(api.url + "/hello", timeout=DEADLINE).headers["Content-Length"] == "13"
    assert session.delete(api.url + "/users/1", timeout=DEADLINE).status_code == 204
    assert session.post(api.url + "/users", timeout=DEADLINE).status_code == 201
    assert session.put(api.url + "/hello", timeout=DEADLINE).status_code == 405
    assert session.get(api.url + "/fails", timeout=DEADLINE).status_code == 500


def test_many_sessions_at_once(api):
    def fetch(number):
        with requests.Session() as session:
            session.trust_env = False
            return [session.get(f"{api.url}/users/{number}-{i}", timeout=DEADLINE).text
                    for i in range(20)]

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        for number, answers in enumerate(pool.map(fetch, range(32))):
            assert answers == [f"{number}-{i}" for i in range(20)]
