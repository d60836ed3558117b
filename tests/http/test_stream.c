/* Replies that are sent piece by piece. */
#include "host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define HEAD200 "HTTP/1.1 200 OK\r\nDate: D\r\n"

static host_t host;
static atomic_int closed_well, closed_badly;

static void on_close(int result, void *user_data)
{
    (void)user_data;
    atomic_fetch_add(result == 0 ? &closed_well : &closed_badly, 1);
}

static int in_pieces(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    catzilla_stream_t stream = CATZILLA_STREAM_INIT;
    (void)user_data;
    bool bodiless = catzilla_slice_equal(catzilla_request_method(request), CATZILLA_SLICE("HEAD"));
    int taken = bodiless ? CATZILLA_ERR_CLOSED : 0;
    stream.on_close = on_close;
    assert_int_equal(catzilla_response_write(response, CATZILLA_SLICE("x")), CATZILLA_ERR_STATE);
    catzilla_response_header(response, CATZILLA_SLICE("A"), CATZILLA_SLICE("b"));
    int rc = catzilla_response_stream(response, &stream);
    if (rc != 0)
        return rc;
    assert_int_equal(catzilla_response_write(response, CATZILLA_SLICE("first")), taken);
    assert_int_equal(catzilla_response_write(response, CATZILLA_SLICE("")), taken);
    assert_int_equal(catzilla_response_write(response, CATZILLA_SLICE("second piece")), taken);
    assert_int_equal(catzilla_response_end(response), 0);
    assert_int_equal(catzilla_response_end(response), bodiless ? 0 : CATZILLA_ERR_STATE);
    return 0;
}

static void count(void *data)
{
    (*(int *)data)++;
}

/* Everything but pieces comes too late for a reply whose head is sent. */
static int too_late(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    const catzilla_slice_t text = CATZILLA_SLICE("late");
    catzilla_stream_t stream = CATZILLA_STREAM_INIT;
    int released = 0, fds[2];
    (void)request;
    (void)user_data;
    assert_int_equal(pipe(fds), 0);
    int rc = catzilla_response_stream(response, &stream);
    if (rc != 0)
        return rc;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(catzilla_response_status(response, 404), CATZILLA_ERR_STATE);
        assert_int_equal(catzilla_response_header(response, text, text), CATZILLA_ERR_STATE);
        assert_int_equal(catzilla_response_body(response, text), CATZILLA_ERR_STATE);
        assert_int_equal(catzilla_response_body_borrow(response, text, count, &released),
                         CATZILLA_ERR_STATE);
        assert_int_equal(catzilla_response_body_vector(response, &text, 1, count, &released),
                         CATZILLA_ERR_STATE);
        assert_int_equal(catzilla_response_file(response, fds[i], 0, 4), CATZILLA_ERR_STATE);
        assert_int_equal(close(fds[i]), -1); /* has been closed */
        assert_int_equal(catzilla_response_get_status(response), 200);
        catzilla_response_end(response);
    }
    assert_int_equal(released, 4);
    return 0;
}

/* A stream without an end of its own, of the status that the path says. */
static int endless(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    catzilla_stream_t stream = CATZILLA_STREAM_INIT;
    const catzilla_slice_t none = {NULL, 0};
    (void)user_data;
    stream.on_close = on_close;
    if (catzilla_slice_equal(catzilla_request_param(request, "status"), CATZILLA_SLICE("304")))
        catzilla_response_status(response, 304);
    int rc = catzilla_response_stream(response, &stream);
    if (rc != 0)
        return rc;
    rc = catzilla_response_event(response, none, none, CATZILLA_SLICE("a"));
    assert_int_equal(rc, CATZILLA_ERR_CLOSED);
    assert_int_equal(catzilla_response_abort(response), CATZILLA_ERR_STATE);
    return rc;
}

typedef struct flood {
    size_t left;
    int waits;
} flood_t;

static void flood_on(catzilla_response_t *response, void *user_data)
{
    static char piece[10000];
    flood_t *flood = user_data;
    memset(piece, 'f', sizeof piece);
    while (flood->left > 0) {
        catzilla_slice_t data = {piece, flood->left < sizeof piece ? flood->left : sizeof piece};
        int rc = catzilla_response_write(response, data);
        if (rc < 0)
            return;
        flood->left -= data.size;
        if (rc == CATZILLA_STREAM_FULL) {
            flood->waits++;
            return;
        }
    }
    catzilla_response_end(response);
}

static int flood(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    catzilla_stream_t stream = CATZILLA_STREAM_INIT;
    (void)request;
    stream.on_drain = flood_on;
    stream.on_close = on_close;
    stream.user_data = user_data;
    int rc = catzilla_response_stream(response, &stream);
    if (rc == 0)
        flood_on(response, user_data);
    return rc;
}

static int give_up(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    catzilla_stream_t stream = CATZILLA_STREAM_INIT;
    (void)request;
    (void)user_data;
    stream.on_close = on_close;
    assert_int_equal(catzilla_response_abort(response), CATZILLA_ERR_STATE);
    int rc = catzilla_response_stream(response, &stream);
    if (rc != 0)
        return rc;
    catzilla_response_write(response, CATZILLA_SLICE("half"));
    assert_int_equal(catzilla_response_abort(response), 0);
    assert_int_equal(catzilla_response_write(response, CATZILLA_SLICE("x")), CATZILLA_ERR_STATE);
    return 0;
}

static int events(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    catzilla_stream_t stream = CATZILLA_STREAM_INIT;
    const catzilla_slice_t none = {NULL, 0};
    (void)request;
    (void)user_data;
    catzilla_response_header(response, CATZILLA_SLICE("Content-Type"),
                             CATZILLA_SLICE("text/event-stream"));
    int rc = catzilla_response_stream(response, &stream);
    if (rc != 0)
        return rc;
    assert_int_equal(catzilla_response_event(response, CATZILLA_SLICE("tick"), CATZILLA_SLICE("7"),
                                             CATZILLA_SLICE("a\nb\r\nc\rd")),
                     0);
    assert_int_equal(catzilla_response_event(response, none, none, CATZILLA_SLICE("")), 0);
    assert_int_equal(catzilla_response_event(response, CATZILLA_SLICE("a\nb"), none, none),
                     CATZILLA_ERR_HEADER);
    return catzilla_response_end(response);
}

static int hints(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    (void)request;
    (void)user_data;
    assert_int_equal(catzilla_response_early_hint(response, CATZILLA_SLICE("a\r\nb")),
                     CATZILLA_ERR_HEADER);
    int rc = catzilla_response_early_hint(response, CATZILLA_SLICE("</a.css>; rel=preload"));
    return rc != 0 ? rc : catzilla_response_body(response, CATZILLA_SLICE("done"));
}

static int vector(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    const catzilla_slice_t pieces[] = {{"one ", 4}, {"", 0}, {"two ", 4}, {"three", 5}};
    (void)request;
    (void)user_data;
    return catzilla_response_body_vector(response, pieces, 4, NULL, NULL);
}

/* Bytes that are overwritten before they are freed, as their owner may do. */
static void scribble(void *data)
{
    volatile char *bytes = data; /* else the compiler leaves out what nobody reads */
    for (size_t i = 0; i < 600000; i++)
        bytes[i] = '#';
    free(data);
}

static int large_vector(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    char *bytes = malloc(600000);
    (void)request;
    (void)user_data;
    if (bytes == NULL)
        return CATZILLA_ERR_NOMEM;
    memset(bytes, 'v', 600000);
    const catzilla_slice_t pieces[] = {{bytes, 300000}, {bytes, 10}, {bytes + 10, 299990},
                                       {bytes, 300000}, {bytes, 7},  {"", 0}};
    return catzilla_response_body_vector(response, pieces, 6, scribble, bytes);
}

static void shout(catzilla_response_t *response, catzilla_slice_t data, void *user_data)
{
    char out[256];
    (void)user_data;
    for (size_t i = 0; i < data.size && i < sizeof out; i++)
        out[i] =
            (char)(data.data[i] >= 'a' && data.data[i] <= 'z' ? data.data[i] - 32 : data.data[i]);
    catzilla_slice_t loud = {out, data.size};
    catzilla_response_write(response, loud);
    if (data.size > 0 && data.data[data.size - 1] == '.')
        catzilla_response_end(response);
}

static int upgrade(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    catzilla_stream_t stream = CATZILLA_STREAM_INIT;
    (void)request;
    (void)user_data;
    stream.on_data = shout;
    stream.on_close = on_close;
    return catzilla_response_upgrade(response, CATZILLA_SLICE("shout/1"), &stream);
}

static flood_t flooded;

static int begin(void **state)
{
    catzilla_server_options_t options = CATZILLA_SERVER_OPTIONS_INIT;
    (void)state;
    options.max_body_bytes = 1000;
    host_create(&host, &options);
    catzilla_server_t *server = host.server;
    catzilla_server_route(server, "GET", "/pieces", in_pieces, NULL);
    catzilla_server_route(server, "GET", "/endless/{status}", endless, NULL);
    catzilla_server_route(server, "GET", "/too-late", too_late, NULL);
    catzilla_server_route(server, "GET", "/flood", flood, &flooded);
    catzilla_server_route(server, "GET", "/events", events, NULL);
    catzilla_server_route(server, "GET", "/give-up", give_up, NULL);
    catzilla_server_route(server, "GET", "/hints", hints, NULL);
    catzilla_server_route(server, "GET", "/vector", vector, NULL);
    catzilla_server_route(server, "GET", "/large-vector", large_vector, NULL);
    catzilla_server_route(server, "GET", "/upgrade", upgrade, NULL);
    host_start(&host);
    atomic_store(&closed_well, 0);
    atomic_store(&closed_badly, 0);
    return 0;
}

static int end(void **state)
{
    (void)state;
    return host_end(&host);
}

static void pieces_leave_in_chunks(void **state)
{
    (void)state;
    host_expect(&host,
                "GET /pieces HTTP/1.1\r\nHost: a\r\n\r\nGET /users/z HTTP/1.1\r\nHost: a\r\n\r\n",
                HEAD200 "Transfer-Encoding: chunked\r\nA: b\r\n\r\n"
                        "5\r\nfirst\r\nc\r\nsecond piece\r\n0\r\n\r\n" HEAD200
                        "Content-Length: 1\r\n\r\nz");
    assert_int_equal(atomic_load(&closed_well), 2);
}

static void pieces_for_1_0_end_with_the_connection(void **state)
{
    (void)state;
    host_expect(&host, "GET /pieces HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
                HEAD200 "Connection: close\r\nA: b\r\n\r\nfirstsecond piece");
}

static void pieces_for_head_are_none(void **state)
{
    (void)state;
    host_expect(&host,
                "HEAD /pieces HTTP/1.1\r\nHost: a\r\n\r\nGET /users/z HTTP/1.1\r\nHost: a\r\n\r\n",
                HEAD200 "A: b\r\n\r\n" HEAD200 "Content-Length: 1\r\n\r\nz");
}

static void what_comes_behind_the_head_is_refused(void **state)
{
    (void)state;
    host_expect(&host,
                "GET /too-late HTTP/1.1\r\nHost: a\r\n\r\n"
                "HEAD /too-late HTTP/1.1\r\nHost: a\r\n\r\n",
                HEAD200 "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" HEAD200 "\r\n");
}

static void a_stream_without_a_body_ends_with_its_head(void **state)
{
    (void)state;
    host_expect(&host,
                "HEAD /endless/200 HTTP/1.1\r\nHost: a\r\n\r\n"
                "GET /endless/304 HTTP/1.1\r\nHost: a\r\n\r\n"
                "GET /users/z HTTP/1.1\r\nHost: a\r\n\r\n",
                HEAD200 "\r\nHTTP/1.1 304 Not Modified\r\nDate: D\r\n\r\n" HEAD200
                        "Content-Length: 1\r\n\r\nz");
    assert_int_equal(atomic_load(&closed_well), 4);
    assert_int_equal(atomic_load(&closed_badly), 0);
}

static void a_slow_reader_holds_the_writer_back(void **state)
{
    static const char get[] = "GET /flood HTTP/1.0\r\n\r\n";
    const size_t size = 30000000;
    char *chunk = malloc(1u << 20);
    size_t left = size, got = 0;
    (void)state;
    assert_non_null(chunk);
    flooded.left = size;
    flooded.waits = 0;
    int fd = client_connect(host.port);
    client_send(fd, get, sizeof get - 1);
    host_expect(&host, "GET /users/z HTTP/1.1\r\nHost: a\r\n\r\n",
                HEAD200 "Content-Length: 1\r\n\r\nz");
    for (;;) {
        ssize_t rc = recv(fd, chunk, 1u << 20, 0);
        assert_true(rc >= 0);
        if (rc == 0)
            break;
        got += (size_t)rc;
    }
    left = got - size;
    assert_true(left > 50 && left < 200); /* the head */
    assert_true(flooded.waits > 10);
    free(chunk);
    close(fd);
}

static void a_lost_peer_is_told_to_the_stream(void **state)
{
    static const char get[] = "GET /flood HTTP/1.1\r\nHost: a\r\n\r\n";
    struct linger now = {1, 0};
    char some[100];
    (void)state;
    flooded.left = 1u << 30;
    int fd = client_connect(host.port);
    client_send(fd, get, sizeof get - 1);
    client_receive(fd, some, sizeof some);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(fd);
    for (int i = 0; i < 5000 && atomic_load(&closed_badly) == 0; i++)
        usleep(1000);
    assert_int_equal(atomic_load(&closed_badly), 1);
}

static void a_body_given_up_does_not_look_whole(void **state)
{
    static const char get[] = "GET /give-up HTTP/1.0\r\n\r\n";
    char reply[512];
    ssize_t got;
    (void)state;
    int fd = client_connect(host.port);
    client_send(fd, get, sizeof get - 1);
    do
        got = recv(fd, reply, sizeof reply, 0);
    while (got > 0);
    assert_int_equal(got, -1); /* reset, not ended */
    close(fd);
    for (int i = 0; i < 5000 && atomic_load(&closed_badly) == 0; i++)
        usleep(1000);
    assert_int_equal(atomic_load(&closed_badly), 1);
}

static void events_are_written_as_the_standard_says(void **state)
{
    (void)state;
    host_expect(&host, "GET /events HTTP/1.0\r\n\r\n",
                HEAD200 "Connection: close\r\nContent-Type: text/event-stream\r\n\r\n"
                        "event: tick\nid: 7\ndata: a\ndata: b\ndata: c\ndata: d\n\ndata: \n\n");
}

static void hints_go_ahead_of_the_reply(void **state)
{
    (void)state;
    host_expect(&host, "GET /hints HTTP/1.1\r\nHost: a\r\n\r\n",
                "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n" HEAD200
                "Content-Length: 4\r\n\r\ndone");
    host_expect(&host, "GET /hints HTTP/1.0\r\n\r\n",
                HEAD200 "Content-Length: 4\r\nConnection: close\r\n\r\ndone");
}

static void pieces_of_a_vector_are_sent_as_one(void **state)
{
    (void)state;
    host_expect(
        &host, "GET /vector HTTP/1.1\r\nHost: a\r\n\r\nHEAD /vector HTTP/1.1\r\nHost: a\r\n\r\n",
        HEAD200 "Content-Length: 13\r\n\r\none two three" HEAD200 "Content-Length: 13\r\n\r\n");
}

static void a_vector_is_borrowed_until_its_last_byte_is_sent(void **state)
{
    static const char get[] = "GET /large-vector HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    size_t size;
    (void)state;
    int fd = client_connect(host.port);
    client_send(fd, get, sizeof get - 1);
    usleep(20000);
    char *reply = client_drain(fd, &size);
    const char *body = strstr(reply, "\r\n\r\n");
    assert_non_null(body);
    body += 4;
    assert_int_equal(size - (size_t)(body - reply), 900007);
    for (size_t i = 0; i < 900007; i++)
        if (body[i] != 'v')
            fail_msg("byte %zu is %c", i, body[i]);
    free(reply);
    close(fd);
}

static void an_upgrade_hands_the_connection_over(void **state)
{
    (void)state;
    host_expect(
        &host,
        "GET /upgrade HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: shout/1\r\n\r\n"
        "so it goes.",
        "HTTP/1.1 101 Switching Protocols\r\nDate: D\r\nConnection: upgrade\r\n"
        "Upgrade: shout/1\r\n\r\nSO IT GOES.");
    size_t size;
    static const char plain[] =
        "GET /upgrade HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: shout/1\r\n\r\n";
    char *reply = client_exchange(host.port, plain, sizeof plain - 1, 0, &size);
    assert_memory_equal(reply, "HTTP/1.1 500", 12);
    free(reply);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        CASE(pieces_leave_in_chunks),
        CASE(pieces_for_1_0_end_with_the_connection),
        CASE(pieces_for_head_are_none),
        CASE(what_comes_behind_the_head_is_refused),
        CASE(a_stream_without_a_body_ends_with_its_head),
        CASE(a_slow_reader_holds_the_writer_back),
        CASE(a_lost_peer_is_told_to_the_stream),
        CASE(a_body_given_up_does_not_look_whole),
        CASE(events_are_written_as_the_standard_says),
        CASE(hints_go_ahead_of_the_reply),
        CASE(pieces_of_a_vector_are_sent_as_one),
        CASE(a_vector_is_borrowed_until_its_last_byte_is_sent),
        CASE(an_upgrade_hands_the_connection_over),
    };
    return cmocka_run_group_tests_name("stream", tests, NULL, NULL);
}
