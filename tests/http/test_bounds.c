/* What a peer may cost in time and memory before it is told to go. */
#include "host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define WINDOW_MS 120u

static const char get[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* What the server says and after how long, to a peer that says `text` and then waits. */
static uint64_t wait_for_end(uint16_t port, const char *text, char *status)
{
    size_t size;
    uint64_t began = now_ms();
    int fd = client_connect(port);
    client_send(fd, text, strlen(text));
    char *reply = client_drain(fd, &size);
    memcpy(status, "none", 5);
    if (size > 12) {
        memcpy(status, reply + 9, 3);
        status[3] = '\0';
    }
    free(reply);
    close(fd);
    return now_ms() - began;
}

static void expect_end(host_t *host, const char *text, const char *wanted)
{
    char status[8];
    uint64_t took = wait_for_end(host->port, text, status);
    assert_string_equal(status, wanted);
    /* The server's clock counts whole milliseconds. */
    if (took + 1 < WINDOW_MS)
        fail_msg("ended after %u ms", (unsigned)took);
}

static void an_unfinished_head_gets_408(void **state)
{
    catzilla_server_options_t options = CATZILLA_SERVER_OPTIONS_INIT;
    host_t host;
    (void)state;
    options.header_timeout_ms = WINDOW_MS;
    host_run(&host, &options);
    expect_end(&host, "GET / HTTP/1.1\r\nHos", "408");
    expect_end(&host, "G", "408");
    host_stop(&host);
}

static void an_unfinished_body_gets_408(void **state)
{
    catzilla_server_options_t options = CATZILLA_SERVER_OPTIONS_INIT;
    host_t host;
    (void)state;
    options.body_timeout_ms = WINDOW_MS;
    host_run(&host, &options);
    expect_end(&host, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc", "408");
    expect_end(&host, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n",
               "408");
    host_stop(&host);
}

static void an_idle_connection_is_closed(void **state)
{
    catzilla_server_options_t options = CATZILLA_SERVER_OPTIONS_INIT;
    host_t host;
    (void)state;
    options.idle_timeout_ms = WINDOW_MS;
    host_run(&host, &options);
    expect_end(&host, "", "none");
    expect_end(&host, get, "200");
    host_stop(&host);
}

#define POST "POST /echo HTTP/1.1\r\nHost: a\r\n"

/* Sends a byte behind the head every few milliseconds, until the server says something. */
static void drip(uint16_t port, const char *head, const char *byte, uint64_t most_ms, char *status)
{
    struct timeval short_wait = {0, 10000};
    uint64_t began = now_ms();
    char reply[512];
    int fd = client_connect(port);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &short_wait, sizeof short_wait);
    client_send(fd, head, strlen(head));
    ssize_t got = -1;
    for (int i = 0; i < 999 && got <= 0 && now_ms() - began < most_ms; i++) {
        client_send(fd, byte, 1);
        got = recv(fd, reply, sizeof reply, 0);
    }
    memcpy(status, "none", 5);
    if (got > 12) {
        memcpy(status, reply + 9, 3);
        status[3] = '\0';
    }
    close(fd);
}

static void a_body_slower_than_its_rate_gets_408(void **state)
{
    catzilla_server_options_t options = CATZILLA_SERVER_OPTIONS_INIT;
    char status[8];
    host_t host;
    (void)state;
    options.body_timeout_ms = WINDOW_MS;
    options.min_rate = 100000;
    host_run(&host, &options);
    drip(host.port, POST "Content-Length: 1000\r\n\r\n", "x", 100 * WINDOW_MS, status);
    assert_string_equal(status, "408");
    host_stop(&host);
    /* A window long enough for a byte to come in it whatever else the machine does. */
    options.body_timeout_ms = 5 * WINDOW_MS;
    options.min_rate = 0;
    host_run(&host, &options);
    drip(host.port, POST "Content-Length: 1000\r\n\r\n", "x", 12 * WINDOW_MS, status);
    assert_string_equal(status, "none");
    host_stop(&host);
}

static void what_frames_a_body_does_not_move_it_on(void **state)
{
    static const char *const heads[] = {POST "Transfer-Encoding: chunked\r\n\r\n",
                                        POST "Transfer-Encoding: chunked\r\n\r\n2;",
                                        POST "Transfer-Encoding: chunked\r\n\r\n0\r\nX:"};
    catzilla_server_options_t options = CATZILLA_SERVER_OPTIONS_INIT;
    char status[8];
    host_t host;
    (void)state;
    options.body_timeout_ms = WINDOW_MS;
    host_run(&host, &options);
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        drip(host.port, heads[i], "0", 60 * WINDOW_MS, status);
        assert_string_equal(status, "408");
    }
    host_stop(&host);
}

static void a_peer_that_does_not_read_is_closed(void **state)
{
    static const char ask[] = "GET /bytes/1000000 HTTP/1.1\r\nHost: a\r\n\r\n";
    catzilla_server_options_t options = CATZILLA_SERVER_OPTIONS_INIT;
    host_t host;
    (void)state;
    options.write_timeout_ms = WINDOW_MS;
    host_run(&host, &options);
    int fd = client_connect(host.port);
    for (int i = 0; i < 30; i++)
        client_send(fd, ask, sizeof ask - 1);
    usleep(6 * WINDOW_MS * 1000);
    size_t got = 0;
    char *chunk = malloc(1u << 20);
    assert_non_null(chunk);
    ssize_t rc;
    while ((rc = recv(fd, chunk, 1u << 20, 0)) > 0)
        got += (size_t)rc;
    assert_true(got < 30u * 1000000u);
    free(chunk);
    close(fd);
    host_stop(&host);
}

#define LARGE (30u * 1000000u)

/* Thirty megabytes, so that no socket's buffers hold the reply. */
static int large(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    static const char page[1000000];
    catzilla_slice_t pieces[30];
    (void)request;
    (void)user_data;
    for (size_t i = 0; i < 30; i++)
        pieces[i] = (catzilla_slice_t){page, sizeof page};
    return catzilla_response_body_vector(response, pieces, 30, NULL, NULL);
}

/* Reads at most 16 MB a second, which the server that has these options does not wait for. */
static void expect_cut_off(const catzilla_server_options_t *options)
{
    static const char ask[] = "GET /large HTTP/1.1\r\nHost: a\r\n\r\n";
    size_t got = 0;
    char bytes[16384];
    ssize_t size;
    host_t host;
    host_create(&host, options);
    catzilla_server_route(host.server, "GET", "/large", large, NULL);
    host_start(&host);
    int fd = client_connect(host.port);
    client_send(fd, ask, sizeof ask - 1);
    while (got < LARGE && (size = recv(fd, bytes, sizeof bytes, 0)) > 0) {
        got += (size_t)size;
        usleep(1000);
    }
    assert_true(got < LARGE);
    close(fd);
    host_stop(&host);
}

static void a_peer_that_reads_slower_than_its_rate_is_closed(void **state)
{
    catzilla_server_options_t options = CATZILLA_SERVER_OPTIONS_INIT;
    (void)state;
    options.write_timeout_ms = WINDOW_MS;
    options.min_rate = 1u << 30;
    expect_cut_off(&options);
}

static void a_reply_that_takes_too_long_to_send_is_cut_off(void **state)
{
    catzilla_server_options_t options = CATZILLA_SERVER_OPTIONS_INIT;
    (void)state;
    options.total_timeout_ms = WINDOW_MS;
    expect_cut_off(&options);
}

static int never(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    catzilla_stream_t stream = CATZILLA_STREAM_INIT;
    (void)request;
    (void)user_data;
    return catzilla_response_stream(response, &stream);
}

static void a_request_that_takes_too_long_in_all_ends(void **state)
{
    catzilla_server_options_t options = CATZILLA_SERVER_OPTIONS_INIT;
    host_t host;
    (void)state;
    options.total_timeout_ms = WINDOW_MS;
    host_create(&host, &options);
    catzilla_server_route(host.server, "GET", "/never", never, NULL);
    host_start(&host);
    expect_end(&host, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc", "408");
    expect_end(&host, "GET /never HTTP/1.1\r\nHost: a\r\n\r\n", "200");
    host_stop(&host);
}

static void a_connection_ends_after_its_number_of_requests(void **state)
{
    catzilla_server_options_t options = CATZILLA_SERVER_OPTIONS_INIT;
    char requests[sizeof get * 5];
    size_t size = 0;
    host_t host;
    (void)state;
    options.max_requests = 3;
    host_run(&host, &options);
    for (int i = 0; i < 5; i++, size += sizeof get - 1)
        memcpy(requests + size, get, sizeof get);
    char *reply = client_exchange(host.port, requests, size, 0, &size);
    int replies = 0;
    for (const char *at = reply; (at = strstr(at, "HTTP/1.1 200")) != NULL; at++)
        replies++;
    assert_int_equal(replies, 3);
    const char *close_at = strstr(reply, "Connection: close");
    assert_non_null(close_at);
    assert_null(strstr(close_at, "HTTP/1.1"));
    free(reply);
    host_stop(&host);
}

static int greedy(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    char text[32];
    size_t taken = 0;
    (void)user_data;
    while (catzilla_request_scratch(request, 1000) != NULL)
        taken += 1000;
    if (catzilla_request_query(request).size > 0)
        return CATZILLA_ERR_NOMEM;
    catzilla_slice_t body = {text, (size_t)snprintf(text, sizeof text, "%zu", taken)};
    return catzilla_response_body(response, body);
}

static void a_request_has_a_limit_of_memory(void **state)
{
    catzilla_server_options_t options = CATZILLA_SERVER_OPTIONS_INIT;
    static const char ask[] = "GET /greedy HTTP/1.1\r\nHost: a\r\n\r\n";
    host_t host;
    size_t size;
    (void)state;
    options.max_request_memory = 100000;
    host_create(&host, &options);
    catzilla_server_route(host.server, "GET", "/greedy", greedy, NULL);
    host_start(&host);
    for (int i = 0; i < 3; i++) {
        char *reply = client_exchange(host.port, ask, sizeof ask - 1, 0, &size);
        unsigned long taken = strtoul(strstr(reply, "\r\n\r\n") + 4, NULL, 10);
        assert_true(taken > 50000 && taken <= 100000);
        free(reply);
    }
    static const char give_up[] = "GET /greedy?x HTTP/1.1\r\nHost: a\r\n\r\n";
    char *reply = client_exchange(host.port, give_up, sizeof give_up - 1, 0, &size);
    assert_memory_equal(reply, "HTTP/1.1 503", 12);
    assert_non_null(strstr(reply, "\r\nRetry-After: 1\r\n"));
    free(reply);
    host_stop(&host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unfinished_head_gets_408),
        cmocka_unit_test(an_unfinished_body_gets_408),
        cmocka_unit_test(an_idle_connection_is_closed),
        cmocka_unit_test(a_body_slower_than_its_rate_gets_408),
        cmocka_unit_test(what_frames_a_body_does_not_move_it_on),
        cmocka_unit_test(a_peer_that_does_not_read_is_closed),
        cmocka_unit_test(a_peer_that_reads_slower_than_its_rate_is_closed),
        cmocka_unit_test(a_reply_that_takes_too_long_to_send_is_cut_off),
        cmocka_unit_test(a_request_that_takes_too_long_in_all_ends),
        cmocka_unit_test(a_connection_ends_after_its_number_of_requests),
        cmocka_unit_test(a_request_has_a_limit_of_memory),
    };
    return cmocka_run_group_tests_name("bounds", tests, NULL, NULL);
}
