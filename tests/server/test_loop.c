/* Servers in a loop of the caller's, beside the caller's own handles. */
#include "host.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <uv.h>

#include <cmocka.h>

static const char get[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

static int hello(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    (void)request;
    (void)user_data;
    return catzilla_response_body(response, CATZILLA_SLICE("Hello, World!"));
}

static void count_end(catzilla_server_t *server, void *user_data)
{
    (void)server;
    ++*(int *)user_data;
}

static void destroy_at_end(catzilla_server_t *server, void *user_data)
{
    ++*(int *)user_data;
    catzilla_server_destroy(server);
}

static catzilla_server_t *create(uv_loop_t *loop, void (*on_end)(catzilla_server_t *, void *),
                                 int *ends)
{
    catzilla_server_t *server;
    assert_int_equal(catzilla_server_create_in_loop(NULL, loop, on_end, ends, &server), 0);
    assert_int_equal(catzilla_server_route(server, "GET", "/", hello, NULL), 0);
    return server;
}

static uint16_t start(catzilla_server_t *server)
{
    uint16_t port;
    assert_int_equal(catzilla_server_start(server), 0);
    assert_int_equal(catzilla_server_port(server, &port), 0);
    return port;
}

/* Asks both servers and ends one by a drain, the other by a stop, from another thread. */
typedef struct visitor {
    catzilla_server_t *servers[2];
    uint16_t ports[2];
} visitor_t;

static void *visit(void *data)
{
    const visitor_t *visitor = data;
    for (int i = 0; i < 20; i++) {
        size_t size;
        char *reply = client_exchange(visitor->ports[i % 2], get, sizeof get - 1, 0, &size);
        assert_non_null(strstr(reply, "Hello, World!"));
        free(reply);
    }
    catzilla_server_drain(visitor->servers[0], 0);
    catzilla_server_stop(visitor->servers[1]);
    return NULL;
}

static void two_servers_share_a_loop_with_its_owner(void **state)
{
    catzilla_drain_report_t report = CATZILLA_DRAIN_REPORT_INIT;
    visitor_t visitor;
    pthread_t thread;
    uv_loop_t loop;
    int ends[2] = {0, 0};
    (void)state;
    uv_loop_init(&loop);
    for (int i = 0; i < 2; i++) {
        visitor.servers[i] = create(&loop, count_end, &ends[i]);
        visitor.ports[i] = start(visitor.servers[i]);
        assert_int_equal(catzilla_server_run(visitor.servers[i]), CATZILLA_ERR_STATE);
        assert_int_equal(catzilla_server_join(visitor.servers[i]), CATZILLA_ERR_STATE);
    }
    assert_int_equal(pthread_create(&thread, NULL, visit, &visitor), 0);
    uv_run(&loop, UV_RUN_DEFAULT);
    pthread_join(thread, NULL);
    assert_int_equal(ends[0], 1);
    assert_int_equal(ends[1], 1);
    assert_int_equal(catzilla_server_drain_report(visitor.servers[0], &report), 0);
    assert_int_equal(report.aborted, 0);
    catzilla_server_destroy(visitor.servers[0]);
    catzilla_server_destroy(visitor.servers[1]);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static void the_callback_may_destroy(void **state)
{
    uv_loop_t loop;
    int ends = 0;
    (void)state;
    uv_loop_init(&loop);
    catzilla_server_t *server = create(&loop, destroy_at_end, &ends);
    start(server);
    catzilla_server_stop(server);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(ends, 1);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static void destroy_may_come_first(void **state)
{
    (void)state;
    for (int started = 0; started < 2; started++) {
        uv_loop_t loop;
        int ends = 0, fd = -1;
        uv_loop_init(&loop);
        catzilla_server_t *server = create(&loop, destroy_at_end, &ends);
        if (started) {
            fd = client_connect(start(server));
            client_send(fd, get, 10);
            uv_run(&loop, UV_RUN_ONCE);
        }
        catzilla_server_destroy(server);
        assert_int_equal(ends, 0);
        uv_run(&loop, UV_RUN_DEFAULT);
        assert_int_equal(ends, 1);
        assert_int_equal(uv_loop_close(&loop), 0);
        if (fd >= 0)
            close(fd);
    }
}

static void on_timer(uv_timer_t *timer)
{
    ++*(int *)timer->data;
}

static void the_loop_goes_on_without_the_server(void **state)
{
    uv_timer_t timer;
    uv_loop_t loop;
    int ends = 0, ticks = 0;
    (void)state;
    uv_loop_init(&loop);
    uv_timer_init(&loop, &timer);
    timer.data = &ticks;
    for (int i = 0; i < 3; i++) {
        catzilla_server_t *server = create(&loop, destroy_at_end, &ends);
        start(server);
        catzilla_server_stop(server);
        uv_timer_start(&timer, on_timer, 20, 0);
        uv_run(&loop, UV_RUN_DEFAULT);
        assert_int_equal(ticks, i + 1);
        assert_int_equal(ends, i + 1);
    }
    uv_close((uv_handle_t *)&timer, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

/* A stream that a handle of the caller's writes to and gives up behind the server's own. */
typedef struct giver {
    uv_check_t check;
    catzilla_response_t *response;
    int turns;
} giver_t;

static int stream(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    catzilla_stream_t stream = CATZILLA_STREAM_INIT;
    giver_t *giver = user_data;
    (void)request;
    int rc = catzilla_response_stream(response, &stream);
    if (rc == 0)
        giver->response = response;
    return rc;
}

/* Lets the server fall idle first, so that its next tick gives back what it has no use for. */
static void give_up(uv_check_t *check)
{
    giver_t *giver = check->data;
    if (giver->response == NULL || giver->turns++ < 20)
        return;
    catzilla_response_write(giver->response, CATZILLA_SLICE("x"));
    catzilla_response_abort(giver->response);
    giver->response = NULL;
    uv_check_stop(check);
    usleep(50000);
}

static void a_stream_may_be_given_up_in_any_phase_of_the_loop(void **state)
{
    static const char ask[] = "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n";
    catzilla_server_options_t options = CATZILLA_SERVER_OPTIONS_INIT;
    giver_t giver = {.response = NULL};
    catzilla_server_t *server;
    uv_loop_t loop;
    int ends = 0;
    (void)state;
    uv_loop_init(&loop);
    uv_check_init(&loop, &giver.check);
    giver.check.data = &giver;
    uv_check_start(&giver.check, give_up);
    options.header_timeout_ms = 40; /* makes for a tick every ten milliseconds */
    assert_int_equal(
        catzilla_server_create_in_loop(&options, &loop, destroy_at_end, &ends, &server), 0);
    assert_int_equal(catzilla_server_route(server, "GET", "/stream", stream, &giver), 0);
    int fd = client_connect(start(server));
    client_send(fd, ask, sizeof ask - 1);
    while (giver.turns <= 20)
        uv_run(&loop, UV_RUN_ONCE);
    for (int i = 0; i < 5; i++)
        uv_run(&loop, UV_RUN_NOWAIT);
    close(fd);
    uv_close((uv_handle_t *)&giver.check, NULL);
    catzilla_server_stop(server);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(ends, 1);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static int heard;

static void count_signal(catzilla_server_t *server, int signum, void *user_data)
{
    int *count = user_data;
    assert_int_equal(signum, SIGUSR1);
    if (++*count == 2)
        catzilla_server_drain(server, 0);
    else if (++heard == 2)
        raise(signum); /* both have heard the first one */
}

/* Two servers of one loop each get their call, and the end of one leaves the other its watch. */
static void signals_are_watched_in_the_caller_s_loop(void **state)
{
    catzilla_server_t *servers[2];
    uv_loop_t loop;
    int ends = 0, counts[2] = {0, 0};
    (void)state;
    uv_loop_init(&loop);
    for (int i = 0; i < 2; i++) {
        servers[i] = create(&loop, destroy_at_end, &ends);
        assert_int_equal(
            catzilla_server_watch_signal(servers[i], SIGUSR1, count_signal, &counts[i]), 0);
        assert_int_equal(catzilla_server_watch_signal(servers[i], SIGUSR2, NULL, NULL), 0);
        assert_int_equal(catzilla_server_watch_signal(servers[i], SIGKILL, NULL, NULL),
                         CATZILLA_ERR_INVALID);
        start(servers[i]);
    }
    raise(SIGUSR1);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(ends, 2);
    assert_int_equal(counts[0], 2);
    assert_int_equal(counts[1], 2);
    /* No callback stops. */
    catzilla_server_t *server = create(&loop, destroy_at_end, &ends);
    assert_int_equal(catzilla_server_watch_signal(server, SIGUSR2, NULL, NULL), 0);
    start(server);
    raise(SIGUSR2);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(ends, 3);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static catzilla_server_t *told_of;

static void destroy_when_told(int level, const char *message, void *user_data)
{
    (void)level;
    (void)user_data;
    assert_non_null(strstr(message, "accept failed"));
    catzilla_server_destroy(told_of);
}

/* The listener is about to wait for a descriptor when it is closed. */
static void who_is_told_that_nobody_is_accepted_may_destroy(void **state)
{
    catzilla_server_options_t options = CATZILLA_SERVER_OPTIONS_INIT;
    struct rlimit before;
    uv_loop_t loop;
    int ends = 0;
    (void)state;
    options.log = destroy_when_told;
    options.log_level = CATZILLA_LOG_ERROR;
    uv_loop_init(&loop);
    assert_int_equal(catzilla_server_create_in_loop(&options, &loop, count_end, &ends, &told_of),
                     0);
    int fd = client_connect(start(told_of));
    int lowest = dup(0);
    assert_true(lowest >= 0);
    close(lowest);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    struct rlimit limit = {(rlim_t)lowest, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    close(fd);
    assert_int_equal(ends, 1);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static void no_loop_and_several_workers_are_refused(void **state)
{
    catzilla_server_options_t options = CATZILLA_SERVER_OPTIONS_INIT;
    catzilla_server_t *server;
    uv_loop_t loop;
    (void)state;
    uv_loop_init(&loop);
    options.workers = 2;
    assert_int_equal(catzilla_server_create_in_loop(&options, &loop, NULL, NULL, &server),
                     CATZILLA_ERR_INVALID);
    assert_null(server);
    assert_int_equal(catzilla_server_create_in_loop(NULL, NULL, NULL, NULL, &server),
                     CATZILLA_ERR_INVALID);
    assert_null(server);
    assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_servers_share_a_loop_with_its_owner),
        cmocka_unit_test(the_callback_may_destroy),
        cmocka_unit_test(destroy_may_come_first),
        cmocka_unit_test(the_loop_goes_on_without_the_server),
        cmocka_unit_test(a_stream_may_be_given_up_in_any_phase_of_the_loop),
        cmocka_unit_test(signals_are_watched_in_the_caller_s_loop),
        cmocka_unit_test(who_is_told_that_nobody_is_accepted_may_destroy),
        cmocka_unit_test(no_loop_and_several_workers_are_refused),
    };
    signal(SIGPIPE, SIG_IGN); /* as whoever lends a loop must */
    return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
