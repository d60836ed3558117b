#include "kinds.h"

#include "routes.h"
#include "stepped.h"

#include <catzilla/accesslog.h>
#include <catzilla/listener.h>

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include <cmocka.h>

#define HOST "Host: a\r\n"

enum { PROXIED = 1, LOGGED = 2, IN_LOOP = 4 };

const kind_t kinds[] = {
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
    {"awaited body, looked at before",
     "POST /early/echo HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 9000\r\n\r\n",
     9000, 0},
    {"the same, put off",
     "POST /early/deferred HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 10\r\n\r\n",
     10, 0},
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

const size_t kind_count = sizeof kinds / sizeof *kinds;

catzilla_server_t *kind_server;
catzilla_drain_report_t kind_report = CATZILLA_DRAIN_REPORT_INIT;

static char folder[] = "/tmp/catzilla-kinds-XXXXXX";

static void write_file(const char *name, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, (off_t)size), 0);
    close(fd);
}

int kinds_begin(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN); /* as whoever lends a loop must */
    assert_int_equal(catzilla_memory_set_debug(1), 0);
    if (mkdtemp(folder) == NULL)
        return -1;
    write_file("small", 5000);
    write_file("large", 100000);
    return 0;
}

int kinds_end(void **state)
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

catzilla_static_t *kinds_mount(void)
{
    catzilla_static_options_t options = CATZILLA_STATIC_OPTIONS_INIT;
    catzilla_static_t *files;
    options.list = 1;
    assert_int_equal(catzilla_static_create(folder, &options, &files), 0);
    return files;
}

static catzilla_accesslog_t *log_create(void)
{
    catzilla_accesslog_options_t options = CATZILLA_ACCESSLOG_OPTIONS_INIT;
    catzilla_accesslog_t *log;
    options.path = "/dev/null";
    assert_int_equal(catzilla_accesslog_create(&options, &log), 0);
    return log;
}

void kind_serve(const kind_t *kind, catzilla_static_t *files,
                void (*script)(uint16_t port, void *data), void *data)
{
    catzilla_server_options_t options = CATZILLA_SERVER_OPTIONS_INIT;
    const unsigned as = kind->server;
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
        assert_int_equal(catzilla_server_trust_proxy(server, STEPPED_CLIENT), 0);
    kind_server = server;
    if ((as & IN_LOOP) != 0)
        assert_int_equal(stepped_run_in_loop(server, &loop, script, data), 0);
    else
        assert_int_equal(stepped_run(server, script, data), 0);
    kind_server = NULL;
    catzilla_server_drain_report(server, &kind_report);
    catzilla_server_destroy(server);
    assert_int_equal(uv_loop_close(&loop), 0);
    catzilla_accesslog_destroy(log);
}

void kind_send(int fd, const kind_t *kind)
{
    static char body[200000];
    memset(body, 'b', sizeof body);
    size_t text = strlen(kind->text), half = text / 2;
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

void live_bytes(size_t out[CLASSES])
{
    for (int i = 0; i < CLASSES; i++)
        catzilla_memory_get_arena_stats((catzilla_memory_type_t)i, &out[i], NULL);
}
