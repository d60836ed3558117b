/* Many requests on few connections: nothing grows, replies keep their order. */
#include "host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const char get[] = "GET /users/abc HTTP/1.1\r\nHost: a\r\n\r\n";
static const size_t reply_size = sizeof "HTTP/1.1 200 OK\r\n"
                                        "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                                        "Content-Length: 3\r\n\r\nabc" -
                                 1;

static void rounds(uint16_t port, int count)
{
    char reply[256];
    int fd = client_connect(port);
    for (int i = 0; i < count; i++) {
        client_send(fd, get, sizeof get - 1);
        client_receive(fd, reply, reply_size);
        assert_memory_equal(reply + reply_size - 3, "abc", 3);
    }
    close(fd);
}

static void twenty_thousand_requests_leave_no_growth(void **state)
{
    catzilla_memory_stats_t before, after;
    host_t host;
    (void)state;
    host_run(&host, NULL);
    rounds(host.port, 1000);
    catzilla_memory_get_stats(&before);
    rounds(host.port, 20000);
    catzilla_memory_get_stats(&after);
    /* Idle pools may be trimmed between the two, so less is as good as the same. */
    assert_true(after.request_arena_usage <= before.request_arena_usage);
    assert_true(after.response_arena_usage <= before.response_arena_usage);
    assert_true(after.static_arena_usage <= before.static_arena_usage);
    assert_true(after.cache_arena_usage <= before.cache_arena_usage);
    assert_true(after.task_arena_usage <= before.task_arena_usage);
    assert_true(after.allocated <= before.allocated + 4096);
    host_stop(&host);
}

static void pipelined_replies_come_in_order(void **state)
{
    enum { COUNT = 5000 };
    host_t host;
    size_t size = 0, reply_bytes;
    char *requests = malloc(COUNT * 64);
    (void)state;
    assert_non_null(requests);
    host_run(&host, NULL);
    for (int i = 0; i < COUNT; i++)
        size += (size_t)sprintf(requests + size, "GET /users/%d HTTP/1.1\r\nHost: a\r\n\r\n", i);
    char *reply = client_exchange(host.port, requests, size, 0, &reply_bytes);
    const char *at = reply;
    for (int i = 0; i < COUNT; i++) {
        char wanted[32];
        int length = sprintf(wanted, "\r\n\r\n%d", i);
        at = strstr(at, "\r\n\r\n");
        assert_non_null(at);
        if (strncmp(at, wanted, (size_t)length) != 0)
            fail_msg("reply %d is \"%.12s\"", i, at + 4);
        at += 4;
    }
    free(reply);
    free(requests);
    host_stop(&host);
}

/* A peer that asks for much and reads nothing holds a bounded amount of output. */
static void a_peer_that_does_not_read_is_held_back(void **state)
{
    enum { COUNT = 400 };
    static const char ask[] = "GET /bytes/1000000 HTTP/1.1\r\nHost: a\r\n\r\n";
    catzilla_memory_stats_t before, during;
    host_t host;
    (void)state;
    host_run(&host, NULL);
    rounds(host.port, 10);
    catzilla_memory_get_stats(&before);
    int fd = client_connect(host.port);
    for (int i = 0; i < COUNT; i++)
        client_send(fd, ask, sizeof ask - 1);
    rounds(host.port, 1000);
    catzilla_memory_get_stats(&during);
    assert_true(during.response_arena_usage < before.response_arena_usage + (64u << 10));
    char *chunk = malloc(1u << 20);
    assert_non_null(chunk);
    for (int i = 0; i < COUNT; i++) {
        const size_t head = sizeof "HTTP/1.1 200 OK\r\n"
                                   "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                                   "Content-Length: 1000000\r\n\r\n" -
                            1;
        client_receive(fd, chunk, head);
        assert_memory_equal(chunk, "HTTP/1.1 200 OK", 15);
        client_receive(fd, chunk, 1000000);
        assert_int_equal(chunk[0], 'x');
        assert_int_equal(chunk[999999], 'x');
    }
    free(chunk);
    close(fd);
    host_stop(&host);
}

static void large_bodies_come_back_whole(void **state)
{
    const size_t size = 1000000;
    char head[128];
    host_t host;
    (void)state;
    host_run(&host, NULL);
    char *body = malloc(size);
    char *back = malloc(size);
    assert_non_null(body);
    assert_non_null(back);
    for (size_t i = 0; i < size; i++)
        body[i] = (char)(i * 2654435761u >> 13);
    int fd = client_connect(host.port);
    for (int round = 0; round < 3; round++) {
        int length =
            sprintf(head, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n", size);
        client_send(fd, head, (size_t)length);
        client_send(fd, body, size);
        client_receive(fd, back,
                       sizeof "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                              "Content-Length: 1000000\r\n\r\n" -
                           1);
        client_receive(fd, back, size);
        assert_memory_equal(back, body, size);
    }
    close(fd);
    free(body);
    free(back);
    host_stop(&host);
}

/* Asks for the connection's end, in each of the ways in which a reply comes about. */
static int closing(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    catzilla_stream_t stream = CATZILLA_STREAM_INIT;
    catzilla_slice_t how = catzilla_request_param(request, "how");
    (void)user_data;
    assert_int_equal(catzilla_response_close(response), 0);
    if (catzilla_slice_equal(how, CATZILLA_SLICE("fail")))
        return CATZILLA_ERR_SYSTEM;
    if (catzilla_slice_equal(how, CATZILLA_SLICE("late"))) {
        assert_int_equal(catzilla_response_defer(response), 0);
        catzilla_response_complete(response, 0);
    }
    if (catzilla_slice_equal(how, CATZILLA_SLICE("stream"))) {
        assert_int_equal(catzilla_response_stream(response, &stream), 0);
        assert_int_equal(catzilla_response_close(response), CATZILLA_ERR_STATE);
        return catzilla_response_end(response);
    }
    return 0;
}

static void a_handler_may_end_the_connection(void **state)
{
#define BEHIND "GET /users/b HTTP/1.1\r\nHost: a\r\n\r\n"
#define CLOSES "Connection: close\r\n"
    static const struct {
        const char *how;
        const char *wanted;
    } row[] = {
        {"plain", "200 OK\r\nDate: D\r\nContent-Length: 0\r\n" CLOSES "\r\n"},
        {"late", "200 OK\r\nDate: D\r\nContent-Length: 0\r\n" CLOSES "\r\n"},
        {"fail", "500 Internal Server Error\r\nDate: D\r\nContent-Length: 26\r\n" CLOSES
                 "Content-Type: text/plain; charset=utf-8\r\n\r\n500 Internal Server Error\n"},
        {"stream", "200 OK\r\nDate: D\r\nTransfer-Encoding: chunked\r\n" CLOSES "\r\n0\r\n\r\n"},
    };
    char text[256], wanted[256];
    host_t host;
    (void)state;
    host_create(&host, NULL);
    catzilla_server_route(host.server, "GET", "/close/{how}", closing, NULL);
    host_start(&host);
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        snprintf(text, sizeof text, "GET /close/%s HTTP/1.1\r\nHost: a\r\n\r\n" BEHIND BEHIND,
                 row[i].how);
        snprintf(wanted, sizeof wanted, "HTTP/1.1 %s", row[i].wanted);
        host_expect(&host, text, wanted);
    }
    host_stop(&host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(twenty_thousand_requests_leave_no_growth),
        cmocka_unit_test(pipelined_replies_come_in_order),
        cmocka_unit_test(a_peer_that_does_not_read_is_held_back),
        cmocka_unit_test(large_bodies_come_back_whole),
        cmocka_unit_test(a_handler_may_end_the_connection),
    };
    return cmocka_run_group_tests_name("keepalive", tests, NULL, NULL);
}
