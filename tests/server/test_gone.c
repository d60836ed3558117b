/* What the holder of a reply that was put off hears of a peer that leaves. */
#include "stepped.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define WINDOW_MS 300u
#define GET       "GET /later HTTP/1.1\r\nHost: a\r\n\r\n"

static catzilla_response_t *held;
static int gone;
static bool completes; /* as soon as the peer is gone */

static void note_gone(void *user_data)
{
    assert_ptr_equal(user_data, &gone);
    gone++;
    if (!completes)
        return;
    catzilla_response_complete(held, CATZILLA_ERR_CLOSED);
    held = NULL;
}

static int later(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    (void)request;
    (void)user_data;
    assert_int_equal(catzilla_response_on_gone(response, note_gone, &gone), CATZILLA_ERR_STATE);
    int rc = catzilla_response_defer(response);
    if (rc != 0)
        return rc;
    held = response;
    return catzilla_response_on_gone(response, note_gone, &gone);
}

/* The same, and does not want to know. */
static int later_in_peace(catzilla_request_t *request, catzilla_response_t *response,
                          void *user_data)
{
    (void)request;
    (void)user_data;
    held = response;
    return catzilla_response_defer(response);
}

/* Completes the one that is held, and is answered at once. */
static int now(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    (void)request;
    (void)response;
    (void)user_data;
    catzilla_response_complete(held, 0);
    held = NULL;
    return 0;
}

static void serve(void (*script)(uint16_t port, void *data), void *data)
{
    catzilla_server_options_t options = CATZILLA_SERVER_OPTIONS_INIT;
    catzilla_server_t *server;
    size_t live;
    options.half_closed_timeout_ms = WINDOW_MS;
    held = NULL;
    gone = 0;
    completes = false;
    assert_int_equal(catzilla_server_create(&options, &server), 0);
    assert_int_equal(catzilla_server_route(server, "GET", "/later", later, NULL), 0);
    assert_int_equal(catzilla_server_route(server, "GET", "/peace", later_in_peace, NULL), 0);
    assert_int_equal(catzilla_server_route(server, "GET", "/now", now, NULL), 0);
    assert_int_equal(stepped_run(server, script, data), 0);
    catzilla_server_destroy(server);
    assert_null(held);
    catzilla_memory_get_arena_stats(CATZILLA_MEMORY_REQUEST, &live, NULL);
    assert_int_equal(live, 0);
}

static int ask(uint16_t port, const char *text)
{
    int fd = stepped_connect(port);
    assert_true(stepped_send(fd, text, strlen(text)));
    for (int i = 0; i < 100 && held == NULL; i++)
        stepped_turn();
    assert_non_null(held);
    return fd;
}

static void complete(void)
{
    assert_int_equal(catzilla_response_body(held, CATZILLA_SLICE("later")), 0);
    catzilla_response_complete(held, 0);
    held = NULL;
}

/* A reset, see stepped_connect(). */
static void reset(uint16_t port, void *data)
{
    size_t open = stepped_descriptors();
    close(ask(port, data));
    stepped_until_open(open);
    stepped_turns(1);
    assert_int_equal(gone, 1);
    assert_non_null(held);
    assert_int_equal(catzilla_response_on_gone(held, note_gone, &gone), CATZILLA_ERR_CLOSED);
    complete();
    stepped_turns(3);
    assert_int_equal(gone, 1);
}

static void a_reset_is_told_at_once(void **state)
{
    (void)state;
    serve(reset, GET);
    serve(reset, GET GET);
}

/* More than is read ahead, so that the server does not read to the end. */
static void say_much(int fd)
{
    static char much[65536];
    memset(much, 'x', sizeof much);
    assert_true(stepped_send(fd, much, sizeof much));
    stepped_turns(10);
}

static void reset_unread(uint16_t port, void *data)
{
    size_t open = stepped_descriptors();
    (void)data;
    int fd = ask(port, GET);
    say_much(fd);
    close(fd);
    stepped_until_open(open);
    stepped_turns(1);
    assert_int_equal(gone, 1);
    complete();
    stepped_turns(3);
}

static void wait_unread(uint16_t port, void *data)
{
    char reply[2048];
    uint64_t since = stepped_now_ms();
    (void)data;
    int fd = ask(port, GET "GET /");
    say_much(fd);
    while (stepped_now_ms() - since < 3 * WINDOW_MS) {
        stepped_turn();
        usleep(10000);
    }
    assert_int_equal(gone, 0);
    complete();
    reply[stepped_drain(fd, reply, sizeof reply - 1)] = '\0';
    assert_memory_equal(reply, "HTTP/1.1 200", 12);
    assert_non_null(strstr(reply, "HTTP/1.1 414"));
    close(fd);
}

static void one_that_is_not_read_to_the_end_is_looked_after(void **state)
{
    (void)state;
    serve(reset_unread, NULL);
    serve(wait_unread, NULL);
}

static void reset_and_complete(uint16_t port, void *data)
{
    size_t open = stepped_descriptors();
    (void)data;
    completes = true;
    close(ask(port, GET));
    stepped_until_open(open);
    stepped_turns(3);
    assert_int_equal(gone, 1);
}

static void who_is_told_may_complete_right_there(void **state)
{
    (void)state;
    serve(reset_and_complete, NULL);
}

static void close_half(uint16_t port, void *data)
{
    char reply[512];
    (void)data;
    int fd = ask(port, GET);
    shutdown(fd, SHUT_WR);
    stepped_turns(10);
    assert_int_equal(gone, 0);
    complete();
    reply[stepped_drain(fd, reply, sizeof reply - 1)] = '\0';
    assert_memory_equal(reply, "HTTP/1.1 200", 12);
    assert_non_null(strstr(reply, "\r\n\r\nlater"));
    assert_int_equal(gone, 0);
    close(fd);
}

static void a_peer_that_has_closed_its_half_is_not_gone(void **state)
{
    (void)state;
    serve(close_half, NULL);
}

static void leave(uint16_t port, void *data)
{
    static const struct linger orderly = {0, 0};
    size_t open = stepped_descriptors();
    uint64_t since = stepped_now_ms();
    (void)data;
    int fd = ask(port, GET);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &orderly, sizeof orderly), 0);
    close(fd);
    stepped_turns(10);
    assert_int_equal(gone, 0);
    stepped_until_open(open);
    stepped_turns(1);
    assert_int_equal(gone, 1);
    assert_true(stepped_now_ms() - since >= WINDOW_MS / 2);
    complete();
    stepped_turns(3);
}

static void one_that_has_closed_altogether_is_after_a_while(void **state)
{
    (void)state;
    serve(leave, NULL);
}

static void complete_first(uint16_t port, void *data)
{
    size_t open = stepped_descriptors();
    (void)data;
    int fd = ask(port, GET);
    complete();
    close(fd);
    stepped_until_open(open);
    stepped_turns(3);
    assert_int_equal(gone, 0);
}

/* The completion comes while the loop closes the connection, and is seen to after that. */
static void complete_between(uint16_t port, void *data)
{
    static const char get[] = "GET /now HTTP/1.1\r\nHost: a\r\n\r\n";
    size_t open = stepped_descriptors();
    (void)data;
    int other = stepped_connect(port);
    stepped_turns(4);
    int fd = ask(port, GET);
    close(fd);
    assert_int_equal(send(other, get, sizeof get - 1, 0), (ssize_t)sizeof get - 1);
    for (int i = 0; i < 100 && held != NULL; i++)
        stepped_turn();
    close(other);
    stepped_until_open(open);
    stepped_turns(3);
    assert_int_equal(gone, 0);
}

/* Of a response that has the place of one that wanted to. */
static void leave_in_peace(uint16_t port, void *data)
{
    size_t open = stepped_descriptors();
    char reply[512];
    (void)data;
    int fd = ask(port, GET);
    complete();
    assert_true(stepped_receive(fd, reply, sizeof reply, 20) >= 20);
    close(fd);
    fd = ask(port, "GET /peace HTTP/1.1\r\nHost: a\r\n\r\n");
    close(fd);
    stepped_until_open(open);
    stepped_turns(3);
    assert_int_equal(gone, 0);
    complete();
    stepped_turns(3);
}

static void take_back(uint16_t port, void *data)
{
    size_t open = stepped_descriptors();
    (void)data;
    int fd = ask(port, GET);
    assert_int_equal(catzilla_response_on_gone(held, NULL, NULL), 0);
    close(fd);
    stepped_until_open(open);
    stepped_turns(3);
    complete();
    stepped_turns(3);
    assert_int_equal(gone, 0);
}

static void who_has_completed_or_does_not_want_to_know_is_not_told(void **state)
{
    (void)state;
    serve(complete_first, NULL);
    serve(complete_between, NULL);
    serve(leave_in_peace, NULL);
    serve(take_back, NULL);
}

static int streams_closed;

static void note_closed(int result, void *user_data)
{
    (void)user_data;
    streams_closed += result == CATZILLA_ERR_CLOSED;
}

static void stream(uint16_t port, void *data)
{
    catzilla_stream_t stream = CATZILLA_STREAM_INIT;
    size_t open = stepped_descriptors();
    (void)data;
    int fd = ask(port, GET);
    stream.on_close = note_closed;
    assert_int_equal(catzilla_response_stream(held, &stream), 0);
    assert_int_equal(catzilla_response_on_gone(held, note_gone, &gone), CATZILLA_ERR_STATE);
    held = NULL;
    close(fd);
    stepped_until_open(open);
    stepped_turns(3);
    assert_int_equal(gone, 0);
    assert_int_equal(streams_closed, 1);
}

static void a_stream_that_takes_over_is_told_by_its_own_call(void **state)
{
    (void)state;
    streams_closed = 0;
    serve(stream, NULL);
}

static int client;

static void ask_and_stay(uint16_t port, void *data)
{
    (void)data;
    completes = true;
    client = ask(port, GET);
}

static void a_stop_is_told_too(void **state)
{
    (void)state;
    serve(ask_and_stay, NULL);
    assert_int_equal(gone, 1);
    close(client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reset_is_told_at_once),
        cmocka_unit_test(one_that_is_not_read_to_the_end_is_looked_after),
        cmocka_unit_test(who_is_told_may_complete_right_there),
        cmocka_unit_test(a_peer_that_has_closed_its_half_is_not_gone),
        cmocka_unit_test(one_that_has_closed_altogether_is_after_a_while),
        cmocka_unit_test(who_has_completed_or_does_not_want_to_know_is_not_told),
        cmocka_unit_test(a_stream_that_takes_over_is_told_by_its_own_call),
        cmocka_unit_test(a_stop_is_told_too),
    };
    return cmocka_run_group_tests_name("gone", tests, NULL, NULL);
}
