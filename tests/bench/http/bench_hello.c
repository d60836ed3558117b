/* bench_hello PORT [full]: answers / with 13 bytes, from one worker, without a log; what the peers'
 * equally small programs are compared with. `full` adds what a deployment has: a route with a path
 * parameter beside it, and an access log. Deadlines are always on. */
#include <catzilla/catzilla.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int hello(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    (void)request, (void)user_data;
    int rc = catzilla_response_header(response, CATZILLA_SLICE("Content-Type"),
                                      CATZILLA_SLICE("text/plain"));
    if (rc != 0)
        return rc;
    return catzilla_response_body_borrow(response, CATZILLA_SLICE("Hello, World!"), NULL, NULL);
}

/* A parameter that is used. */
static int user(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    if (catzilla_request_param(request, "id").size == 0)
        return CATZILLA_ERR_INVALID;
    return hello(request, response, user_data);
}

/* Lines gather here, since a system call for each would cost more than the request. */
typedef struct access_log {
    int fd;
    size_t used;
    char text[65536];
} access_log_t;

static void put(access_log_t *log, catzilla_slice_t text)
{
    size_t room = sizeof log->text - log->used;
    size_t size = text.size < room ? text.size : room;
    if (size > 0)
        memcpy(log->text + log->used, text.data, size);
    log->used += size;
}

static void put_number(access_log_t *log, uint64_t number)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    catzilla_slice_t text = {digits + at, sizeof digits - at};
    put(log, text);
}

static void access_line(const catzilla_access_t *access, void *user_data)
{
    enum { LONGEST = 1024 };
    access_log_t *log = user_data;
    catzilla_slice_t target = access->target;
    if (target.size > LONGEST / 2)
        target.size = LONGEST / 2;
    if (sizeof log->text - log->used < LONGEST) {
        (void)!write(log->fd, log->text, log->used);
        log->used = 0;
    }
    put(log, access->peer);
    put(log, CATZILLA_SLICE(" \""));
    put(log, access->method);
    put(log, CATZILLA_SLICE(" "));
    put(log, target);
    put(log, CATZILLA_SLICE("\" "));
    put_number(log, (uint64_t)access->status);
    put(log, CATZILLA_SLICE(" "));
    put_number(log, access->body_bytes);
    put(log, CATZILLA_SLICE(" "));
    put_number(log, access->duration_ns);
    put(log, CATZILLA_SLICE("\n"));
}

static void stop(catzilla_server_t *server, int signal, void *user_data)
{
    (void)signal, (void)user_data;
    catzilla_server_stop(server);
}

static access_log_t access_log;

int main(int argc, char **argv)
{
    catzilla_server_options_t options = CATZILLA_SERVER_OPTIONS_INIT;
    catzilla_server_t *server;
    uint16_t port = 0;
    if (argc < 2) {
        fprintf(stderr, "usage: %s PORT [full]\n", argv[0]);
        return 2;
    }
    options.port = (uint16_t)atoi(argv[1]);
    options.backlog = 4096;
    if (argc > 2 && strcmp(argv[2], "full") == 0) {
        options.access = access_line;
        access_log.fd = open("/dev/null", O_WRONLY);
        options.access_data = &access_log;
    }
    int rc = catzilla_server_create(&options, &server);
    if (rc != 0)
        goto fail;
    rc = catzilla_server_route(server, "GET", "/", hello, NULL);
    if (rc == 0)
        rc = catzilla_server_route(server, "GET", "/users/{id}", user, NULL);
    if (rc == 0)
        rc = catzilla_server_watch_signal(server, SIGTERM, stop, NULL);
    if (rc == 0)
        rc = catzilla_server_listen(server);
    if (rc != 0)
        goto fail_server;
    catzilla_server_port(server, &port);
    printf("%u\n", (unsigned)port);
    fflush(stdout);
    rc = catzilla_server_run(server);
fail_server:
    catzilla_server_destroy(server);
fail:
    if (rc != 0)
        fprintf(stderr, "bench_hello: %s\n", catzilla_strerror(rc));
    return rc == 0 ? 0 : 2;
}
