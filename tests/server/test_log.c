/* What the server says, to whom: to its callback, by level, and to nobody else. */
#include "routes.h"
#include "stepped.h"

#include <catzilla/listener.h>

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define HOST "Host: a\r\n\r\n"

static const char fails[] = "GET /fails HTTP/1.1\r\n" HOST;

/* All lines, as "level message". */
static char lines[4096];

static void take(int level, const char *message, void *user_data)
{
    size_t used = strlen(lines);
    assert_ptr_equal(user_data, lines);
    snprintf(lines + used, sizeof lines - used, "%d %s\n", level, message);
}

static size_t exchange(uint16_t port, const char *text, char *reply, size_t size)
{
    int fd = stepped_connect(port);
    if (stepped_send(fd, text, strlen(text)))
        shutdown(fd, SHUT_WR);
    size_t got = stepped_drain(fd, reply, size - 1);
    close(fd);
    reply[got] = '\0';
    return got;
}

/* A handler that fails, or where a proxy is trusted one that is none. */
static void trouble(uint16_t port, void *data)
{
    char reply[4096];
    size_t got = exchange(port, fails, reply, sizeof reply);
    if (data != NULL) {
        assert_int_equal(got, 0);
        return;
    }
    assert_memory_equal(reply, "HTTP/1.1 500 Internal Server Error\r\n", 36);
    const char *body = strstr(reply, "\r\n\r\n");
    assert_non_null(body);
    assert_string_equal(body + 4, "500 Internal Server Error\n");
}

static int never(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    (void)request;
    (void)response;
    (void)user_data;
    return CATZILLA_ERR_INVALID;
}

static void serve(catzilla_server_log_fn log, uint32_t level, const char *proxy)
{
    catzilla_server_options_t options = CATZILLA_SERVER_OPTIONS_INIT;
    lines[0] = '\0';
    options.log = log;
    options.log_data = lines;
    options.log_level = level;
    options.max_connections = 10; /* whatever the limit of descriptors is here */
    catzilla_server_t *server = routes_server(&options);
    assert_int_equal(catzilla_server_route(server, "GET", "/users/{name}", never, NULL),
                     CATZILLA_ERR_CONFLICT);
    if (proxy != NULL)
        assert_int_equal(catzilla_server_trust_proxy(server, proxy), 0);
    routes_run(server, trouble, (void *)proxy);
}

#define CONFLICT "0 route refused: GET /users/{name} conflicts with /users/{id}\n"

static void the_detail_of_a_failure_goes_to_the_log_alone(void **state)
{
    (void)state;
    serve(take, CATZILLA_LOG_ERROR, NULL);
    assert_string_equal(lines, CONFLICT "0 handler failed method=GET path=/fails code=-39 "
                                        "reason=\"a configured limit was reached\"\n");
}

static void lines_past_the_level_are_left_out(void **state)
{
    (void)state;
    serve(take, CATZILLA_LOG_ERROR, STEPPED_CLIENT);
    assert_string_equal(lines, CONFLICT);
    serve(take, CATZILLA_LOG_WARNING, STEPPED_CLIENT);
    assert_memory_equal(lines,
                        CONFLICT "1 connection closed reason=proxy_header peer=" STEPPED_CLIENT ":",
                        sizeof CONFLICT + 54);
}

/* Both streams lead to a file meanwhile. */
static void the_library_prints_nothing(void **state)
{
    char path[] = "/tmp/catzilla-silence-XXXXXX";
    int streams[2] = {dup(1), dup(2)};
    int file = mkstemp(path);
    (void)state;
    unlink(path);
    assert_true(file >= 0 && streams[0] >= 0 && streams[1] >= 0);
    fflush(NULL);
    dup2(file, 1);
    dup2(file, 2);
    serve(NULL, CATZILLA_LOG_DEBUG, NULL);
    serve(NULL, CATZILLA_LOG_DEBUG, STEPPED_CLIENT);
    fflush(NULL);
    for (int i = 0; i < 2; i++) {
        dup2(streams[i], i + 1);
        close(streams[i]);
    }
    assert_int_equal(lseek(file, 0, SEEK_END), 0);
    close(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_detail_of_a_failure_goes_to_the_log_alone),
        cmocka_unit_test(lines_past_the_level_are_left_out),
        cmocka_unit_test(the_library_prints_nothing),
    };
    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
