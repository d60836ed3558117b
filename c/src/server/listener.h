/* Sockets that connections come by: made once a server, shared out to its workers. Layer: server.
 */
#ifndef CZ_SERVER_LISTENER_H
#define CZ_SERVER_LISTENER_H
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct cz_worker;

/* One socket in one worker's loop; general class. */
typedef struct cz_listener {
    uv_poll_t poll;
    struct cz_listener *next;
    struct cz_worker *worker;
    int fd;
    int held;   /* a connection that there was no memory for; -1: none */
    bool waits; /* a connection is ready, but there is no room for it yet; not polled meanwhile */
} cz_listener_t;

/* Accepts from `fd` in the worker's loop; takes `fd` in any case. */
int cz_listener_open(struct cz_worker *worker, int fd, int backlog);

/* Tries again where connections wait for room. */
void cz_listener_retry(struct cz_worker *worker);

/*
 * Accepts everything that waits at the worker's listeners, which are about to close: past the
 * limit of connections too, since to close a listener is to reset those in it.
 */
void cz_listener_empty(struct cz_worker *worker);

/* Closes all listeners of the worker. */
void cz_listener_close_all(struct cz_worker *worker);

#endif
