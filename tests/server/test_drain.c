/* The drain: what runs finishes, what idles is closed, the deadline cuts off the rest. */
#include "host.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static const char get[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
static const char post_head[] = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n";
static const char get_large[] = "GET /bytes/1048576 HTTP/1.1\r\nHost: a\r\n\r\n";

/* Waits for the end and destroys; writes the report to `report`. */
static void join(host_t *host, catzilla_drain_report_t *report)
{
    const catzilla_drain_report_t initial = CATZILLA_DRAIN_REPORT_INIT;
    void *failed = NULL;
    assert_int_equal(pthread_join((pthread_t)host->thread, &failed), 0);
    assert_null(failed);
    *report = initial;
    assert_int_equal(catzilla_server_drain_report(host->server, report), 0);
    catzilla_server_destroy(host->server);
}

static void ask(int fd)
{
    char reply[2048];
    size_t used = 0;
    client_send(fd, get, sizeof get - 1);
    do {
        client_receive(fd, reply + used++, 1);
        reply[used] = '\0';
    } while (strstr(reply, "Hello, World!") == NULL);
}

/* Exchanges one request, so that the connection is known to have been accepted. */
static int connect_and_ask(const host_t *host)
{
    int fd = client_connect(host->port);
    ask(fd);
    return fd;
}

static void expect_end(int fd)
{
    char byte;
    assert_int_equal(recv(fd, &byte, 1, 0), 0);
    close(fd);
}

static void idle_connections_are_closed_at_once(void **state)
{
    catzilla_drain_report_t report;
    host_t host;
    int fds[10];
    (void)state;
    host_run(&host, NULL);
    for (int i = 0; i < 10; i++)
        fds[i] = connect_and_ask(&host);
    catzilla_server_drain(host.server, 0);
    join(&host, &report);
    assert_int_equal(report.finished, 0);
    assert_int_equal(report.aborted, 0);
    assert_int_equal(report.bytes_unsent, 0);
    for (int i = 0; i < 10; i++)
        expect_end(fds[i]);
}

static void a_request_that_is_being_sent_gets_its_reply(void **state)
{
    catzilla_drain_report_t report;
    size_t size;
    host_t host;
    (void)state;
    host_run(&host, NULL);
    int fd = connect_and_ask(&host);
    client_send(fd, post_head, sizeof post_head - 1);
    close(connect_and_ask(&host)); /* the loop has seen the head by now */
    catzilla_server_drain(host.server, 60000);
    client_send(fd, "body", 4);
    char *reply = client_drain(fd, &size);
    assert_non_null(strstr(reply, "200 OK"));
    assert_non_null(strstr(reply, "Connection: close"));
    assert_string_equal(reply + size - 4, "body");
    free(reply);
    join(&host, &report);
    assert_int_equal(report.finished, 1);
    assert_int_equal(report.aborted, 0);
    close(fd);
}

static void who_waits_to_be_accepted_is_served(void **state)
{
    catzilla_drain_report_t report;
    int fds[20];
    size_t size;
    host_t host;
    (void)state;
    host_create(&host, NULL);
    assert_int_equal(catzilla_server_listen(host.server), 0);
    assert_int_equal(catzilla_server_port(host.server, &host.port), 0);
    for (int i = 0; i < 20; i++) {
        fds[i] = client_connect(host.port);
        /* Half of them have sent nothing yet. */
        if (i % 2 == 0)
            client_send(fds[i], get, sizeof get - 1);
    }
    catzilla_server_drain(host.server, 60000);
    host_serve(&host);
    for (int i = 0; i < 20; i++) {
        if (i % 2 == 1)
            client_send(fds[i], get, sizeof get - 1);
        char *reply = client_drain(fds[i], &size);
        assert_non_null(strstr(reply, "Hello, World!"));
        free(reply);
        close(fds[i]);
    }
    join(&host, &report);
    assert_int_equal(report.finished, 20);
}

/* The first of them is held by the loop, the others by the system. */
static void who_waits_at_the_limit_is_served_too(void **state)
{
    catzilla_server_options_t options = CATZILLA_SERVER_OPTIONS_INIT;
    catzilla_drain_report_t report;
    int fds[5];
    char byte;
    size_t size;
    host_t host;
    (void)state;
    options.max_connections = 1;
    host_run(&host, &options);
    int admitted = connect_and_ask(&host);
    for (int i = 0; i < 5; i++) {
        fds[i] = client_connect(host.port);
        client_send(fds[i], get, sizeof get - 1);
    }
    /* When these two are answered the loop has come by its listener, and admitted nobody. */
    ask(admitted);
    ask(admitted);
    for (int i = 0; i < 5; i++)
        assert_int_equal(recv(fds[i], &byte, 1, MSG_DONTWAIT), -1);
    catzilla_server_drain(host.server, 60000);
    for (int i = 0; i < 5; i++) {
        char *reply = client_drain(fds[i], &size);
        assert_non_null(strstr(reply, "Hello, World!"));
        free(reply);
        close(fds[i]);
    }
    join(&host, &report);
    assert_int_equal(report.finished, 5);
    close(admitted);
}

static void the_deadline_cuts_off_what_is_left(void **state)
{
    catzilla_drain_report_t report;
    host_t host;
    (void)state;
    host_run(&host, NULL);
    int half = connect_and_ask(&host);
    client_send(half, post_head, sizeof post_head - 1);
    int unread = connect_and_ask(&host);
    for (int i = 0; i < 8; i++)
        client_send(unread, get_large, sizeof get_large - 1);
    close(connect_and_ask(&host));
    catzilla_server_drain(host.server, 100);
    join(&host, &report);
    assert_int_equal(report.finished, 0);
    assert_int_equal(report.aborted, 2);
    assert_true(report.bytes_unsent > 0);
    assert_int_equal(report.live_bytes[CATZILLA_MEMORY_REQUEST], 0);
    assert_int_equal(report.live_bytes[CATZILLA_MEMORY_RESPONSE], 0);
    assert_true(report.live_bytes[CATZILLA_MEMORY_GENERAL] > 0);
    close(half);
    close(unread);
}

static void a_stop_ends_the_drain(void **state)
{
    catzilla_drain_report_t report;
    host_t host;
    (void)state;
    host_run(&host, NULL);
    int fd = connect_and_ask(&host);
    client_send(fd, post_head, sizeof post_head - 1);
    close(connect_and_ask(&host));
    catzilla_server_drain(host.server, 0);
    catzilla_server_drain(host.server, 1);
    catzilla_server_stop(host.server);
    join(&host, &report);
    assert_int_equal(report.aborted, 1);
    close(fd);
}

static void every_worker_drains(void **state)
{
    catzilla_server_options_t options = CATZILLA_SERVER_OPTIONS_INIT;
    catzilla_drain_report_t report;
    size_t size;
    int fds[32];
    host_t host;
    (void)state;
    options.workers = 4;
    host_run(&host, &options);
    for (int i = 0; i < 32; i++) {
        fds[i] = connect_and_ask(&host);
        if (i % 2 == 0)
            client_send(fds[i], get_large, sizeof get_large - 1);
    }
    catzilla_server_drain(host.server, 60000);
    for (int i = 0; i < 32; i++) {
        char *reply = client_drain(fds[i], &size);
        assert_true(i % 2 == 0 ? size > 1048576 : size == 0);
        free(reply);
        close(fds[i]);
    }
    join(&host, &report);
    assert_int_equal(report.aborted, 0);
    assert_in_range(report.finished, 0, 16);
}

static void a_drain_before_run_ends_it(void **state)
{
    catzilla_drain_report_t report = CATZILLA_DRAIN_REPORT_INIT;
    catzilla_server_t *server;
    (void)state;
    assert_int_equal(catzilla_server_create(NULL, &server), 0);
    assert_int_equal(catzilla_server_drain_report(server, &report), CATZILLA_ERR_STATE);
    assert_int_equal(catzilla_server_drain(server, 0), 0);
    assert_int_equal(catzilla_server_run(server), 0);
    assert_int_equal(catzilla_server_drain_report(server, &report), 0);
    report.size = sizeof report + 8;
    assert_int_equal(catzilla_server_drain_report(server, &report), CATZILLA_ERR_INVALID);
    catzilla_server_destroy(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(idle_connections_are_closed_at_once),
        cmocka_unit_test(a_request_that_is_being_sent_gets_its_reply),
        cmocka_unit_test(who_waits_to_be_accepted_is_served),
        cmocka_unit_test(who_waits_at_the_limit_is_served_too),
        cmocka_unit_test(the_deadline_cuts_off_what_is_left),
        cmocka_unit_test(a_stop_ends_the_drain),
        cmocka_unit_test(every_worker_drains),
        cmocka_unit_test(a_drain_before_run_ends_it),
    };
    return cmocka_run_group_tests_name("drain", tests, NULL, NULL);
}
