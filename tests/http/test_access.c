/* What the access callback is told of replies that outlast their handler. */
#include "host.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* The replies so far. */
static struct {
    pthread_mutex_t mutex;
    pthread_cond_t more;
    size_t count;
    uint64_t memory_peak[8];
    char peer[8][64];
} told = {.mutex = PTHREAD_MUTEX_INITIALIZER, .more = PTHREAD_COND_INITIALIZER};

static void note(const catzilla_access_t *access, void *user_data)
{
    (void)user_data;
    pthread_mutex_lock(&told.mutex);
    if (told.count < 8 && access->peer.size < sizeof told.peer[0]) {
        memcpy(told.peer[told.count], access->peer.data, access->peer.size);
        told.peer[told.count][access->peer.size] = '\0';
        told.memory_peak[told.count++] = access->memory_peak;
    }
    pthread_cond_signal(&told.more);
    pthread_mutex_unlock(&told.mutex);
}

static void await_replies(size_t count)
{
    pthread_mutex_lock(&told.mutex);
    while (told.count < count)
        pthread_cond_wait(&told.more, &told.mutex);
    pthread_mutex_unlock(&told.mutex);
}

static void complete(void *response)
{
    catzilla_response_complete(response, 0);
}

static int put_off(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    (void)user_data;
    int rc = catzilla_response_defer(response);
    return rc != 0 ? rc : catzilla_loop_post(catzilla_loop_of(request), complete, response);
}

static int stream(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    catzilla_stream_t stream = CATZILLA_STREAM_INIT;
    (void)request;
    (void)user_data;
    int rc = catzilla_response_stream(response, &stream);
    return rc != 0 ? rc : catzilla_response_write(response, CATZILLA_SLICE("some"));
}

static void run(host_t *host)
{
    catzilla_server_options_t options = CATZILLA_SERVER_OPTIONS_INIT;
    options.access = note;
    told.count = 0;
    host_create(host, &options);
    catzilla_server_route(host->server, "GET", "/put-off", put_off, NULL);
    catzilla_server_route(host->server, "GET", "/stream", stream, NULL);
    host_start(host);
}

static void ask(const host_t *host, const char *text)
{
    size_t size;
    free(client_exchange(host->port, text, strlen(text), 0, &size));
}

static void a_request_has_its_own_memory_alone(void **state)
{
    host_t host;
    (void)state;
    run(&host);
    ask(&host, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    ask(&host, "GET /put-off HTTP/1.1\r\nHost: a\r\n\r\n");
    ask(&host, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    await_replies(3);
    host_stop(&host);
    assert_true(told.memory_peak[1] > told.memory_peak[0]);
    assert_int_equal(told.memory_peak[2], told.memory_peak[0]);
}

static void a_stream_that_was_cut_off_had_a_peer(void **state)
{
    static const char get[] = "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n";
    const struct linger reset = {1, 0};
    char head[16];
    host_t host;
    (void)state;
    run(&host);
    int fd = client_connect(host.port);
    client_send(fd, get, sizeof get - 1);
    client_receive(fd, head, sizeof head);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(fd);
    await_replies(1);
    host_stop(&host);
    assert_memory_equal(told.peer[0], "127.0.0.1:", 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_has_its_own_memory_alone),
        cmocka_unit_test(a_stream_that_was_cut_off_had_a_peer),
    };
    return cmocka_run_group_tests_name("access", tests, NULL, NULL);
}
