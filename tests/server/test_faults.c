/*
 * Every allocation of a request fails once, each class by itself: n = 0, 1, 2, ... until the run
 * has no n-th. Each run ends in replies that are whole, either the usual ones or errors, or in a
 * clean close; and what was live before is live afterwards, nothing else.
 */
#define _GNU_SOURCE
#include "routes.h"
#include "stepped.h"

#include <catzilla/accesslog.h>
#include <catzilla/listener.h>
#include <catzilla/static.h>

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include <cmocka.h>

enum { REPLIES = 1 << 18, CLASSES = CATZILLA_MEMORY_GENERAL + 1 };

#define HOST "Host: a\r\n"

/* What the server is like that is asked. */
enum { PROXIED = 1, LOGGED = 2, IN_LOOP = 4 };

static const struct kind {
    const char *name;
    const char *text;
    size_t body_size; /* of bytes that follow the text */
    unsigned server;
} kinds[] = {
    {"GET with parameters", "GET /users/abc%20d HTTP/1.1\r\n" HOST "\r\n", 0, 0},
    {"POST with a body", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 4096\r\n\r\n", 4096, 0},
    {"POST with a large body", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 200000\r\n\r\n",
     200000, 0},
    {"chunked body",
     "POST /echo HTTP/1.1\r\n" HOST
     "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nT: x\r\n\r\n",
     0, 0},
    {"query, form and cookies",
     "POST /count?a=1&b=%20 HTTP/1.1\r\n" HOST "Cookie: c=d\r\n"
     "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 5\r\n\r\na=%20",
     0, 0},
    {"memory of the request", "GET /scratch HTTP/1.1\r\n" HOST "\r\n", 0, 0},
    {"small file", "GET /files/small HTTP/1.1\r\n" HOST "\r\n", 0, 0},
    {"large file", "GET /files/large HTTP/1.1\r\n" HOST "\r\n", 0, 0},
    {"list of files", "GET /files/ HTTP/1.1\r\n" HOST "\r\n", 0, 0},
    {"pipelined",
     "GET / HTTP/1.1\r\n" HOST "\r\nGET /borrowed HTTP/1.1\r\n" HOST
     "\r\nGET /vector HTTP/1.1\r\n" HOST "\r\nGET /users/x HTTP/1.1\r\n" HOST "\r\n",
     0, 0},
    {"error replies",
     "GET /none HTTP/1.1\r\n" HOST "\r\nPUT / HTTP/1.1\r\n" HOST "\r\nGET /fails HTTP/1.1\r\n" HOST
     "\r\nnonsense\r\n\r\n",
     0, 0},
    {"put off", "POST /deferred HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc", 0, 0},
    {"put off, then streamed", "GET /late HTTP/1.1\r\n" HOST "\r\n", 0, 0},
    {"streamed", "GET /streamed HTTP/1.1\r\n" HOST "\r\n", 0, 0},
    {"body read as it comes", "POST /halt HTTP/1.1\r\n" HOST "Content-Length: 9000\r\n\r\n", 9000,
     0},
    {"upgrade", "GET /upgrade HTTP/1.1\r\n" HOST "Connection: upgrade\r\nUpgrade: echo\r\n\r\nraw.",
     0, 0},
    {"streamed, then given up", "GET /given-up HTTP/1.1\r\n" HOST "\r\n", 0, 0},
    {"by a proxy",
     "PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\nGET /users/abc HTTP/1.1\r\n" HOST "\r\n", 0,
     PROXIED},
    {"logged",
     "GET /users/abc HTTP/1.1\r\n" HOST "User-Agent: t\r\n\r\nPUT / HTTP/1.1\r\n" HOST
     "\r\nnonsense\r\n\r\n",
     0, LOGGED},
    {"large body in the caller's loop",
     "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 90000\r\n\r\n", 90000, IN_LOOP},
    {"streamed in the caller's loop, all at once",
     "PROXY UNKNOWN\r\nGET /streamed HTTP/1.1\r\n" HOST "\r\n", 0, PROXIED | LOGGED | IN_LOOP},
};

static char folder[] = "/tmp/catzilla-faults-XXXXXX";

typedef struct run {
    const struct kind *kind;
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

static void send_request(int fd, const struct kind *kind)
{
    static char body[200000];
    memset(body, 'b', sizeof body);
    size_t text = strlen(kind->text), half = text / 2;
    /* In pieces, so that an unfinished head and body are kept. */
    if (!stepped_send(fd, kind->text, half))
        return;
    stepped_turn();
    stepped_turn();
    if (!stepped_send(fd, kind->text + half, text - half))
        return;
    stepped_turn();
    stepped_turn();
    stepped_send(fd, body, kind->body_size);
}

static void ask(uint16_t port, void *data)
{
    run_t *run = data;
    stepped_when_idle = routes_go_on;
    fail_after(run->class, run->successes);
    int fd = stepped_connect(port);
    send_request(fd, run->kind);
    shutdown(fd, SHUT_WR);
    run->size = stepped_drain(fd, run->reply, REPLIES);
    close(fd);
    fail_after(run->class, -1);
    for (int i = 0; i < 4 || routes_go_on(); i++)
        stepped_turn();
    stepped_when_idle = NULL;
}

static catzilla_accesslog_t *log_create(void)
{
    catzilla_accesslog_options_t options = CATZILLA_ACCESSLOG_OPTIONS_INIT;
    catzilla_accesslog_t *log;
    options.path = "/dev/null";
    assert_int_equal(catzilla_accesslog_create(&options, &log), 0);
    return log;
}

/* A new server each time, so that no pool has what the run could do with. */
static void serve(run_t *run, void *files)
{
    catzilla_server_options_t options = CATZILLA_SERVER_OPTIONS_INIT;
    const unsigned as = run->kind->server;
    catzilla_accesslog_t *log = (as & LOGGED) != 0 ? log_create() : NULL;
    catzilla_server_t *server;
    uv_loop_t loop;
    options.access = log == NULL ? NULL : catzilla_accesslog_write;
    options.access_data = log;
    /* Addresses are counted where they have a limit. */
    options.max_address_connections = (as & PROXIED) != 0 ? 100 : 0;
    assert_int_equal(uv_loop_init(&loop), 0);
    if ((as & IN_LOOP) != 0)
        assert_int_equal(catzilla_server_create_in_loop(&options, &loop, NULL, NULL, &server), 0);
    else
        assert_int_equal(catzilla_server_create(&options, &server), 0);
    assert_int_equal(routes_add(server, files), 0);
    if ((as & PROXIED) != 0)
        assert_int_equal(catzilla_server_trust_proxy(server, "127.0.0.1"), 0);
    if ((as & IN_LOOP) != 0)
        assert_int_equal(stepped_run_in_loop(server, &loop, ask, run), 0);
    else
        assert_int_equal(stepped_run(server, ask, run), 0);
    catzilla_server_destroy(server);
    assert_int_equal(uv_loop_close(&loop), 0);
    catzilla_accesslog_destroy(log);
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

static void live_bytes(size_t out[CLASSES])
{
    for (int i = 0; i < CLASSES; i++)
        catzilla_memory_get_arena_stats((catzilla_memory_type_t)i, &out[i], NULL);
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

static void fail_each(const struct kind *kind, void *files)
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
    catzilla_static_options_t options = CATZILLA_STATIC_OPTIONS_INIT;
    catzilla_static_t *files;
    options.list = 1;
    assert_int_equal(catzilla_static_create(folder, &options, &files), 0);
    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        fail_each(&kinds[i], files);
    catzilla_static_destroy(files);
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

static void write_file(const char *name, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, (off_t)size), 0);
    close(fd);
}

static int make_folder(void **state)
{
    (void)state;
    assert_int_equal(catzilla_memory_set_debug(1), 0);
    if (mkdtemp(folder) == NULL)
        return -1;
    write_file("small", 5000);
    write_file("large", 100000);
    return 0;
}

static int remove_folder(void **state)
{
    static const char *const names[] = {"small", "large", ""};
    char path[64];
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        remove(path);
    }
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_allocation_of_a_new_server_may_fail),
        cmocka_unit_test(each_allocation_of_each_kind_of_request_may_fail),
    };
    signal(SIGPIPE, SIG_IGN); /* as whoever lends a loop must */
    return cmocka_run_group_tests_name("allocations that fail", tests, make_folder, remove_folder);
}
