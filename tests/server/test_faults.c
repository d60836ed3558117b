/*
 * Every allocation of a request fails once, each class by itself: n = 0, 1, 2, ... until the run
 * has no n-th. Each run ends in replies that are whole, either the usual ones or errors, or in a
 * clean close; and what was live before is live afterwards, nothing else.
 */
#define _GNU_SOURCE
#include "kinds.h"
#include "routes.h"
#include "stepped.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { REPLIES = 1 << 18 };

typedef struct run {
    const kind_t *kind;
    int class; /* -1: nothing fails */
    int successes;
    char *reply;
    size_t size;
} run_t;

static void fail_after(int class, int successes)
{
    if (class >= 0)
        assert_int_equal(catzilla_memory_fail_after((catzilla_memory_type_t) class, successes), 0);
}

static void ask(uint16_t port, void *data)
{
    run_t *run = data;
    stepped_when_idle = routes_go_on;
    fail_after(run->class, run->successes);
    int fd = stepped_connect(port);
    kind_send(fd, run->kind);
    shutdown(fd, SHUT_WR);
    run->size = stepped_drain(fd, run->reply, REPLIES);
    close(fd);
    fail_after(run->class, -1);
    for (int i = 0; i < 4 || routes_go_on(); i++)
        stepped_turn();
    stepped_when_idle = NULL;
}

/* One that could not be told to go on does so by itself. */
static void interim_drop(run_t *run)
{
    static const char interim[] = "HTTP/1.1 100 Continue\r\n\r\n";
    const size_t size = sizeof interim - 1;
    if (run->size < size || memcmp(run->reply, interim, size) != 0)
        return;
    run->size -= size;
    memmove(run->reply, run->reply + size, run->size);
}

/* A new server each time, so that no pool has what the run could do with. */
static void serve(run_t *run, void *files)
{
    kind_serve(run->kind, files, ask, run);
    interim_drop(run);
    run->reply[run->size] = '\0';
}

/* How long the reply at `at` is; 0 where it is not whole. */
static size_t reply_length(const char *at, size_t size)
{
    const char *end = memmem(at, size, "\r\n\r\n", 4);
    if (end == NULL || strncmp(at, "HTTP/1.1 ", 9) != 0)
        return 0;
    size_t head = (size_t)(end - at) + 4;
    const char *field = memmem(at, head, "Content-Length: ", 16);
    if (field != NULL) {
        size_t length = head + strtoul(field + 16, NULL, 10);
        return length <= size ? length : 0;
    }
    if (memmem(at, head, "Transfer-Encoding: chunked", 26) == NULL)
        return strncmp(at + 9, "101", 3) == 0 ? size : head;
    const char *last = memmem(at, size, "\r\n0\r\n\r\n", 7);
    return last == NULL ? 0 : (size_t)(last - at) + 7;
}

static void date_mask(char *reply, size_t size)
{
    for (char *at = reply; (at = memmem(at, size - (size_t)(at - reply), "\r\nDate: ", 8)) != NULL;)
        memset(at += 8, 'D', 29);
}

/* Every reply is what it is without a fault, or says in full that something went wrong. */
static void check(const run_t *run, const run_t *usual)
{
    size_t at = 0, usual_at = 0;
    date_mask(run->reply, run->size);
    while (at < run->size) {
        const char *reply = run->reply + at;
        size_t length = reply_length(reply, run->size - at);
        size_t wanted = reply_length(usual->reply + usual_at, usual->size - usual_at);
        bool is_error = length > 0 && reply[9] >= '4';
        bool is_usual =
            length == wanted && length > 0 && memcmp(reply, usual->reply + usual_at, length) == 0;
        /* Once its head has gone a streamed reply can only end early. */
        if (!is_error && strncmp(run->kind->name, "streamed", 8) == 0)
            return;
        if (!is_error && !is_usual)
            fail_msg("%s, class %d, allocation %d: %.*s", run->kind->name, run->class,
                     run->successes, (int)(run->size - at < 300 ? run->size - at : 300), reply);
        at += length;
        usual_at += wanted;
    }
}

static void expect_live(const size_t before[CLASSES], const run_t *run)
{
    size_t after[CLASSES];
    live_bytes(after);
    for (int i = 0; i < CLASSES; i++)
        if (after[i] != before[i])
            fail_msg("%s, class %d, allocation %d: class %d has %zu live bytes, not %zu",
                     run->kind->name, run->class, run->successes, i, after[i], before[i]);
    assert_int_equal(routes_held, 0);
}

static void allocations(uint64_t out[CLASSES])
{
    for (int i = 0; i < CLASSES; i++) {
        catzilla_memory_class_stats_t stats;
        assert_int_equal(
            catzilla_memory_get_class_stats((catzilla_memory_type_t)i, &stats, sizeof stats), 0);
        out[i] = stats.allocation_count;
    }
}

static void fail_each(const kind_t *kind, void *files)
{
    size_t before[CLASSES];
    uint64_t first[CLASSES], last[CLASSES];
    run_t usual = {kind, -1, 0, malloc(REPLIES + 1), 0};
    run_t run = {kind, -1, 0, malloc(REPLIES + 1), 0};
    assert_non_null(usual.reply);
    assert_non_null(run.reply);
    serve(&usual, files);
    date_mask(usual.reply, usual.size);
    live_bytes(before);
    allocations(first);
    serve(&run, files);
    allocations(last);
    assert_true(last[CATZILLA_MEMORY_REQUEST] > first[CATZILLA_MEMORY_REQUEST]);
    for (run.class = 0; run.class < CLASSES; run.class ++) {
        /* Routes and workers are made before the request. */
        int count = (int)(last[run.class] - first[run.class]);
        if (run.class == CATZILLA_MEMORY_STATIC)
            continue;
        for (run.successes = 0; run.successes < count; run.successes++) {
            serve(&run, files);
            check(&run, &usual);
            expect_live(before, &run);
        }
    }
    free(usual.reply);
    free(run.reply);
}

static void each_allocation_of_each_kind_of_request_may_fail(void **state)
{
    catzilla_static_t *files = kinds_mount();
    (void)state;
    for (size_t i = 0; i < kind_count; i++)
        fail_each(&kinds[i], files);
    catzilla_static_destroy(files);
}

/* Both requests in one segment, so that the first reply still waits when the second fails. */
static void ask_at_once(uint16_t port, void *data)
{
    run_t *run = data;
    stepped_when_idle = routes_go_on;
    fail_after(run->class, run->successes);
    int fd = stepped_connect(port);
    assert_true(stepped_send(fd, run->kind->text, strlen(run->kind->text)));
    run->size = stepped_drain(fd, run->reply, REPLIES);
    close(fd);
    fail_after(run->class, -1);
    while (routes_go_on())
        stepped_turn();
    stepped_when_idle = NULL;
}

/* How many blocks of the response class it takes. */
static int blocks_of(run_t *run)
{
    uint64_t first[CLASSES], last[CLASSES];
    run->class = -1;
    allocations(first);
    kind_serve(run->kind, NULL, ask_at_once, run);
    allocations(last);
    return (int)(last[CATZILLA_MEMORY_RESPONSE] - first[CATZILLA_MEMORY_RESPONSE]);
}

static void a_reply_that_fails_leaves_the_one_before_it(void **state)
{
#define HEAD  " HTTP/1.1\r\nHost: a\r\n"
#define CLOSE "Connection: close\r\n"
#define HELLO "GET /" HEAD "\r\n"
    static const kind_t first = {"hello", "GET /" HEAD CLOSE "\r\n", 0, 0};
    static const kind_t both[] = {
        {"a borrowed body", HELLO "GET /borrowed" HEAD CLOSE "\r\n", 0, 0},
        {"a vector", HELLO "GET /vector" HEAD CLOSE "\r\n", 0, 0},
        {"a body read as it comes", HELLO "POST /read" HEAD CLOSE "Content-Length: 1\r\n\r\na", 0,
         0},
        {"a reply put off", HELLO "GET /deferred" HEAD CLOSE "\r\n", 0, 0},
        {"another hello", HELLO "GET /" HEAD CLOSE "\r\n", 0, 0},
    };
    run_t run = {&first, -1, 0, malloc(REPLIES + 1), 0};
    (void)state;
    assert_non_null(run.reply);
    int blocks = blocks_of(&run);
    for (size_t i = 0; i < sizeof both / sizeof *both; i++) {
        run.kind = &both[i];
        int all = blocks_of(&run);
        run.class = CATZILLA_MEMORY_RESPONSE;
        for (run.successes = blocks; run.successes < all; run.successes++) {
            kind_serve(run.kind, NULL, ask_at_once, &run);
            run.reply[run.size] = '\0';
            if (strstr(run.reply, "Hello, World!") == NULL)
                fail_msg("%s, allocation %d: %s", run.kind->name, run.successes, run.reply);
        }
    }
    free(run.reply);
}

/* Its checks see a block when it is given back, so nothing may wait to be used again. */
static void ask_twice(uint16_t port, void *data)
{
    static const char text[] = "GET /users/x HTTP/1.1\r\nHost: a\r\n\r\n";
    char reply[4096];
    size_t live[CLASSES];
    (void)data;
    int fd = stepped_connect(port);
    for (int i = 0; i < 2; i++) {
        assert_true(stepped_send(fd, text, sizeof text - 1));
        assert_true(stepped_receive(fd, reply, sizeof reply, 1024) > 1024);
        live_bytes(live);
        assert_int_equal(live[CATZILLA_MEMORY_RESPONSE], 0);
        assert_int_equal(live[CATZILLA_MEMORY_REQUEST], 65536); /* what the worker reads into */
    }
    close(fd);
}

static void debug_mode_sees_every_block_given_back(void **state)
{
    static const kind_t kind = {"GET with a parameter", "", 0, 0};
    (void)state;
    kind_serve(&kind, NULL, ask_twice, NULL);
}

/* 0 once a server could be made and listens. */
static int make(void)
{
    catzilla_server_t *server = NULL;
    uint16_t port;
    int rc = catzilla_server_create(NULL, &server);
    if (rc == 0)
        rc = routes_add(server, NULL);
    if (rc == 0)
        rc = catzilla_server_listen(server);
    if (rc == 0)
        rc = catzilla_server_port(server, &port);
    catzilla_server_destroy(server);
    return rc;
}

static void each_allocation_of_a_new_server_may_fail(void **state)
{
    size_t before[CLASSES], after[CLASSES];
    uint64_t first[CLASSES], last[CLASSES];
    (void)state;
    assert_int_equal(make(), 0);
    live_bytes(before);
    allocations(first);
    assert_int_equal(make(), 0);
    allocations(last);
    for (int class = 0; class < CLASSES; class ++) {
        int failed = 0;
        for (int n = 0; n < (int)(last[class] - first[class]); n++) {
            fail_after(class, n);
            int rc = make();
            fail_after(class, -1);
            if (rc != 0 && rc != CATZILLA_ERR_NOMEM)
                fail_msg("class %d, allocation %d: %s", class, n, catzilla_strerror(rc));
            failed += rc != 0;
            live_bytes(after);
            assert_memory_equal(after, before, sizeof before);
        }
        if (class == CATZILLA_MEMORY_STATIC || class == CATZILLA_MEMORY_GENERAL)
            assert_true(failed > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_allocation_of_a_new_server_may_fail),
        cmocka_unit_test(debug_mode_sees_every_block_given_back),
        cmocka_unit_test(a_reply_that_fails_leaves_the_one_before_it),
        cmocka_unit_test(each_allocation_of_each_kind_of_request_may_fail),
    };
    return cmocka_run_group_tests_name("allocations that fail", tests, kinds_begin, kinds_end);
}
