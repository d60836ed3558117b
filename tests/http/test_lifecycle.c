/* Servers come and go: in turn, at once, stopped early, on a port that is taken. */
#include "host.h"

#include <dirent.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static const char get[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

static void expect_hello(uint16_t port)
{
    size_t size;
    char *reply = client_exchange(port, get, sizeof get - 1, 0, &size);
    assert_non_null(strstr(reply, "200 OK"));
    assert_non_null(strstr(reply, "Hello, World!"));
    free(reply);
}

static size_t descriptors(void)
{
    size_t count = 0;
    DIR *folder = opendir("/proc/self/fd");
    assert_non_null(folder);
    while (readdir(folder) != NULL)
        count++;
    closedir(folder);
    return count;
}

static size_t general_bytes(void)
{
    size_t live = 0;
    catzilla_memory_get_arena_stats(CATZILLA_MEMORY_GENERAL, &live, NULL);
    return live;
}

static void two_hundred_servers_start_and_stop(void **state)
{
    catzilla_memory_stats_t before, after;
    size_t open_before = 0, general_before = 0;
    (void)state;
    for (int i = 0; i < 200; i++) {
        host_t host;
        host_run(&host, NULL);
        if (i % 10 == 0)
            expect_hello(host.port);
        host_stop(&host);
        if (i != 9)
            continue;
        catzilla_memory_get_stats(&before);
        open_before = descriptors();
        general_before = general_bytes();
    }
    assert_int_equal(descriptors(), open_before);
    assert_int_equal(general_bytes(), general_before);
    catzilla_memory_get_stats(&after);
    assert_int_equal(after.request_arena, before.request_arena);
    assert_int_equal(after.request_arena_usage, before.request_arena_usage);
    assert_int_equal(after.response_arena_usage, before.response_arena_usage);
    assert_int_equal(after.static_arena_usage, before.static_arena_usage);
}

static void eight_servers_at_once_share_nothing(void **state)
{
    host_t hosts[8];
    (void)state;
    for (size_t i = 0; i < 8; i++)
        host_run(&hosts[i], NULL);
    for (size_t i = 0; i < 8; i++)
        for (size_t j = 0; j < i; j++)
            assert_int_not_equal(hosts[i].port, hosts[j].port);
    for (size_t i = 0; i < 8; i += 2)
        host_stop(&hosts[i]);
    for (size_t i = 1; i < 8; i += 2) {
        expect_hello(hosts[i].port);
        host_stop(&hosts[i]);
    }
}

static void a_taken_port_is_an_error(void **state)
{
    catzilla_server_options_t options = CATZILLA_SERVER_OPTIONS_INIT;
    catzilla_server_t *second;
    uint16_t port;
    host_t first;
    (void)state;
    host_run(&first, NULL);
    options.port = first.port;
    assert_int_equal(catzilla_server_create(&options, &second), 0);
    assert_int_equal(catzilla_server_listen(second), CATZILLA_ERR_ADDRESS_IN_USE);
    assert_int_equal(catzilla_server_run(second), CATZILLA_ERR_ADDRESS_IN_USE);
    assert_int_equal(catzilla_server_port(second, &port), CATZILLA_ERR_STATE);
    assert_int_equal(port, 0);
    expect_hello(first.port);
    host_stop(&first);
    assert_int_equal(catzilla_server_listen(second), 0);
    catzilla_server_destroy(second);
}

static void hosts_that_are_no_address_are_refused(void **state)
{
    static const char *const host[] = {"localhost", "256.0.0.1", "", "203.0.113.1"};
    (void)state;
    for (size_t i = 0; i < sizeof host / sizeof *host; i++) {
        catzilla_server_options_t options = CATZILLA_SERVER_OPTIONS_INIT;
        catzilla_server_t *server;
        options.host = host[i];
        assert_int_equal(catzilla_server_create(&options, &server), 0);
        if (catzilla_server_listen(server) != CATZILLA_ERR_ADDRESS)
            fail_msg("host \"%s\" was accepted", host[i]);
        catzilla_server_destroy(server);
    }
}

static void a_stop_before_run_makes_it_return(void **state)
{
    catzilla_server_t *server;
    (void)state;
    assert_int_equal(catzilla_server_create(NULL, &server), 0);
    assert_int_equal(catzilla_server_stop(server), 0);
    assert_int_equal(catzilla_server_stop(server), 0);
    assert_int_equal(catzilla_server_run(server), 0);
    assert_int_equal(catzilla_server_run(server), CATZILLA_ERR_STATE);
    assert_int_equal(catzilla_server_stop(server), 0);
    catzilla_server_destroy(server);
}

static void a_server_that_never_ran_is_destroyed(void **state)
{
    catzilla_server_t *server;
    (void)state;
    catzilla_server_destroy(NULL);
    assert_int_equal(catzilla_server_create(NULL, &server), 0);
    catzilla_server_destroy(server);
    assert_int_equal(catzilla_server_create(NULL, &server), 0);
    assert_int_equal(catzilla_server_listen(server), 0);
    assert_int_equal(catzilla_server_listen(server), CATZILLA_ERR_STATE);
    catzilla_server_destroy(server);
}

static void on_signal(catzilla_server_t *server, int signum, void *user_data)
{
    *(int *)user_data = signum;
    catzilla_server_stop(server);
}

static void a_watched_signal_reaches_the_server(void **state)
{
    int seen = 0;
    host_t host;
    (void)state;
    host_create(&host, NULL);
    assert_int_equal(catzilla_server_watch_signal(host.server, SIGUSR1, on_signal, &seen), 0);
    assert_int_equal(catzilla_server_watch_signal(host.server, SIGKILL, NULL, NULL),
                     CATZILLA_ERR_INVALID);
    host_start(&host);
    expect_hello(host.port);
    kill(getpid(), SIGUSR1);
    host_join(&host);
    assert_int_equal(seen, SIGUSR1);
}

static int tell_loop(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    (void)response;
    *(catzilla_loop_t **)user_data = catzilla_loop_of(request);
    return 0;
}

static void never_called(void *user_data)
{
    (void)user_data;
    abort();
}

static void a_loop_that_has_ended_refuses_calls(void **state)
{
    static const char ask[] = "GET /loop HTTP/1.1\r\nHost: a\r\n\r\n";
    catzilla_loop_t *loop = NULL;
    host_t host;
    size_t size;
    (void)state;
    host_create(&host, NULL);
    assert_int_equal(catzilla_server_route(host.server, "GET", "/loop", tell_loop, &loop), 0);
    assert_int_equal(catzilla_server_listen(host.server), 0);
    assert_int_equal(catzilla_server_port(host.server, &host.port), 0);
    assert_int_equal(catzilla_server_start(host.server), 0);
    free(client_exchange(host.port, ask, sizeof ask - 1, 0, &size));
    assert_int_equal(catzilla_server_stop(host.server), 0);
    assert_int_equal(catzilla_server_join(host.server), 0);
    assert_non_null(loop);
    assert_int_equal(catzilla_loop_post(loop, never_called, NULL), CATZILLA_ERR_STATE);
    catzilla_server_destroy(host.server);
}

static void newer_or_contradicting_options_are_refused(void **state)
{
    catzilla_server_options_t options = CATZILLA_SERVER_OPTIONS_INIT;
    catzilla_server_t *server = (catzilla_server_t *)&options;
    (void)state;
    options.size = sizeof options + 8;
    assert_int_equal(catzilla_server_create(&options, &server), CATZILLA_ERR_INVALID);
    assert_null(server);
    options.size = 0;
    assert_int_equal(catzilla_server_create(&options, &server), CATZILLA_ERR_INVALID);
    options.size = sizeof options;
    options.max_headers = 1u << 20;
    assert_int_equal(catzilla_server_create(&options, &server), CATZILLA_ERR_INVALID);
    options.max_headers = 0;
    options.max_request_memory = (2u << 30) + 1u;
    assert_int_equal(catzilla_server_create(&options, &server), CATZILLA_ERR_INVALID);
    options.max_request_memory = SIZE_MAX;
    assert_int_equal(catzilla_server_create(&options, &server), CATZILLA_ERR_INVALID);
    /* A body that is not kept may have any length. */
    options.max_request_memory = 2u << 30;
    options.max_body_bytes = SIZE_MAX;
    assert_int_equal(catzilla_server_create(&options, &server), 0);
    catzilla_server_destroy(server);
}

static void older_options_take_the_defaults(void **state)
{
    catzilla_server_options_t options = CATZILLA_SERVER_OPTIONS_INIT;
    host_t host;
    (void)state;
    options.size = offsetof(catzilla_server_options_t, max_body_bytes);
    host_run(&host, &options);
    expect_hello(host.port);
    host_stop(&host);
}

static void connections_open_at_stop_are_closed(void **state)
{
    host_t host;
    char byte;
    (void)state;
    host_run(&host, NULL);
    int idle = client_connect(host.port);
    int partial = client_connect(host.port);
    client_send(partial, get, 9);
    expect_hello(host.port);
    host_stop(&host);
    assert_true(recv(idle, &byte, 1, 0) <= 0);
    assert_true(recv(partial, &byte, 1, 0) <= 0);
    close(idle);
    close(partial);
}

static void class_memory_for_libuv_comes_first_or_never(void **state)
{
    (void)state;
    assert_int_equal(catzilla_server_use_class_memory(), CATZILLA_ERR_STATE);
    assert_non_null(catzilla_server_libuv_version());
    assert_non_null(strchr(catzilla_server_llhttp_version(), '.'));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_hundred_servers_start_and_stop),
        cmocka_unit_test(eight_servers_at_once_share_nothing),
        cmocka_unit_test(a_taken_port_is_an_error),
        cmocka_unit_test(hosts_that_are_no_address_are_refused),
        cmocka_unit_test(a_stop_before_run_makes_it_return),
        cmocka_unit_test(a_server_that_never_ran_is_destroyed),
        cmocka_unit_test(a_watched_signal_reaches_the_server),
        cmocka_unit_test(a_loop_that_has_ended_refuses_calls),
        cmocka_unit_test(newer_or_contradicting_options_are_refused),
        cmocka_unit_test(older_options_take_the_defaults),
        cmocka_unit_test(connections_open_at_stop_are_closed),
        cmocka_unit_test(class_memory_for_libuv_comes_first_or_never),
    };
    return cmocka_run_group_tests_name("lifecycle", tests, NULL, NULL);
}
