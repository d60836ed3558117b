/* bench_hello PORT [full]: answers / with 13 bytes, from one worker, without a log; what the peers'
 * equally small programs are compared with. `full` adds what a deployment has: a path parameter
 * that is used, and the access log in its default format, to /dev/null. Deadlines are always on. */
#include <catzilla/catzilla.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static void stop(catzilla_server_t *server, int signal, void *user_data)
{
    (void)signal, (void)user_data;
    catzilla_server_stop(server);
}

int main(int argc, char **argv)
{
    catzilla_server_options_t options = CATZILLA_SERVER_OPTIONS_INIT;
    catzilla_accesslog_options_t log_options = CATZILLA_ACCESSLOG_OPTIONS_INIT;
    catzilla_accesslog_t *log = NULL;
    catzilla_server_t *server;
    uint16_t port = 0;
    int rc = 0;
    if (argc < 2) {
        fprintf(stderr, "usage: %s PORT [full]\n", argv[0]);
        return 2;
    }
    options.port = (uint16_t)atoi(argv[1]);
    options.backlog = 4096;
    if (argc > 2 && strcmp(argv[2], "full") == 0) {
        log_options.path = "/dev/null";
        rc = catzilla_accesslog_create(&log_options, &log);
        if (rc != 0)
            goto fail;
        options.access = catzilla_accesslog_write;
        options.access_data = log;
    }
    rc = catzilla_server_create(&options, &server);
    if (rc != 0)
        goto fail_log;
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
fail_log:
    catzilla_accesslog_destroy(log);
fail:
    if (rc != 0)
        fprintf(stderr, "bench_hello: %s\n", catzilla_strerror(rc));
    return rc == 0 ? 0 : 2;
}
