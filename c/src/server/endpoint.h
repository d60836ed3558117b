/* What a server listens on, and which of its sockets goes to which worker. Layer: server. */
#ifndef CZ_SERVER_ENDPOINT_H
#define CZ_SERVER_ENDPOINT_H
#include <catzilla/listener.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

typedef enum cz_endpoint_kind {
    CZ_ENDPOINT_TCP,
    CZ_ENDPOINT_UNIX,
    CZ_ENDPOINT_SOCKET /* made by somebody else */
} cz_endpoint_kind_t;

/* General class. */
typedef struct cz_endpoint {
    struct cz_endpoint *next;
    cz_endpoint_kind_t kind;
    uint16_t port;
    uint32_t mode;
    bool made; /* the file of a unix socket is ours: this one */
    dev_t device;
    ino_t inode;
    uint32_t count; /* distinct sockets */
    int *fds;       /* those; behind them the first duplicate of each, while they are opened */
    _Atomic(int)
        *shown;  /* what other threads may ask for: each until its listener closes, then -1 */
    char text[]; /* host or path; of a socket made elsewhere its path, if any */
} cz_endpoint_t;

/* Binds everything and opens the workers' listeners; on failure nothing is left open. */
int cz_endpoints_listen(catzilla_server_t *server);

/* The listener with the socket `fd` closes; in its worker's thread. */
void cz_endpoints_forget(catzilla_server_t *server, int fd);

/* Removes the files of unix sockets that are still ours. */
void cz_endpoints_unlink(catzilla_server_t *server);

void cz_endpoints_free(catzilla_server_t *server);

#endif
