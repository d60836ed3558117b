/* Replies that are put off by their handler. */
#include "host.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define HEAD200 "HTTP/1.1 200 OK\r\nDate: D\r\n"

static host_t host;
static atomic_int closed_well;
static catzilla_response_t *held;
static catzilla_loop_t *held_loop;
static pthread_mutex_t held_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t held_there = PTHREAD_COND_INITIALIZER;

static void on_close(int result, void *user_data)
{
    (void)user_data;
    atomic_fetch_add(&closed_well, result == 0);
}

static void *complete_later(void *data)
{
    catzilla_response_t *response = data;
    char text[5000];
    memset(text, 'd', sizeof text);
    catzilla_slice_t body = {text, sizeof text};
    usleep(2000);
    catzilla_response_header(response, CATZILLA_SLICE("X-Thread"), CATZILLA_SLICE("yes"));
    catzilla_response_body(response, body);
    catzilla_response_complete(response, 0);
    return NULL;
}

static int in_thread(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    pthread_t thread;
    (void)request;
    (void)user_data;
    int rc = catzilla_response_defer(response);
    if (rc != 0)
        return rc;
    assert_int_equal(catzilla_response_defer(response), CATZILLA_ERR_STATE);
    pthread_create(&thread, NULL, complete_later, response);
    pthread_detach(thread);
    return 0;
}

static void held_give(catzilla_response_t *response)
{
    pthread_mutex_lock(&held_mutex);
    held = response;
    pthread_cond_signal(&held_there);
    pthread_mutex_unlock(&held_mutex);
}

/* Hands the response to the test, which completes it. */
static int hold(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    (void)user_data;
    int rc = catzilla_response_defer(response);
    held_loop = catzilla_loop_of(request);
    held_give(response);
    return rc;
}

static catzilla_response_t *held_take(void)
{
    pthread_mutex_lock(&held_mutex);
    while (held == NULL)
        pthread_cond_wait(&held_there, &held_mutex);
    catzilla_response_t *response = held;
    held = NULL;
    pthread_mutex_unlock(&held_mutex);
    return response;
}

/* What a race has to agree on; in the region of the request, which outlives both sides. */
typedef struct race {
    catzilla_response_t *response;
    atomic_int gone;
} race_t;

static atomic_int told_gone;

static void note_gone(void *data)
{
    race_t *race = data;
    atomic_store(&race->gone, 1);
    atomic_fetch_add(&told_gone, 1);
}

/* Works until the peer has gone, or not for so long. */
static void *compute(void *data)
{
    race_t *race = data;
    for (int i = 0; i < 2000 && !atomic_load(&race->gone); i++)
        sched_yield();
    catzilla_response_body(race->response, CATZILLA_SLICE("computed"));
    catzilla_response_complete(race->response, 0);
    return NULL;
}

static int race_on(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    pthread_t thread;
    (void)user_data;
    race_t *race = catzilla_request_scratch(request, sizeof *race);
    if (race == NULL)
        return CATZILLA_ERR_NOMEM;
    race->response = response;
    atomic_init(&race->gone, 0);
    int rc = catzilla_response_defer(response);
    if (rc == 0)
        rc = catzilla_response_on_gone(response, note_gone, race);
    assert_int_equal(rc, 0);
    pthread_create(&thread, NULL, compute, race);
    pthread_detach(thread);
    return 0;
}

static int begin(void **state)
{
    (void)state;
    host_create(&host, NULL);
    catzilla_server_route(host.server, "GET", "/thread", in_thread, NULL);
    catzilla_server_route(host.server, "POST", "/hold", hold, NULL);
    catzilla_server_route(host.server, "GET", "/race", race_on, NULL);
    host_start(&host);
    atomic_store(&closed_well, 0);
    return 0;
}

static int end(void **state)
{
    (void)state;
    return host_end(&host);
}

static void another_thread_completes_in_order(void **state)
{
    size_t size;
    static const char three[] = "GET /thread HTTP/1.1\r\nHost: a\r\n\r\n"
                                "GET /users/b HTTP/1.1\r\nHost: a\r\n\r\n"
                                "GET /thread HTTP/1.0\r\n\r\n";
    (void)state;
    char *reply = client_exchange(host.port, three, sizeof three - 1, 0, &size);
    dates_mask(reply, &size);
    static const char first[] = HEAD200 "Content-Length: 5000\r\nX-Thread: yes\r\n\r\nddd";
    assert_memory_equal(reply, first, sizeof first - 1);
    const char *second = strstr(reply, "d" HEAD200 "Content-Length: 1\r\n\r\nb" HEAD200);
    assert_non_null(second);
    assert_non_null(strstr(second, "Content-Length: 5000\r\nConnection: close\r\n"));
    free(reply);
}

/* Requests that arrive in many reads while a reply is put off wait behind one another. */
static void requests_wait_behind_a_reply_put_off(void **state)
{
    static const char first[] = "POST /hold HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n";
    char text[64], wanted[128];
    size_t size;
    (void)state;
    int fd = client_connect(host.port);
    client_send(fd, first, sizeof first - 1);
    catzilla_response_t *response = held_take();
    for (int i = 0; i < 100; i++) {
        int length = sprintf(text, "GET /users/%d HTTP/1.1\r\nHost: a\r\n\r\n", i);
        client_send(fd, text, 7);
        if (i % 10 == 0)
            usleep(1000);
        client_send(fd, text + 7, (size_t)length - 7);
    }
    usleep(5000);
    catzilla_response_complete(response, 0);
    shutdown(fd, SHUT_WR);
    char *reply = client_drain(fd, &size);
    const char *at = strstr(reply, "Content-Length: 0\r\n\r\n");
    for (int i = 0; i < 100; i++) {
        assert_non_null(at);
        sprintf(wanted, "\r\n\r\n%d", i);
        at = strstr(at, wanted);
    }
    assert_non_null(at);
    free(reply);
    close(fd);
}

static void a_reply_put_off_sees_its_request(void **state)
{
    size_t size;
    static const char post[] = "POST /hold HTTP/1.1\r\nHost: a\r\nX-A: b\r\n"
                               "Content-Length: 5\r\n\r\nhello";
    (void)state;
    int fd = client_connect(host.port);
    client_send(fd, post, sizeof post - 1);
    catzilla_response_t *response = held_take();
    client_send(fd, "GET /users/v HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 53);
    catzilla_response_complete(response, CATZILLA_ERR_SYSTEM);
    char *reply = client_drain(fd, &size);
    assert_non_null(strstr(reply, "500 Internal Server Error"));
    assert_non_null(strstr(reply, "\r\n\r\nv"));
    free(reply);
    close(fd);
}

/* What is posted to the loop, and done when `held` is there again. */
static void stream_whole(void *data)
{
    catzilla_response_t *response = data;
    catzilla_stream_t stream = CATZILLA_STREAM_INIT;
    stream.on_close = on_close;
    assert_int_equal(catzilla_response_stream(response, &stream), 0);
    assert_int_equal(catzilla_response_write(response, CATZILLA_SLICE("whole")), 0);
    assert_int_equal(catzilla_response_end(response), 0);
    catzilla_response_complete(response, 0);
    catzilla_response_complete(response, CATZILLA_ERR_SYSTEM);
}

static void stream_half(void *data)
{
    catzilla_response_t *response = data;
    catzilla_stream_t stream = CATZILLA_STREAM_INIT;
    stream.on_close = on_close;
    assert_int_equal(catzilla_response_stream(response, &stream), 0);
    assert_int_equal(catzilla_response_write(response, CATZILLA_SLICE("half")), 0);
    held_give(response);
}

static void stream_rest(void *data)
{
    assert_int_equal(catzilla_response_write(data, CATZILLA_SLICE(" and half")), 0);
    assert_int_equal(catzilla_response_end(data), 0);
}

/* As a thread would find it that has been faster than the loop. */
static void stream_too_late(void *data)
{
    catzilla_stream_t stream = CATZILLA_STREAM_INIT;
    catzilla_response_complete(data, 0);
    assert_int_equal(catzilla_response_stream(data, &stream), CATZILLA_ERR_STATE);
    catzilla_response_complete(data, 0);
}

static void post_held(int fd, void (*call)(void *data), catzilla_response_t **response)
{
    static const char post[] = "POST /hold HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n";
    client_send(fd, post, sizeof post - 1);
    *response = held_take();
    assert_int_equal(catzilla_loop_post(held_loop, call, *response), 0);
}

/* The stream has taken the reply over, and the server's count of those put off stays right. */
static void what_completes_a_streamed_reply_is_ignored(void **state)
{
    static const char last[] = "GET /users/l HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    catzilla_response_t *response;
    size_t size;
    (void)state;
    int fd = client_connect(host.port);
    post_held(fd, stream_whole, &response);
    post_held(fd, stream_half, &response);
    response = held_take();
    catzilla_response_complete(response, CATZILLA_ERR_SYSTEM);
    catzilla_response_complete(response, 0);
    assert_int_equal(catzilla_loop_post(held_loop, stream_rest, response), 0);
    post_held(fd, stream_too_late, &response);
    client_send(fd, last, sizeof last - 1);
    char *reply = client_drain(fd, &size);
    dates_mask(reply, &size);
    assert_string_equal(reply, HEAD200
                        "Transfer-Encoding: chunked\r\n\r\n5\r\nwhole\r\n0\r\n\r\n" HEAD200
                        "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"
                        "9\r\n and half\r\n0\r\n\r\n" HEAD200 "Content-Length: 0\r\n\r\n" HEAD200
                        "Content-Length: 1\r\nConnection: close\r\n\r\nl");
    free(reply);
    close(fd);
    assert_int_equal(atomic_load(&closed_well), 2);
}

static void a_peer_that_leaves_does_not_take_the_reply_with_it(void **state)
{
    static const char post[] = "POST /hold HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
    struct linger now = {1, 0};
    (void)state;
    int fd = client_connect(host.port);
    client_send(fd, post, sizeof post - 1);
    catzilla_response_t *response = held_take();
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(fd);
    host_expect(&host, "GET /users/c HTTP/1.1\r\nHost: a\r\n\r\n",
                HEAD200 "Content-Length: 1\r\n\r\nc");
    assert_int_equal(catzilla_response_body(response, CATZILLA_SLICE("too late")), 0);
    catzilla_response_complete(response, 0);
}

static void a_completion_may_meet_the_departure(void **state)
{
    static const char get[] = "GET /race HTTP/1.1\r\nHost: a\r\n\r\n";
    struct linger now = {1, 0};
    (void)state;
    for (int i = 0; i < 300; i++) {
        int fd = client_connect(host.port);
        client_send(fd, get, sizeof get - 1);
        usleep((useconds_t)(i % 50 * 20));
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        close(fd);
    }
    host_expect(&host, "GET /users/r HTTP/1.1\r\nHost: a\r\n\r\n",
                HEAD200 "Content-Length: 1\r\n\r\nr");
    assert_true(atomic_load(&told_gone) > 0);
}

static void a_stop_waits_for_replies_put_off(void **state)
{
    static const char post[] = "POST /hold HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n";
    (void)state;
    int fd = client_connect(host.port);
    client_send(fd, post, sizeof post - 1);
    catzilla_response_t *response = held_take();
    catzilla_server_stop(host.server);
    usleep(20000);
    assert_int_equal(catzilla_response_body(response, CATZILLA_SLICE("late")), 0);
    catzilla_response_complete(response, 0);
    host_join(&host);
    close(fd);
    begin(state);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        CASE(another_thread_completes_in_order),
        CASE(requests_wait_behind_a_reply_put_off),
        CASE(a_reply_put_off_sees_its_request),
        CASE(what_completes_a_streamed_reply_is_ignored),
        CASE(a_peer_that_leaves_does_not_take_the_reply_with_it),
        CASE(a_completion_may_meet_the_departure),
        CASE(a_stop_waits_for_replies_put_off),
    };
    return cmocka_run_group_tests_name("defer", tests, NULL, NULL);
}
