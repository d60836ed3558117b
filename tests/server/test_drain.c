/* The drain: what runs finishes, what idles is closed, the deadline cuts off the rest. */
#include "host.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
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
    catzilla_server_options_t options = CATZILLA_SERVER_OPTIONS_INIT;
    char requests[8 * (sizeof get_large - 1)];
    catzilla_drain_report_t report;
    size_t size;
    host_t host;
    (void)state;
    /* All that is asked for is answered before the drain, and more than the system takes. */
    options.max_output_bytes = 64u << 20;
    host_run(&host, &options);
    int half = connect_and_ask(&host);
    client_send(half, post_head, sizeof post_head - 1);
    int unread = connect_and_ask(&host);
    /* At once, so that none is left unread, for which the system would reset the connection. */
    for (int i = 0; i < 8; i++)
        memcpy(requests + (size_t)i * (sizeof get_large - 1), get_large, sizeof get_large - 1);
    client_send(unread, requests, sizeof requests);
    close(connect_and_ask(&host));
    catzilla_server_drain(host.server, 100);
    join(&host, &report);
    assert_int_equal(report.finished, 0);
    assert_int_equal(report.aborted, 2);
    /* What was sent and what was owed are whole replies: those that the server had begun. */
    char *sent = client_drain(unread, &size);
    const char *body = strstr(sent, "\r\n\r\n");
    assert_non_null(body);
    uint64_t reply = (uint64_t)(body + 4 - sent) + 1048576;
    assert_true(report.bytes_unsent > 0);
    assert_true(size > 0);
    assert_int_equal((size + report.bytes_unsent) % reply, 0);
    assert_in_range((size + report.bytes_unsent) / reply, 1, 8);
    free(sent);
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

/* One reply that is streamed, and one connection that was upgraded. */
static catzilla_response_t *open_ended[2];
static atomic_int told;

static int stream(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    catzilla_stream_t stream = CATZILLA_STREAM_INIT;
    (void)request;
    int rc = user_data == NULL
                 ? catzilla_response_stream(response, &stream)
                 : catzilla_response_upgrade(response, CATZILLA_SLICE("echo"), &stream);
    if (rc == 0)
        open_ended[user_data == NULL ? 0 : 1] = response;
    return rc;
}

static void end_streams(catzilla_server_t *server, catzilla_loop_t *loop, void *user_data)
{
    (void)server;
    assert_non_null(loop);
    assert_ptr_equal(user_data, open_ended);
    atomic_fetch_add(&told, 1);
    for (int i = 0; i < 2; i++) {
        if (open_ended[i] == NULL)
            continue;
        catzilla_response_write(open_ended[i], CATZILLA_SLICE("bye"));
        catzilla_response_end(open_ended[i]);
        open_ended[i] = NULL;
    }
}

static void owners_of_streams_are_told_and_end_them(void **state)
{
    static const char events[] = "GET /events HTTP/1.1\r\nHost: a\r\n\r\n";
    static const char upgrade[] = "GET /upgrade HTTP/1.1\r\nHost: a\r\nUpgrade: echo\r\n"
                                  "Connection: upgrade\r\n\r\n";
    catzilla_drain_report_t report;
    size_t size;
    char byte;
    host_t host;
    (void)state;
    atomic_store(&told, 0);
    host_create(&host, NULL);
    catzilla_server_t *server = host.server;
    assert_int_equal(catzilla_server_route(server, "GET", "/events", stream, NULL), 0);
    assert_int_equal(catzilla_server_route(server, "GET", "/upgrade", stream, &byte), 0);
    assert_int_equal(catzilla_server_on_drain(server, end_streams, open_ended), 0);
    host_start(&host);
    int streamed = client_connect(host.port), raw = client_connect(host.port);
    client_send(streamed, events, sizeof events - 1);
    client_send(raw, upgrade, sizeof upgrade - 1);
    client_receive(streamed, &byte, 1);
    client_receive(raw, &byte, 1);
    assert_int_equal(catzilla_server_on_drain(server, NULL, NULL), CATZILLA_ERR_STATE);
    catzilla_server_drain(server, 0);
    char *reply = client_drain(streamed, &size);
    assert_non_null(strstr(reply, "\r\n3\r\nbye\r\n0\r\n\r\n"));
    free(reply);
    reply = client_drain(raw, &size);
    assert_string_equal(reply + size - 3, "bye");
    free(reply);
    join(&host, &report);
    assert_int_equal(atomic_load(&told), 1);
    assert_int_equal(report.aborted, 0);
    close(streamed);
    close(raw);
}

static void every_loop_is_told_of_the_drain(void **state)
{
    catzilla_server_options_t options = CATZILLA_SERVER_OPTIONS_INIT;
    catzilla_drain_report_t report;
    host_t host;
    (void)state;
    atomic_store(&told, 0);
    options.workers = 3;
    host_create(&host, &options);
    assert_int_equal(catzilla_server_on_drain(host.server, end_streams, open_ended), 0);
    host_start(&host);
    catzilla_server_drain(host.server, 0);
    catzilla_server_drain(host.server, 0);
    join(&host, &report);
    assert_int_equal(atomic_load(&told), 3);
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
        cmocka_unit_test(owners_of_streams_are_told_and_end_them),
        cmocka_unit_test(every_loop_is_told_of_the_drain),
        cmocka_unit_test(a_drain_before_run_ends_it),
    };
    return cmocka_run_group_tests_name("drain", tests, NULL, NULL);
}
