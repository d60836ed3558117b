/* A server in a thread of the test, and a client that says exactly what it is told. */
#ifndef TESTS_HTTP_HOST_H
#define TESTS_HTTP_HOST_H
#include <catzilla/server.h>

#include <stddef.h>
#include <stdint.h>

typedef struct host {
    catzilla_server_t *server;
    uint16_t port;
    unsigned long thread;
} host_t;

/* A server with the routes that the tests talk to; `options` may be NULL. */
void host_create(host_t *host, const catzilla_server_options_t *options);

/* Runs in a thread. */
void host_serve(host_t *host);

/* Listens on a port of the system's choice and runs in a thread. */
void host_start(host_t *host);

/* Stops, joins and destroys. */
void host_stop(host_t *host);

/* Joins a server that something else stops, and destroys it. */
void host_join(host_t *host);

/*
 * host_stop(), as a group's teardown: 0 when nothing of the server, its requests and its replies is
 * live any more, else -1.
 */
int host_end(host_t *host);

/* host_create() and host_start(). */
void host_run(host_t *host, const catzilla_server_options_t *options);

/* A connected socket that gives up after ten seconds. */
int client_connect(uint16_t port);

/* Sends all of it. */
void client_send(int fd, const void *data, size_t size);

/* Receives exactly `size` bytes; fails the test otherwise. */
void client_receive(int fd, char *out, size_t size);

/* Receives until the peer closes; what came, ended by NUL. Release with free(). */
char *client_drain(int fd, size_t *size);

/* Sends in pieces of `piece` bytes (0: at once), closes its half and drains. */
char *client_exchange(uint16_t port, const void *data, size_t size, size_t piece, size_t *out_size);

/* Replaces every Date field's value by "D", so that replies can be compared. */
void dates_mask(char *reply, size_t *size);

/* Sends the request at once and byte by byte; each time the masked reply must be `wanted`. */
void host_expect(const host_t *host, const char *request, const char *wanted);

#endif
