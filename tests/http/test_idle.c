/* A worker without work gives its memory back. */
#include "host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static const char get[] = "GET /users/abc HTTP/1.1\r\nHost: a\r\n\r\n";
static const size_t reply_size = sizeof "HTTP/1.1 200 OK\r\n"
                                        "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                                        "Content-Length: 3\r\n\r\nabc" -
                                 1;

/* Bytes of replies, and what is kept ready of both classes: of requests the read buffer stays. */
static size_t held(void)
{
    catzilla_memory_class_stats_t requests, replies;
    assert_int_equal(
        catzilla_memory_get_class_stats(CATZILLA_MEMORY_REQUEST, &requests, sizeof requests), 0);
    assert_int_equal(
        catzilla_memory_get_class_stats(CATZILLA_MEMORY_RESPONSE, &replies, sizeof replies), 0);
    return replies.live + replies.cached + requests.cached;
}

/* No event tells that the worker fell idle, so this looks again until the deadline. */
static size_t held_at_last(int seconds)
{
    const struct timespec pause = {0, 20000000};
    size_t bytes = held();
    for (int i = 0; i < seconds * 50 && bytes > 0; i++) {
        nanosleep(&pause, NULL);
        bytes = held();
    }
    return bytes;
}

static void an_idle_worker_keeps_no_free_blocks(void **state)
{
    char reply[256];
    host_t host;
    (void)state;
    host_run(&host, NULL);
    int fd = client_connect(host.port);
    for (int i = 0; i < 1000; i++) {
        client_send(fd, get, sizeof get - 1);
        client_receive(fd, reply, reply_size);
    }
    assert_true(held() > 0);
    /* The connection stays open: being idle is not being alone. */
    assert_int_equal(held_at_last(10), 0);
    close(fd);
    host_stop(&host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(an_idle_worker_keeps_no_free_blocks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
