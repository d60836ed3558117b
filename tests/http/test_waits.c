/* Deadlines are for what the peer owes, not for what a handler takes its time over. */
#include "host.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define WINDOW_MS  1500u /* long enough for a busy machine to get a request through */
#define FLOOD_SIZE (16u << 20)

/* What a handler leaves for the test to go on with, in the handler's loop. */
static struct {
    pthread_mutex_t mutex;
    pthread_cond_t there;
    catzilla_request_t *request;
    catzilla_response_t *response;
    catzilla_loop_t *loop;
} left = {.mutex = PTHREAD_MUTEX_INITIALIZER, .there = PTHREAD_COND_INITIALIZER};

static size_t flood_left;

static void leave(catzilla_request_t *request, catzilla_response_t *response)
{
    pthread_mutex_lock(&left.mutex);
    left.request = request;
    left.response = response;
    left.loop = catzilla_loop_of(request);
    pthread_cond_signal(&left.there);
    pthread_mutex_unlock(&left.mutex);
}

static void await_left(void)
{
    pthread_mutex_lock(&left.mutex);
    while (left.loop == NULL)
        pthread_cond_wait(&left.there, &left.mutex);
    pthread_mutex_unlock(&left.mutex);
}

static int hold(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    (void)user_data;
    int rc = catzilla_response_defer(response);
    leave(request, response);
    return rc;
}

static void flood_on(catzilla_response_t *response, void *user_data)
{
    static char piece[65536];
    int rc = 0;
    (void)user_data;
    memset(piece, 'f', sizeof piece);
    while (flood_left > 0 && rc == 0) {
        rc = catzilla_response_write(response, (catzilla_slice_t){piece, sizeof piece});
        flood_left -= sizeof piece;
    }
}

static int flood(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    catzilla_stream_t stream = CATZILLA_STREAM_INIT;
    (void)user_data;
    stream.on_drain = flood_on;
    int rc = catzilla_response_stream(response, &stream);
    if (rc == 0)
        flood_on(response, NULL);
    leave(request, response);
    return rc;
}

static void flood_end(void *response)
{
    catzilla_response_write(response, CATZILLA_SLICE("last"));
    catzilla_response_end(response);
}

static int on_body(catzilla_request_t *request, catzilla_response_t *response,
                   catzilla_body_event_t event, catzilla_slice_t data, void *user_data)
{
    (void)request;
    (void)response;
    (void)event;
    (void)data;
    (void)user_data;
    return 0;
}

static int halt(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    (void)user_data;
    int rc = catzilla_request_read_body(request, on_body, NULL);
    catzilla_request_pause(request);
    leave(request, response);
    return rc;
}

static void go_on(void *request)
{
    catzilla_request_resume(request);
}

static void run(host_t *host, const catzilla_server_options_t *options)
{
    left.loop = NULL;
    host_create(host, options);
    catzilla_server_route(host->server, "GET", "/hold", hold, NULL);
    catzilla_server_route(host->server, "GET", "/flood", flood, NULL);
    catzilla_server_route_streaming(host->server, "POST", "/pause", halt, NULL);
    host_start(host);
}

static int ask(const host_t *host, const char *text)
{
    int fd = client_connect(host->port);
    client_send(fd, text, strlen(text));
    return fd;
}

static void a_reply_put_off_outlasts_the_idle_time(void **state)
{
    catzilla_server_options_t options = CATZILLA_SERVER_OPTIONS_INIT;
    host_t host;
    size_t size;
    (void)state;
    options.idle_timeout_ms = WINDOW_MS;
    run(&host, &options);
    /* What follows the last request has the connection linger. */
    int fd = ask(&host, "GET /hold HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n\r\n");
    await_left();
    usleep(2 * WINDOW_MS * 1000);
    catzilla_response_complete(left.response, 0);
    char *reply = client_drain(fd, &size);
    assert_true(size > 12);
    assert_memory_equal(reply, "HTTP/1.1 200", 12);
    free(reply);
    close(fd);
    host_stop(&host);
}

static void a_connection_is_idle_after_a_reply_put_off(void **state)
{
    catzilla_server_options_t options = CATZILLA_SERVER_OPTIONS_INIT;
    host_t host;
    size_t size;
    (void)state;
    options.idle_timeout_ms = WINDOW_MS;
    run(&host, &options);
    int fd = ask(&host, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
    await_left();
    catzilla_response_complete(left.response, 0);
    free(client_drain(fd, &size)); /* the server closes */
    assert_true(size > 12);
    close(fd);
    host_stop(&host);
}

static void a_stream_may_fall_silent_after_its_peer_lagged(void **state)
{
    catzilla_server_options_t options = CATZILLA_SERVER_OPTIONS_INIT;
    host_t host;
    size_t size;
    (void)state;
    options.write_timeout_ms = WINDOW_MS;
    options.max_output_bytes = 1u << 20;
    flood_left = FLOOD_SIZE;
    run(&host, &options);
    int fd = ask(&host, "GET /flood HTTP/1.0\r\n\r\n");
    await_left();
    usleep(WINDOW_MS * 100);
    char *bytes = malloc(FLOOD_SIZE);
    assert_non_null(bytes);
    client_receive(fd, bytes, FLOOD_SIZE); /* all but the end, as long as the head */
    usleep(5 * WINDOW_MS / 2 * 1000);
    assert_int_equal(catzilla_loop_post(left.loop, flood_end, left.response), 0);
    char *rest = client_drain(fd, &size);
    assert_true(size > 4);
    assert_memory_equal(rest + size - 4, "last", 4);
    free(rest);
    free(bytes);
    close(fd);
    host_stop(&host);
}

static void a_peer_that_reads_nothing_is_closed_though_it_writes(void **state)
{
    static const char get[] = "GET /bytes/1000000 HTTP/1.1\r\nHost: a\r\n\r\n";
    catzilla_server_options_t options = CATZILLA_SERVER_OPTIONS_INIT;
    host_t host;
    int error = 0;
    (void)state;
    options.write_timeout_ms = WINDOW_MS / 2;
    options.max_output_bytes = 64u << 20;
    run(&host, &options);
    int fd = client_connect(host.port);
    for (int i = 0; i < 30; i++)
        client_send(fd, get, sizeof get - 1);
    client_send(fd, "GET /", 5);
    for (int i = 0; i < 400 && error == 0; i++) {
        if (send(fd, "x", 1, MSG_NOSIGNAL) < 0)
            error = errno;
        usleep(20000);
    }
    assert_true(error == EPIPE || error == ECONNRESET);
    close(fd);
    host_stop(&host);
}

static void a_body_that_its_reader_pauses_is_not_late(void **state)
{
    catzilla_server_options_t options = CATZILLA_SERVER_OPTIONS_INIT;
    host_t host;
    char byte;
    size_t size;
    (void)state;
    options.body_timeout_ms = WINDOW_MS / 2;
    run(&host, &options);
    int fd = ask(&host, "POST /pause HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc");
    await_left();
    usleep(WINDOW_MS * 1000);
    assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
    assert_int_equal(errno, EAGAIN);
    /* From here on the rest is the peer's to send. */
    assert_int_equal(catzilla_loop_post(left.loop, go_on, left.request), 0);
    char *reply = client_drain(fd, &size);
    assert_true(size > 12);
    assert_memory_equal(reply, "HTTP/1.1 408", 12);
    free(reply);
    close(fd);
    host_stop(&host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reply_put_off_outlasts_the_idle_time),
        cmocka_unit_test(a_connection_is_idle_after_a_reply_put_off),
        cmocka_unit_test(a_stream_may_fall_silent_after_its_peer_lagged),
        cmocka_unit_test(a_peer_that_reads_nothing_is_closed_though_it_writes),
        cmocka_unit_test(a_body_that_its_reader_pauses_is_not_late),
    };
    return cmocka_run_group_tests_name("waits", tests, NULL, NULL);
}
