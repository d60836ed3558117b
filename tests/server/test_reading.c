/* Bodies that are read as they come: what their handlers hold meanwhile, and when they are told. */
#include "stepped.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define HEAD                                                                                       \
    "POST /in/a%20b/c?plain=d&escaped=%65 HTTP/1.1\r\nHost: a\r\nX-User: f\r\nCookie: g=h\r\n"
#define TAKEN "a b c d e f h"

/* What the handler took, which is borrowed until the reply is complete. */
typedef struct taken {
    catzilla_slice_t slices[6];
} taken_t;

static catzilla_slice_t join(const taken_t *taken, char out[128])
{
    catzilla_slice_t text = {out, 0};
    for (size_t i = 0; i < sizeof taken->slices / sizeof *taken->slices; i++)
        text.size += (size_t)snprintf(out + text.size, 128 - text.size, "%s%.*s", i == 0 ? "" : " ",
                                      (int)taken->slices[i].size, taken->slices[i].data);
    return text;
}

static void expect_taken(const taken_t *taken)
{
    char text[128];
    catzilla_slice_t now = join(taken, text);
    if (!catzilla_slice_equal(now, CATZILLA_SLICE(TAKEN)))
        fail_msg("the slices now say %s", text);
}

static taken_t take(catzilla_request_t *request)
{
    taken_t taken = {
        {catzilla_request_param(request, "first"), catzilla_request_param(request, "second"),
         catzilla_request_query_value(request, "plain"),
         catzilla_request_query_value(request, "escaped"),
         catzilla_request_header(request, "x-user"), catzilla_request_cookie(request, "g")}};
    return taken;
}

static int read_on(catzilla_request_t *request, catzilla_response_t *response,
                   catzilla_body_event_t event, catzilla_slice_t data, void *user_data)
{
    char text[128];
    const taken_t *taken = user_data;
    (void)data;
    expect_taken(taken);
    taken_t again = take(request);
    expect_taken(&again);
    if (event != CATZILLA_BODY_END)
        return 0;
    catzilla_response_header(response, CATZILLA_SLICE("X-Sum"),
                             catzilla_request_trailer(request, "x-sum"));
    return catzilla_response_body(response, join(taken, text));
}

static int keeps(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    (void)response;
    (void)user_data;
    taken_t *taken = catzilla_request_scratch(request, sizeof *taken);
    if (taken == NULL)
        return CATZILLA_ERR_NOMEM;
    *taken = take(request);
    return catzilla_request_read_body(request, read_on, taken);
}

/* Pauses at its first piece, or in the handler, and is told of nothing more until it goes on. */
static catzilla_request_t *paused;
static int told[3];

static int read_paused(catzilla_request_t *request, catzilla_response_t *response,
                       catzilla_body_event_t event, catzilla_slice_t data, void *user_data)
{
    (void)data;
    (void)user_data;
    assert_null(event == CATZILLA_BODY_ABORTED ? NULL : paused);
    told[event]++;
    if (event == CATZILLA_BODY_DATA && told[CATZILLA_BODY_DATA] == 1) {
        paused = request;
        catzilla_request_pause(request);
    }
    if (event != CATZILLA_BODY_END)
        return 0;
    return catzilla_response_body(response, catzilla_request_trailer(request, "x-sum"));
}

static int pauses(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    (void)response;
    (void)user_data;
    memset(told, 0, sizeof told);
    paused = NULL;
    if (catzilla_request_query(request).size > 0) {
        paused = request;
        catzilla_request_pause(request);
    }
    return catzilla_request_read_body(request, read_paused, NULL);
}

static void go_on(void)
{
    catzilla_request_t *request = paused;
    assert_non_null(request);
    paused = NULL;
    catzilla_request_resume(request);
}

static int hello(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    (void)request;
    (void)user_data;
    return catzilla_response_body(response, CATZILLA_SLICE("Hello, World!"));
}

#define WINDOW_MS 200u

static void serve(void (*script)(uint16_t port, void *data), void *data)
{
    catzilla_server_options_t options = CATZILLA_SERVER_OPTIONS_INIT;
    catzilla_server_t *server;
    options.half_closed_timeout_ms = WINDOW_MS;
    assert_int_equal(catzilla_server_create(&options, &server), 0);
    assert_int_equal(catzilla_server_route(server, "GET", "/", hello, NULL), 0);
    assert_int_equal(
        catzilla_server_route_streaming(server, "POST", "/in/{first}/{second}", keeps, NULL), 0);
    assert_int_equal(catzilla_server_route_streaming(server, "POST", "/pause", pauses, NULL), 0);
    assert_int_equal(stepped_run(server, script, data), 0);
    catzilla_server_destroy(server);
}

/* Another client's bytes go wherever bytes are read to. */
static void say_something_else(int fd)
{
    static char text[2000], reply[4096];
    size_t size = (size_t)sprintf(text, "GET / HTTP/1.1\r\nHost: a\r\nX-Secret: ");
    memset(text + size, 'S', 1500);
    memcpy(text + size + 1500, "\r\n\r\n", 4);
    assert_true(stepped_send(fd, text, size + 1504));
    assert_true(stepped_receive(fd, reply, sizeof reply, 13) > 13);
}

typedef struct tape {
    const char *text;
    const char *sum; /* the trailer's value */
} tape_t;

static void split_everywhere(uint16_t port, void *data)
{
    const tape_t *tape = data;
    const size_t size = strlen(tape->text);
    char reply[1024], wanted[128];
    int other = stepped_connect(port);
    size_t body = (size_t)(strstr(tape->text, "\r\n\r\n") + 4 - tape->text);
    for (size_t first = 1; first < size; first++) {
        for (size_t second = first; second < size; second += 1 + (size - first) / 7) {
            int fd = stepped_connect(port);
            assert_true(stepped_send(fd, tape->text, first));
            stepped_turns(2);
            say_something_else(other);
            assert_true(stepped_send(fd, tape->text + first, second - first));
            stepped_turns(2);
            if (second > body)
                say_something_else(other);
            assert_true(stepped_send(fd, tape->text + second, size - second));
            shutdown(fd, SHUT_WR);
            size_t got = stepped_drain(fd, reply, sizeof reply - 1);
            close(fd);
            reply[got] = '\0';
            snprintf(wanted, sizeof wanted, "X-Sum: %s\r\n\r\n" TAKEN, tape->sum);
            if (strstr(reply, wanted) == NULL)
                fail_msg("split at %zu and %zu: %s", first, second, reply);
        }
    }
    close(other);
}

static void what_a_handler_took_stays_until_the_reply(void **state)
{
    tape_t whole = {HEAD "Content-Length: 4\r\n\r\nabcd", ""};
    tape_t chunks = {HEAD "Transfer-Encoding: chunked\r\n\r\n"
                          "2\r\nab\r\n2\r\ncd\r\n0\r\nA: b\r\nX-Sum: 9\r\n\r\n",
                     "9"};
    (void)state;
    serve(split_everywhere, &whole);
    serve(split_everywhere, &chunks);
}

/* All of it comes in one segment, and what is behind it waits for the reply too. */
static void pause_at_the_end(uint16_t port, void *data)
{
    static const struct {
        const char *text;
        const char *body; /* of the reply */
        bool last;        /* the connection ends with it */
    } row[] = {
        {"POST /pause HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nabcd", "", false},
        {"POST /pause HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
         "2\r\nab\r\n0\r\nX-Sum: 9\r\n\r\n",
         "9", false},
        {"POST /pause?early HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", "", false},
        {"POST /pause?early HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nabcd", "", false},
        {"POST /pause HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 1\r\n\r\na", "",
         true},
        {"POST /pause?early HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
         "", true},
    };
    static const char get[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    char text[1024], reply[4096], wanted[64];
    (void)data;
    for (size_t i = 0; i < 2 * sizeof row / sizeof *row; i++) {
        bool behind = i % 2 == 1;
        snprintf(text, sizeof text, "%s%s%s", get, row[i / 2].text, behind ? get : "");
        int fd = stepped_connect(port);
        assert_true(stepped_send(fd, text, strlen(text)));
        stepped_turns(4);
        assert_non_null(paused);
        assert_int_equal(told[CATZILLA_BODY_END], 0);
        size_t got = stepped_receive(fd, reply, sizeof reply - 1, 1);
        reply[got] = '\0';
        assert_non_null(strstr(reply, "\r\n\r\nHello, World!"));
        assert_null(strstr(reply, "World!HTTP"));
        go_on();
        /* Of a request that pauses before its body the first piece is the one that pauses. */
        if (paused != NULL)
            go_on();
        stepped_turns(2);
        assert_int_equal(told[CATZILLA_BODY_END], 1);
        shutdown(fd, SHUT_WR);
        got = stepped_drain(fd, reply, sizeof reply - 1);
        close(fd);
        reply[got] = '\0';
        snprintf(wanted, sizeof wanted, "\r\n\r\n%s%s", row[i / 2].body,
                 behind && !row[i / 2].last ? "HTTP/1.1 200" : "");
        const char *end = strstr(reply, wanted);
        if (end == NULL ||
            (*wanted != '\0' && (!behind || row[i / 2].last) && end[strlen(wanted)] != '\0'))
            fail_msg("row %zu%s: %s", i / 2, behind ? ", with a request behind it" : "", reply);
        assert_int_equal(told[CATZILLA_BODY_ABORTED], 0);
    }
}

static void who_pauses_is_not_told_of_the_end(void **state)
{
    (void)state;
    serve(pause_at_the_end, NULL);
}

/* The peer leaves, or the server stops, before the reader goes on. */
static void leave_paused(uint16_t port, void *data)
{
    static const char post[] = "POST /pause HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\na";
    const int *stays = data;
    int fd = stepped_connect(port);
    assert_true(stepped_send(fd, post, sizeof post - 1));
    stepped_turns(4);
    assert_non_null(paused);
    close(fd);
    stepped_turns(2);
    if (*stays != 0)
        return;
    go_on();
    stepped_turns(4);
    assert_int_equal(told[CATZILLA_BODY_END], 1);
}

static void who_pauses_for_good_is_told_that_all_is_lost(void **state)
{
    int stays = 0;
    (void)state;
    serve(leave_paused, &stays);
    assert_int_equal(told[CATZILLA_BODY_ABORTED], 0);
    stays = 1;
    serve(leave_paused, &stays);
    assert_int_equal(told[CATZILLA_BODY_END], 0);
    assert_int_equal(told[CATZILLA_BODY_ABORTED], 1);
}

static const char post_one[] = "POST /pause HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\na";

static void reset_paused(uint16_t port, void *data)
{
    size_t open = stepped_descriptors();
    (void)data;
    int fd = stepped_connect(port);
    assert_true(stepped_send(fd, post_one, sizeof post_one - 1));
    stepped_turns(4);
    assert_non_null(paused);
    close(fd);
    stepped_until_open(open);
    assert_int_equal(told[CATZILLA_BODY_ABORTED], 1);
}

/* It has sent all that it has to, and waits. */
static void close_half_paused(uint16_t port, void *data)
{
    char reply[512];
    uint64_t since = stepped_now_ms();
    (void)data;
    int fd = stepped_connect(port);
    assert_true(stepped_send(fd, post_one, sizeof post_one - 1));
    shutdown(fd, SHUT_WR);
    stepped_turns(4);
    assert_non_null(paused);
    while (stepped_now_ms() - since < 4 * WINDOW_MS) {
        stepped_turn();
        usleep(10000);
    }
    go_on();
    assert_true(stepped_drain(fd, reply, sizeof reply) >= 12);
    assert_memory_equal(reply, "HTTP/1.1 200", 12);
    assert_int_equal(told[CATZILLA_BODY_ABORTED], 0);
    close(fd);
}

static void who_pauses_misses_a_reset_alone(void **state)
{
    (void)state;
    serve(reset_paused, NULL);
    serve(close_half_paused, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_handler_took_stays_until_the_reply),
        cmocka_unit_test(who_pauses_is_not_told_of_the_end),
        cmocka_unit_test(who_pauses_misses_a_reset_alone),
        cmocka_unit_test(who_pauses_for_good_is_told_that_all_is_lost),
    };
    return cmocka_run_group_tests_name("reading", tests, NULL, NULL);
}
