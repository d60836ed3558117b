/* A loop that a handler has held up: what its peers sent meanwhile is in time. */
#include "routes.h"
#include "stepped.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define HEAD "GET /users/7 HTTP/1.1\r\nHost: a\r\n"

/* As long as several ticks and past every deadline. */
static void hold_up(void)
{
    struct timespec pause = {0, 600 * 1000000L};
    nanosleep(&pause, NULL);
}

static void end_a_head(uint16_t port, void *data)
{
    char reply[4096];
    (void)data;
    int fd = stepped_connect(port);
    assert_true(stepped_send(fd, HEAD, sizeof HEAD - 1));
    stepped_turns(8);
    assert_int_equal(send(fd, "\r\n", 2, 0), 2);
    hold_up();
    size_t got = stepped_receive(fd, reply, sizeof reply - 1, 17);
    close(fd);
    assert_true(got >= 17);
    assert_memory_equal(reply, "HTTP/1.1 200 OK\r\n", 17);
}

static void end_no_head(uint16_t port, void *data)
{
    char reply[4096];
    (void)data;
    int fd = stepped_connect(port);
    assert_true(stepped_send(fd, HEAD, sizeof HEAD - 1));
    stepped_turns(8);
    hold_up();
    size_t got = stepped_drain(fd, reply, sizeof reply - 1);
    close(fd);
    assert_true(got >= 12);
    assert_memory_equal(reply, "HTTP/1.1 408", 12);
}

/* A handler that takes as long as several ticks, time after time. */
static int dawdle(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    (void)request;
    (void)user_data;
    hold_up();
    return catzilla_response_body(response, CATZILLA_SLICE("slow"));
}

static void end_no_head_beside_slow_ones(uint16_t port, void *data)
{
    static const char slow[] = "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n";
    char reply[4096];
    (void)data;
    int fd = stepped_connect(port);
    int other = stepped_connect(port);
    assert_true(stepped_send(fd, HEAD, sizeof HEAD - 1));
    ssize_t got = -1;
    for (int i = 0; i < 8 && got < 0; i++) {
        assert_true(stepped_send(other, slow, sizeof slow - 1));
        assert_true(stepped_receive(other, reply, sizeof reply, 17) >= 17);
        got = recv(fd, reply, sizeof reply, MSG_DONTWAIT);
    }
    close(other);
    close(fd);
    assert_true(got >= 12);
    assert_memory_equal(reply, "HTTP/1.1 408", 12);
}

static void serve(uint32_t header_ms, uint32_t total_ms, void (*script)(uint16_t port, void *data))
{
    catzilla_server_options_t options = CATZILLA_SERVER_OPTIONS_INIT;
    options.header_timeout_ms = header_ms;
    options.total_timeout_ms = total_ms;
    catzilla_server_t *server = routes_server(&options);
    assert_int_equal(catzilla_server_route(server, "GET", "/slow", dawdle, NULL), 0);
    routes_run(server, script, NULL);
}

static void a_head_that_waits_in_the_socket_is_in_time(void **state)
{
    (void)state;
    serve(200, 0, end_a_head);
    serve(0, 200, end_a_head);
}

static void a_head_that_does_not_is_late(void **state)
{
    (void)state;
    serve(200, 0, end_no_head);
    serve(0, 200, end_no_head);
}

static void a_loop_that_is_held_up_all_the_time_keeps_its_deadlines(void **state)
{
    (void)state;
    serve(200, 0, end_no_head_beside_slow_ones);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_head_that_waits_in_the_socket_is_in_time),
        cmocka_unit_test(a_head_that_does_not_is_late),
        cmocka_unit_test(a_loop_that_is_held_up_all_the_time_keeps_its_deadlines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
