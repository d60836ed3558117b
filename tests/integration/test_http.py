"""HTTP/1.1 to the byte: connections, order, refusals and limits."""

import re
import threading
import time

import pytest

from harness import wait_until

HELLO = b"GET /hello HTTP/1.1\r\nHost: t\r\n\r\n"


@pytest.fixture
def server(handlers):
    server = handlers()
    yield server
    assert server.stop() == (0, "", "")


def test_a_connection_is_kept_for_more_requests(server):
    with server.connect() as connection:
        for _ in range(10):
            assert connection.get("/hello").body == b"Hello, World!"


def test_the_reply_carries_a_date_and_a_length(server):
    response = server.get("/hello")
    assert response["Content-Length"] == "13"
    assert re.fullmatch(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT",
                        response["Date"])


def test_connection_close_is_honoured(server):
    with server.connect() as connection:
        response = connection.get("/hello", "Connection: close")
        assert response["Connection"].lower() == "close"
        assert connection.is_closed()


def test_http_1_0_closes_unless_asked_to_keep(server):
    with server.connect() as connection:
        connection.send(b"GET /hello HTTP/1.0\r\n\r\n")
        assert connection.read().body == b"Hello, World!"
        assert connection.is_closed()
    with server.connect() as connection:
        for _ in range(2):
            connection.send(b"GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            response = connection.read()
            assert response.body == b"Hello, World!"
            assert response["Connection"].lower() == "keep-alive"


def test_pipelined_requests_are_answered_in_order(server):
    with server.connect() as connection:
        connection.send(b"".join(b"GET /users/%d HTTP/1.1\r\nHost: t\r\n\r\n" % i
                                 for i in range(200)))
        assert [connection.read().body for _ in range(200)] == [b"%d" % i for i in range(200)]


def test_a_pipeline_of_large_replies_keeps_its_order(server):
    sizes = [1 << 20, 1, 3 << 20, 0, 70000]
    with server.connect() as connection:
        connection.send(b"".join(b"GET /bytes/%d HTTP/1.1\r\nHost: t\r\n\r\n" % size
                                 for size in sizes))
        for size in sizes:
            body = connection.read().body
            assert len(body) == size
            assert body[:26] == b"abcdefghijklmnopqrstuvwxyz"[:min(size, 26)]


def test_the_last_request_of_a_half_closed_client_is_answered(server):
    with server.connect() as connection:
        connection.send(HELLO)
        connection.socket.shutdown(1)
        assert connection.read().body == b"Hello, World!"


@pytest.mark.parametrize("cut", [1, 3, 7, 16, 30])
def test_a_request_may_arrive_in_pieces(server, cut):
    with server.connect() as connection:
        connection.socket.setsockopt(6, 1, 1)  # TCP_NODELAY
        for at in range(0, len(HELLO), cut):
            connection.send(HELLO[at:at + cut])
            time.sleep(0.001)
        assert connection.read().body == b"Hello, World!"


def test_parameters_are_decoded(server):
    assert server.get("/users/42").body == b"42"
    assert server.get("/users/a%20b%2Fc").body == b"a b/c"
    assert server.get("/users/%C3%A9").body == "é".encode()
    assert server.get("/files/a/b%20c/d").body == b"a/b c/d"
    assert server.get("/files/").body == b""


def test_text_wins_over_a_parameter(server):
    assert server.get("/users/me").body == b"Hello, World!"
    assert server.get("/users/mee").body == b"mee"


def test_a_handler_sees_the_request_as_it_was_sent(server):
    with server.connect() as connection:
        response = connection.get("/show?a=1&b=%20", "X-One: 1", "x-two:  two words  ", "X-One: 3")
        host, port = connection.socket.getsockname()
    lines = response.body.decode().splitlines()
    assert lines[:5] == ["GET", "/show?a=1&b=%20", "/show", "a=1&b=%20", f"{host}:{port}"]
    assert lines[5:] == ["Host: test", "X-One: 1", "x-two: two words", "X-One: 3"]


def test_head_is_answered_from_get_without_a_body(server):
    with server.connect() as connection:
        head = connection.get("/hello", method="HEAD")
        assert (head.status, head["Content-Length"]) == (200, "13")
        assert connection.get("/hello").body == b"Hello, World!"


def test_an_unknown_path_is_404(server):
    assert server.get("/nothing").status == 404


def test_a_known_path_with_another_method_is_405_with_allow(server):
    response = server.get("/users/1", method="POST")
    assert response.status == 405
    assert sorted(re.split(r",\s*", response["Allow"])) == [
        "DELETE", "GET", "HEAD", "OPTIONS"]


def test_an_error_of_the_handler_is_500_and_shows_nothing_of_it(server):
    with server.connect() as connection:
        response = connection.get("/fails")
        assert response.status == 500
        assert b"must not be seen" not in response.body
        assert connection.get("/hello").status == 200


def test_no_content_has_no_length(server):
    with server.connect() as connection:
        response = connection.get("/users/1", method="DELETE")
        assert response.status == 204
        assert response.values("Content-Length") == []
        assert connection.get("/hello").status == 200


def test_a_created_thing_has_its_status_and_location(server):
    response = server.exchange(b"POST /users HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\n\r\n")
    assert (response.status, response["Location"]) == (201, "/users/7")


def test_a_value_that_would_split_the_reply_is_refused(server):
    for value in ("a%0d%0aX-Injected:%201", "a%0ab", "a%0db"):
        response = server.get(f"/splits/{value}")
        assert response.body == b"refused"
        assert response.values("X-Injected") == [] and response.values("X-Value") == []


def post(body, *fields):
    lines = ["POST /echo HTTP/1.1", "Host: t", *fields, "", ""]
    return "\r\n".join(lines).encode() + body


@pytest.mark.parametrize("size", [0, 1, 4096, 65535, 65536, 1 << 20])
def test_a_body_comes_back_as_it_was_sent(server, size):
    body = bytes(i % 251 for i in range(size))
    assert server.exchange(post(body, f"Content-Length: {size}")).body == body


@pytest.mark.parametrize("chunks", [
    b"0\r\n\r\n", b"5\r\nhello\r\n0\r\n\r\n", b"1\r\nh\r\n4;name=value\r\nello\r\n0\r\nTrailer: x\r\n\r\n",
])
def test_a_chunked_body_is_put_together(server, chunks):
    expected = b"" if chunks.startswith(b"0") else b"hello"
    with server.connect() as connection:
        for _ in range(2):
            connection.send(post(chunks, "Transfer-Encoding: chunked"))
            assert connection.read().body == expected


def test_requests_behind_a_body_are_answered_too(server):
    with server.connect() as connection:
        connection.send(post(b"one", "Content-Length: 3") + HELLO
                        + post(b"3\r\ntwo\r\n0\r\n\r\n", "Transfer-Encoding: chunked") + HELLO)
        assert [connection.read().body for _ in range(4)] == [
            b"one", b"Hello, World!", b"two", b"Hello, World!"]


# Each is refused with 400 and the connection closed, since where the next request starts is unknown.
MALFORMED = {
    "nonsense": b"nonsense\r\n\r\n",
    "no version": b"GET /hello\r\n\r\n",
    "lower case version": b"GET /hello http/1.1\r\nHost: t\r\n\r\n",
    "no host": b"GET /hello HTTP/1.1\r\n\r\n",
    "two hosts": b"GET /hello HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "space before the colon": b"GET /hello HTTP/1.1\r\nHost : t\r\n\r\n",
    "folded header": b"GET /hello HTTP/1.1\r\nHost: t\r\nX: a\r\n b\r\n\r\n",
    "bare LF": b"GET /hello HTTP/1.1\r\nHost: t\nX: a\r\n\r\n",
    "bare LF at the end": b"GET /hello HTTP/1.1\r\nHost: t\r\n\n",
    "NUL in a value": b"GET /hello HTTP/1.1\r\nHost: t\r\nX: a\0b\r\n\r\n",
    "control in the target": b"GET /he\x01llo HTTP/1.1\r\nHost: t\r\n\r\n",
    "length and chunks": post(b"0\r\n\r\n", "Content-Length: 5", "Transfer-Encoding: chunked"),
    "two lengths": post(b"hello", "Content-Length: 5", "Content-Length: 6"),
    "length with a sign": post(b"hello", "Content-Length: +5"),
    "length of words": post(b"hello", "Content-Length: five"),
    "list of lengths": post(b"hello", "Content-Length: 5, 5"),
    "chunk size of words": post(b"zz\r\nhello\r\n0\r\n\r\n", "Transfer-Encoding: chunked"),
    "chunk too long": post(b"3\r\nhello\r\n0\r\n\r\n", "Transfer-Encoding: chunked"),
    "bad escape": b"GET /users/%zz HTTP/1.1\r\nHost: t\r\n\r\n",
    "encoded NUL": b"GET /users/%00 HTTP/1.1\r\nHost: t\r\n\r\n",
}


@pytest.mark.parametrize("sent", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_request_is_400(server, sent):
    with server.connect() as connection:
        connection.send(sent)
        response = connection.read()
        assert response.status == 400
        if "Connection" in dict(response.headers):
            assert connection.is_closed()
    assert server.get("/hello").status == 200


def test_a_refusal_comes_behind_the_replies_before_it(server):
    with server.connect() as connection:
        connection.send(HELLO + HELLO + b"nonsense\r\n\r\n" + HELLO)
        assert [connection.read().status for _ in range(3)] == [200, 200, 400]
        assert connection.is_closed()


def test_an_unknown_coding_is_not_guessed_at(server):
    response = server.exchange(post(b"x", "Transfer-Encoding: gzip"))
    assert response.status in (400, 501)


@pytest.fixture
def limited(handlers):
    return handlers("max_body_bytes=10", "max_header_bytes=1024", "max_headers=8",
                    "max_target_bytes=200")


def test_a_body_up_to_the_limit_is_taken(limited):
    assert limited.exchange(post(b"0123456789", "Content-Length: 10")).body == b"0123456789"


def test_a_body_past_the_limit_is_413_before_it_is_sent(limited):
    assert limited.exchange(post(b"", "Content-Length: 11")).status == 413


def test_chunks_past_the_limit_are_413(limited):
    with limited.connect() as connection:
        connection.send(post(b"6\r\n012345\r\n6\r\n678901\r\n", "Transfer-Encoding: chunked"))
        assert connection.read().status == 413
        assert connection.is_closed()


def test_a_refusal_is_read_although_the_client_is_still_sending(limited):
    with limited.connect() as connection:
        try:
            connection.send(post(b"x" * 500000, "Content-Length: 500000"))
        except (BrokenPipeError, ConnectionResetError):
            pass
        assert connection.read().status == 413


def test_a_header_past_the_limit_is_431(limited):
    assert limited.get("/hello", "X: " + "x" * 2000).status == 431


def test_too_many_headers_are_431(limited):
    assert limited.get("/hello", *(f"X-{i}: 1" for i in range(20))).status == 431


def test_a_header_without_end_is_431(limited):
    with limited.connect() as connection:
        connection.send(b"GET /hello HTTP/1.1\r\nHost: t\r\nX: " + b"x" * 5000)
        assert connection.read().status == 431


def test_a_target_past_the_limit_is_414(limited):
    assert limited.get("/" + "x" * 300).status == 414


def test_a_head_that_does_not_come_is_408(handlers):
    server = handlers("header_timeout_ms=300")
    with server.connect() as connection:
        connection.send(b"GET /hello HTTP/1.1\r\n")
        started = time.monotonic()
        assert connection.read().status == 408
        assert connection.is_closed()
        assert 0.2 < time.monotonic() - started < 15


def test_a_body_that_does_not_come_is_408(handlers):
    server = handlers("body_timeout_ms=300")
    with server.connect() as connection:
        connection.send(post(b"", "Content-Length: 5"))
        assert connection.read().status == 408
        assert connection.is_closed()


def test_an_idle_connection_is_closed(handlers):
    server = handlers("idle_timeout_ms=300")
    with server.connect() as connection:
        assert connection.get("/hello").status == 200
        assert connection.is_closed()


def test_a_client_that_reads_nothing_is_cut_off(handlers):
    server = handlers("write_timeout_ms=500")
    server.get("/hello")
    before = server.descriptors()
    with server.connect(receive_buffer=16384) as connection:
        connection.send(b"GET /bytes/20000000 HTTP/1.1\r\nHost: t\r\n\r\n")
        assert connection.read_head().status == 200
        wait_until(lambda: server.descriptors() <= before, "the connection to be cut")


def test_connections_dropped_at_every_stage_leave_nothing(handlers):
    server = handlers("idle_timeout_ms=400")  # and so a tick of 100 ms, on which an idle server trims
    stages = [b"", b"GET", HELLO[:-2], HELLO, post(b"half", "Content-Length: 8"),
              b"GET /bytes/5000000 HTTP/1.1\r\nHost: t\r\n\r\n"]

    def live():
        request, response = server.get("/live").body.split()[:2]
        return int(request) + int(response)

    at_first = live()
    before = server.descriptors()
    for i in range(300):
        with server.connect() as connection:
            connection.send(stages[i % len(stages)])
            if i % 2:  # a reset instead of an orderly end
                connection.socket.setsockopt(1, 13, b"\1\0\0\0\0\0\0\0")  # SO_LINGER
    wait_until(lambda: server.descriptors() <= before, "the connections to be closed")
    wait_until(lambda: live() <= at_first, "the idle server to give its buffers back", pause=0.3)


def test_clients_at_once_get_each_their_own(server):
    wrong = []

    def client(number):
        with server.connect() as connection:
            for i in range(100):
                name = f"{number}-{i}"
                if connection.get(f"/users/{name}").body != name.encode():
                    wrong.append(name)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
