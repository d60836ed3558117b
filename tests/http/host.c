/* A server in a thread of the test, and a client that says exactly what it is told. */
#include "host.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

static int hello(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    (void)request;
    (void)user_data;
    catzilla_response_header(response, CATZILLA_SLICE("Content-Type"),
                             CATZILLA_SLICE("text/plain"));
    return catzilla_response_body(response, CATZILLA_SLICE("Hello, World!"));
}

static int echo(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    (void)user_data;
    return catzilla_response_body(response, catzilla_request_body(request));
}

/* Answers with the path parameter, the query or the header that the route is about. */
static int show(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    const char *what = user_data;
    if (strcmp(what, "query") == 0)
        return catzilla_response_body(response, catzilla_request_query(request));
    if (strcmp(what, "path") == 0)
        return catzilla_response_body(response, catzilla_request_path(request));
    if (strcmp(what, "host") == 0)
        return catzilla_response_body(response, catzilla_request_host(request));
    if (strcmp(what, "header") == 0)
        return catzilla_response_body(response, catzilla_request_header(request, "X-Show"));
    return catzilla_response_body(response, catzilla_request_param(request, what));
}

static int half_answer(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    (void)request;
    (void)user_data;
    catzilla_response_status(response, 201);
    catzilla_response_body(response, CATZILLA_SLICE("half an answer"));
    return CATZILLA_ERR_SYSTEM;
}

/* Answers with the status that the path names, and a body where one may be. */
static int status(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    (void)user_data;
    catzilla_slice_t code = catzilla_request_param(request, "code");
    int number = 0;
    for (size_t i = 0; i < code.size; i++)
        number = number * 10 + (code.data[i] - '0');
    int rc = catzilla_response_status(response, number);
    return rc != 0 ? rc : catzilla_response_body(response, CATZILLA_SLICE("body"));
}

static char filler[1 << 20]; /* filled before a server runs, since several workers read it */

/* Answers with as many bytes as the path says, borrowed. */
static int bytes(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    (void)user_data;
    catzilla_slice_t count = catzilla_request_param(request, "count");
    size_t size = 0;
    for (size_t i = 0; i < count.size; i++)
        size = size * 10 + (size_t)(count.data[i] - '0');
    if (size > sizeof filler)
        return CATZILLA_ERR_INVALID;
    catzilla_slice_t body = {filler, size};
    return catzilla_response_body_borrow(response, body, NULL, NULL);
}

static void route(host_t *host, const char *method, const char *pattern, catzilla_handler_t handler,
                  const char *user_data)
{
    assert_int_equal(
        catzilla_server_route(host->server, method, pattern, handler, (void *)user_data), 0);
}

void host_create(host_t *host, const catzilla_server_options_t *options)
{
    memset(host, 0, sizeof *host);
    if (filler[0] == 0)
        memset(filler, 'x', sizeof filler);
    assert_int_equal(catzilla_server_create(options, &host->server), 0);
    route(host, "GET", "/", hello, NULL);
    route(host, "GET", "/users/{id}", show, "id");
    route(host, "GET", "/files/{rest*}", show, "rest");
    route(host, "GET", "/query", show, "query");
    route(host, "GET", "/path/{x*}", show, "path");
    route(host, "GET", "/header", show, "header");
    route(host, "GET", "/host", show, "host");
    route(host, "GET", "/fail", half_answer, NULL);
    route(host, "GET", "/status/{code:uint}", status, NULL);
    route(host, "GET", "/bytes/{count:uint}", bytes, NULL);
    route(host, "POST", "/echo", echo, NULL);
    route(host, "PUT", "/echo", echo, NULL);
}

static void *run(void *data)
{
    host_t *host = data;
    int rc = catzilla_server_run(host->server);
    return rc == 0 ? NULL : host;
}

void host_serve(host_t *host)
{
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, run, host), 0);
    host->thread = (unsigned long)thread;
}

void host_start(host_t *host)
{
    assert_int_equal(catzilla_server_listen(host->server), 0);
    assert_int_equal(catzilla_server_port(host->server, &host->port), 0);
    host_serve(host);
}

void host_run(host_t *host, const catzilla_server_options_t *options)
{
    host_create(host, options);
    host_start(host);
}

void host_stop(host_t *host)
{
    assert_int_equal(catzilla_server_stop(host->server), 0);
    host_join(host);
}

void host_join(host_t *host)
{
    void *failed = NULL;
    assert_int_equal(pthread_join((pthread_t)host->thread, &failed), 0);
    assert_null(failed);
    catzilla_server_destroy(host->server);
    host->server = NULL;
}

int host_end(host_t *host)
{
    catzilla_memory_stats_t stats;
    host_stop(host);
    catzilla_memory_get_stats(&stats);
    return stats.static_arena_usage == 0 && stats.request_arena_usage == 0 &&
                   stats.response_arena_usage == 0
               ? 0
               : -1;
}

int client_connect(uint16_t port)
{
    struct sockaddr_in address;
    struct timeval patience = {10, 0};
    int on = 1;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
        fail_msg("connect: %s", strerror(errno));
    return fd;
}

void client_send(int fd, const void *data, size_t size)
{
    const char *at = data;
    while (size > 0) {
        ssize_t sent = send(fd, at, size, MSG_NOSIGNAL);
        /* A server that has refused stops reading; what it said is what counts. */
        if (sent < 0)
            return;
        at += sent;
        size -= (size_t)sent;
    }
}

void client_receive(int fd, char *out, size_t size)
{
    while (size > 0) {
        ssize_t got = recv(fd, out, size, 0);
        if (got <= 0)
            fail_msg("the server ended with %zu bytes still expected", size);
        out += got;
        size -= (size_t)got;
    }
}

char *client_drain(int fd, size_t *size)
{
    size_t capacity = 4096, used = 0;
    char *reply = malloc(capacity + 1);
    assert_non_null(reply);
    for (;;) {
        if (used == capacity) {
            capacity *= 2;
            reply = realloc(reply, capacity + 1);
            assert_non_null(reply);
        }
        ssize_t got = recv(fd, reply + used, capacity - used, 0);
        if (got < 0)
            fail_msg("the server neither answers nor closes: %s", strerror(errno));
        if (got == 0)
            break;
        used += (size_t)got;
    }
    reply[used] = '\0';
    *size = used;
    return reply;
}

char *client_exchange(uint16_t port, const void *data, size_t size, size_t piece, size_t *out_size)
{
    int fd = client_connect(port);
    const char *at = data;
    if (piece == 0)
        piece = size;
    for (size_t sent = 0; sent < size; sent += piece)
        client_send(fd, at + sent, size - sent < piece ? size - sent : piece);
    shutdown(fd, SHUT_WR);
    char *reply = client_drain(fd, out_size);
    close(fd);
    return reply;
}

void dates_mask(char *reply, size_t *size)
{
    static const char field[] = "\r\nDate: ";
    const size_t value = 29;
    char *from = reply, *to = reply, *end = reply + *size;
    while (from < end) {
        if ((size_t)(end - from) >= sizeof field - 1 + value &&
            memcmp(from, field, sizeof field - 1) == 0) {
            memmove(to, from, sizeof field - 1);
            to += sizeof field - 1;
            *to++ = 'D';
            from += sizeof field - 1 + value;
        } else {
            *to++ = *from++;
        }
    }
    *to = '\0';
    *size = (size_t)(to - reply);
}

void host_expect(const host_t *host, const char *request, const char *wanted)
{
    for (size_t piece = 0; piece < 2; piece++) {
        size_t size;
        char *reply = client_exchange(host->port, request, strlen(request), piece, &size);
        dates_mask(reply, &size);
        assert_string_equal(reply, wanted);
        free(reply);
    }
}
