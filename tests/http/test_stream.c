/* Replies that outlast their handler. */
#include "host.h"

#include <pthread.h>
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
static catzilla_response_t *held;
static pthread_mutex_t held_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t held_there = PTHREAD_COND_INITIALIZER;

static void on_close(int result, void *user_data)
{
    (void)user_data;
    atomic_fetch_add(result == 0 ? &closed_well : &closed_badly, 1);
}

static void *complete_later(void *data)
{
    catzilla_response_t *response = data;
    char text[5000];
    memset(text, 'd', sizeof text);
    catzilla_slice_t body = {text, sizeof text};
    usleep(2000);
    catzilla_response_header(response, CATZILLA_SLICE("X-Thread"), CATZILLA_SLICE("yes"));
    catzilla_response_body(response, body);
    catzilla_response_complete(response, 0);
    return NULL;
}

static int in_thread(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    pthread_t thread;
    (void)request;
    (void)user_data;
    int rc = catzilla_response_defer(response);
    if (rc != 0)
        return rc;
    assert_int_equal(catzilla_response_defer(response), CATZILLA_ERR_STATE);
    pthread_create(&thread, NULL, complete_later, response);
    pthread_detach(thread);
    return 0;
}

/* Hands the response to the test, which completes it. */
static int hold(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    (void)request;
    (void)user_data;
    int rc = catzilla_response_defer(response);
    pthread_mutex_lock(&held_mutex);
    held = response;
    pthread_cond_signal(&held_there);
    pthread_mutex_unlock(&held_mutex);
    return rc;
}

static catzilla_response_t *held_take(void)
{
    pthread_mutex_lock(&held_mutex);
    while (held == NULL)
        pthread_cond_wait(&held_there, &held_mutex);
    catzilla_response_t *response = held;
    held = NULL;
    pthread_mutex_unlock(&held_mutex);
    return response;
}

static int in_pieces(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    catzilla_stream_t stream = CATZILLA_STREAM_INIT;
    (void)request;
    (void)user_data;
    stream.on_close = on_close;
    assert_int_equal(catzilla_response_write(response, CATZILLA_SLICE("x")), CATZILLA_ERR_STATE);
    catzilla_response_header(response, CATZILLA_SLICE("A"), CATZILLA_SLICE("b"));
    int rc = catzilla_response_stream(response, &stream);
    if (rc != 0)
        return rc;
    assert_int_equal(catzilla_response_write(response, CATZILLA_SLICE("first")), 0);
    assert_int_equal(catzilla_response_write(response, CATZILLA_SLICE("")), 0);
    assert_int_equal(catzilla_response_write(response, CATZILLA_SLICE("second piece")), 0);
    assert_int_equal(catzilla_response_end(response), 0);
    assert_int_equal(catzilla_response_end(response), CATZILLA_ERR_STATE);
    return 0;
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
    catzilla_server_route(server, "GET", "/thread", in_thread, NULL);
    catzilla_server_route(server, "POST", "/hold", hold, NULL);
    catzilla_server_route(server, "GET", "/pieces", in_pieces, NULL);
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
    catzilla_memory_stats_t stats;
    (void)state;
    host_stop(&host);
    catzilla_memory_get_stats(&stats);
    return stats.request_arena_usage == 0 && stats.response_arena_usage == 0 ? 0 : -1;
}

static void another_thread_completes_in_order(void **state)
{
    size_t size;
    static const char three[] = "GET /thread HTTP/1.1\r\nHost: a\r\n\r\n"
                                "GET /users/b HTTP/1.1\r\nHost: a\r\n\r\n"
                                "GET /thread HTTP/1.0\r\n\r\n";
    (void)state;
    char *reply = client_exchange(host.port, three, sizeof three - 1, 0, &size);
    dates_mask(reply, &size);
    static const char first[] = HEAD200 "Content-Length: 5000\r\nX-Thread: yes\r\n\r\nddd";
    assert_memory_equal(reply, first, sizeof first - 1);
    const char *second = strstr(reply, "d" HEAD200 "Content-Length: 1\r\n\r\nb" HEAD200);
    assert_non_null(second);
    assert_non_null(strstr(second, "Content-Length: 5000\r\nConnection: close\r\n"));
    free(reply);
}

/* Requests that arrive in many reads while a reply is put off wait behind one another. */
static void requests_wait_behind_a_reply_put_off(void **state)
{
    static const char first[] = "POST /hold HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n";
    char text[64], wanted[128];
    size_t size;
    (void)state;
    int fd = client_connect(host.port);
    client_send(fd, first, sizeof first - 1);
    catzilla_response_t *response = held_take();
    for (int i = 0; i < 100; i++) {
        int length = sprintf(text, "GET /users/%d HTTP/1.1\r\nHost: a\r\n\r\n", i);
        client_send(fd, text, 7);
        if (i % 10 == 0)
            usleep(1000);
        client_send(fd, text + 7, (size_t)length - 7);
    }
    usleep(5000);
    catzilla_response_complete(response, 0);
    shutdown(fd, SHUT_WR);
    char *reply = client_drain(fd, &size);
    const char *at = strstr(reply, "Content-Length: 0\r\n\r\n");
    for (int i = 0; i < 100; i++) {
        assert_non_null(at);
        sprintf(wanted, "\r\n\r\n%d", i);
        at = strstr(at, wanted);
    }
    assert_non_null(at);
    free(reply);
    close(fd);
}

static void a_reply_put_off_sees_its_request(void **state)
{
    size_t size;
    static const char post[] = "POST /hold HTTP/1.1\r\nHost: a\r\nX-A: b\r\n"
                               "Content-Length: 5\r\n\r\nhello";
    (void)state;
    int fd = client_connect(host.port);
    client_send(fd, post, sizeof post - 1);
    catzilla_response_t *response = held_take();
    client_send(fd, "GET /vector HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 52);
    catzilla_response_complete(response, CATZILLA_ERR_SYSTEM);
    char *reply = client_drain(fd, &size);
    assert_non_null(strstr(reply, "500 Internal Server Error"));
    assert_non_null(strstr(reply, "one two three"));
    free(reply);
    close(fd);
}

static void a_peer_that_leaves_does_not_take_the_reply_with_it(void **state)
{
    static const char post[] = "POST /hold HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
    struct linger now = {1, 0};
    (void)state;
    int fd = client_connect(host.port);
    client_send(fd, post, sizeof post - 1);
    catzilla_response_t *response = held_take();
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(fd);
    host_expect(&host, "GET /users/c HTTP/1.1\r\nHost: a\r\n\r\n",
                HEAD200 "Content-Length: 1\r\n\r\nc");
    assert_int_equal(catzilla_response_body(response, CATZILLA_SLICE("too late")), 0);
    catzilla_response_complete(response, 0);
}

static void a_stop_waits_for_replies_put_off(void **state)
{
    static const char post[] = "POST /hold HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n";
    (void)state;
    int fd = client_connect(host.port);
    client_send(fd, post, sizeof post - 1);
    catzilla_response_t *response = held_take();
    catzilla_server_stop(host.server);
    usleep(20000);
    assert_int_equal(catzilla_response_body(response, CATZILLA_SLICE("late")), 0);
    catzilla_response_complete(response, 0);
    host_join(&host);
    close(fd);
    begin(state);
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
        CASE(another_thread_completes_in_order),
        CASE(requests_wait_behind_a_reply_put_off),
        CASE(a_reply_put_off_sees_its_request),
        CASE(a_peer_that_leaves_does_not_take_the_reply_with_it),
        CASE(a_stop_waits_for_replies_put_off),
        CASE(pieces_leave_in_chunks),
        CASE(pieces_for_1_0_end_with_the_connection),
        CASE(pieces_for_head_are_none),
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
