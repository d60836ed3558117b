/*
 * What is answered where a request, or a whole class, may hold no more: by the phase in which the
 * request is, and without harm to requests that need less.
 */
#define _GNU_SOURCE
#include "routes.h"
#include "stepped.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { REPLIES = 1 << 19 };

static char reply[REPLIES + 1];

/* What `head` and `size` bytes of a body behind it are answered with, the connection then closed.
 */
static const char *ask(uint16_t port, const char *head, size_t size)
{
    static char body[300000];
    memset(body, 'b', sizeof body);
    int fd = stepped_connect(port);
    /* A server that refuses needs not take all of it. */
    if (stepped_send(fd, head, strlen(head)) && stepped_send(fd, body, size))
        shutdown(fd, SHUT_WR);
    reply[stepped_drain(fd, reply, REPLIES)] = '\0';
    close(fd);
    stepped_turn();
    return reply;
}

static void expect(uint16_t port, const char *head, size_t size, const char *status)
{
    const char *answer = ask(port, head, size);
    if (strncmp(answer, "HTTP/1.1 ", 9) != 0 || strncmp(answer + 9, status, strlen(status)) != 0)
        fail_msg("%.40s: %.100s, not %s", head, answer, status);
    bool says_when = strstr(answer, "\r\nRetry-After: 1\r\n") != NULL;
    assert_true(says_when == (strcmp(status, "503") == 0));
}

static void expect_hello(uint16_t port)
{
    expect(port, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 0, "200");
}

/* Takes all that it may have; answers with how much, or by ?fail that it was not enough. */
static int greedy(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    char text[32];
    size_t taken = 0;
    (void)user_data;
    while (catzilla_request_scratch(request, 500) != NULL)
        taken += 500;
    if (catzilla_request_query(request).size > 0)
        return CATZILLA_ERR_NOMEM;
    catzilla_slice_t body = {text, (size_t)snprintf(text, sizeof text, "%zu", taken)};
    return catzilla_response_body(response, body);
}

static void serve(const catzilla_server_options_t *options,
                  void (*script)(uint16_t port, void *data))
{
    catzilla_server_t *server = routes_server(options);
    assert_int_equal(catzilla_server_route(server, "POST", "/greedy", greedy, NULL), 0);
    routes_run(server, script, NULL);
}

static void in_each_phase(uint16_t port, void *data)
{
    char head[20100];
    (void)data;
    int used = snprintf(head, sizeof head, "GET / HTTP/1.1\r\nHost: a\r\n");
    while (used < 20000)
        used += snprintf(head + used, sizeof head - (size_t)used, "X: %050d\r\n", used);
    expect(port, head, 0, "431");
    expect(port, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 20000\r\n\r\n", 0, "413");
    expect(port, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 19945\r\n\r\n", 19945, "200");
    expect(port, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 19946\r\n\r\n", 0, "413");
    expect(port,
           "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
           "5000\r\n",
           0x5000, "413");
    expect(port, "POST /greedy?fail HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n", 3, "503");
    expect(port, "POST /greedy HTTP/1.1\r\nHost: a\r\nContent-Length: 15000\r\n\r\n", 15000, "200");
    /* What the head and the body leave. */
    assert_in_range(atoi(strstr(reply, "\r\n\r\n") + 4), 3000, 5000);
    expect(port, "POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n", 200000, "200");
    expect_hello(port);
}

static void a_request_holds_no_more_than_its_limit(void **state)
{
    catzilla_server_options_t options = CATZILLA_SERVER_OPTIONS_INIT;
    (void)state;
    options.max_request_memory = 20000;
    serve(&options, in_each_phase);
}

static size_t charged(catzilla_memory_type_t type)
{
    catzilla_memory_class_stats_t stats;
    catzilla_memory_thread_idle();
    assert_int_equal(catzilla_memory_get_class_stats(type, &stats, sizeof stats), 0);
    return stats.live + stats.cached;
}

static void with_a_budget(uint16_t port, void *data)
{
    static const char large[] = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n";
    (void)data;
    expect(port, large, 200000, "200");
    expect_hello(port);
    catzilla_memory_set_budget(CATZILLA_MEMORY_REQUEST, charged(CATZILLA_MEMORY_REQUEST) + 65536);
    expect(port, large, 200000, "503");
    expect_hello(port);
    catzilla_memory_set_budget(CATZILLA_MEMORY_REQUEST, SIZE_MAX);
    expect(port, large, 200000, "200");
    catzilla_memory_set_budget(CATZILLA_MEMORY_RESPONSE, charged(CATZILLA_MEMORY_RESPONSE) + 65536);
    expect(port, large, 200000, "503");
    expect_hello(port);
    catzilla_memory_set_budget(CATZILLA_MEMORY_RESPONSE, SIZE_MAX);
    expect(port, large, 200000, "200");
}

static void a_class_past_its_budget_is_answered_503(void **state)
{
    (void)state;
    serve(NULL, with_a_budget);
}

/* Bodies of several requests at once, whose blocks then wait for reuse. */
static void with_much_to_shed(uint16_t port, void *data)
{
    static const char half[] = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 60001\r\n\r\n";
    static const char body[60000];
    int fds[8];
    (void)data;
    for (int i = 0; i < 8; i++) {
        fds[i] = stepped_connect(port);
        assert_true(stepped_send(fds[i], half, sizeof half - 1));
        assert_true(stepped_send(fds[i], body, sizeof body));
        stepped_turn();
        stepped_turn();
    }
    size_t most = charged(CATZILLA_MEMORY_REQUEST);
    for (int i = 0; i < 8; i++) {
        assert_true(stepped_send(fds[i], "x", 1));
        stepped_receive(fds[i], reply, REPLIES, 60001);
        close(fds[i]);
    }
    stepped_turn();
    assert_true(charged(CATZILLA_MEMORY_REQUEST) > 8 * 60000);
    catzilla_memory_set_budget(CATZILLA_MEMORY_REQUEST, most);
    expect(port, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n", 200000, "200");
    catzilla_memory_set_budget(CATZILLA_MEMORY_REQUEST, SIZE_MAX);
}

static void what_is_kept_for_reuse_is_shed_first(void **state)
{
    (void)state;
    serve(NULL, with_much_to_shed);
}

static uint64_t peak;

static void take_peak(const catzilla_access_t *access, void *user_data)
{
    (void)user_data;
    assert_int_equal(access->status, 200);
    peak = access->memory_peak;
}

static void of_each_size(uint16_t port, void *data)
{
    (void)data;
    expect_hello(port);
    assert_in_range(peak, 1000, 16384);
    expect(port, "GET /scratch HTTP/1.1\r\nHost: a\r\n\r\n", 0, "200");
    assert_in_range(peak, 20000, 50000);
    expect(port, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n", 200000, "200");
    assert_in_range(peak, 200000, 600000);
    expect(port, "POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n", 200000, "200");
    assert_in_range(peak, 1000, 100000);
}

static void the_access_log_tells_what_a_request_held(void **state)
{
    catzilla_server_options_t options = CATZILLA_SERVER_OPTIONS_INIT;
    (void)state;
    options.access = take_peak;
    serve(&options, of_each_size);
}

static char peers[256];

static void take_peer(const catzilla_access_t *access, void *user_data)
{
    size_t used = strlen(peers);
    (void)user_data;
    snprintf(peers + used, sizeof peers - used, "%d %d %.*s\n", access->status,
             access->method.data != NULL && access->method.size > 0, (int)access->peer.size,
             access->peer.data);
}

/* Not even the request itself finds room. */
static void with_nothing(uint16_t port, void *data)
{
    (void)data;
    charged(CATZILLA_MEMORY_REQUEST);
    catzilla_memory_set_budget(CATZILLA_MEMORY_REQUEST, 1);
    expect(port, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 0, "503");
    catzilla_memory_set_budget(CATZILLA_MEMORY_REQUEST, SIZE_MAX);
    expect_hello(port);
}

static void a_refusal_without_a_request_still_has_a_peer(void **state)
{
    catzilla_server_options_t options = CATZILLA_SERVER_OPTIONS_INIT;
    (void)state;
    options.access = take_peer;
    serve(&options, with_nothing);
    assert_memory_equal(peers, "503 0 " STEPPED_CLIENT ":", sizeof "503 0 " STEPPED_CLIENT);
    assert_non_null(strstr(peers, "\n200 1 " STEPPED_CLIENT ":"));
}

static void (*then)(int fd);

/* What becomes of a connection that there is no memory for: it waits. */
static void without_memory(uint16_t port, void *data)
{
    static const char get[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    (void)data;
    catzilla_memory_set_budget(CATZILLA_MEMORY_GENERAL, 1);
    int fd = stepped_connect(port);
    assert_int_equal(send(fd, get, sizeof get - 1, 0), (ssize_t)sizeof get - 1);
    for (int i = 0; i < 10; i++)
        stepped_turn();
    assert_int_equal(recv(fd, reply, 1, MSG_DONTWAIT), -1);
    assert_int_equal(errno, EAGAIN);
    then(fd);
    catzilla_memory_set_budget(CATZILLA_MEMORY_GENERAL, SIZE_MAX);
}

static void find_memory(int fd)
{
    catzilla_memory_set_budget(CATZILLA_MEMORY_GENERAL, SIZE_MAX);
    assert_true(stepped_receive(fd, reply, REPLIES, 12) >= 12);
    assert_memory_equal(reply, "HTTP/1.1 200", 12);
    close(fd);
}

static int left_waiting;

static void leave_it_there(int fd)
{
    left_waiting = fd;
}

static void a_connection_that_there_is_no_memory_for_waits(void **state)
{
    size_t open = stepped_descriptors();
    (void)state;
    then = find_memory;
    serve(NULL, without_memory);
    then = leave_it_there;
    serve(NULL, without_memory);
    close(left_waiting);
    assert_int_equal(stepped_descriptors(), open);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_holds_no_more_than_its_limit),
        cmocka_unit_test(a_class_past_its_budget_is_answered_503),
        cmocka_unit_test(the_access_log_tells_what_a_request_held),
        cmocka_unit_test(a_refusal_without_a_request_still_has_a_peer),
        cmocka_unit_test(what_is_kept_for_reuse_is_shed_first),
        cmocka_unit_test(a_connection_that_there_is_no_memory_for_waits),
    };
    return cmocka_run_group_tests_name("limits of memory", tests, NULL, NULL);
}
