/* One connection: reads, parses, answers, closes. Layer: server. */
#ifndef CZ_SERVER_CONNECTION_H
#define CZ_SERVER_CONNECTION_H
#include "http/request.h"
#include "server/output.h"
#include "server/worker.h"

/* Longest text of a peer: "[IPv6 with a zone]:65535". */
#define CZ_PEER_SIZE 64

/* Output past this stops the reading of further requests until half of it is gone. */
#define CZ_OUTPUT_HIGH (256u << 10)

/* Lives in the general class; idle it is all that a peer costs. */
typedef struct cz_connection {
    uv_tcp_t tcp;
    size_t block_size;
    cz_worker_t *worker;
    struct cz_connection *previous;
    struct cz_connection *next;
    struct cz_connection *flush_next;
    cz_deadline_t deadline;
    catzilla_request_t *request; /* being read; NULL between requests */
    char *own; /* bytes that could not be dealt with within one read; request class */
    size_t own_size;
    size_t own_used;
    size_t own_unparsed; /* where in `own` the bytes begin that wait for output to drain */
    cz_output_t output;
    int fd;
    uint32_t requests; /* answered so far */
    bool closing;
    bool flush_queued;
    bool writing; /* a uv_write is under way */
    bool reading;
    bool paused;     /* too much output waits */
    bool ends;       /* no further request is read; closes when the output is sent */
    bool lingers;    /* what still arrives is thrown away until the peer closes */
    bool peer_ended; /* the peer will send no more */
    uint8_t peer_size;
    char peer[CZ_PEER_SIZE]; /* "address:port", made when first asked for */
} cz_connection_t;

/* Takes a waiting connection off the listener. */
void cz_connection_accept(cz_worker_t *worker);

/* Sends what waits, from the check or when a write has ended. */
void cz_connection_flush(cz_connection_t *connection);

/* Closes at once; also a connection that is closing already. */
void cz_connection_close(cz_connection_t *connection);

/* What a connection waited for has not come in time. */
void cz_connection_expired(cz_connection_t *connection, cz_wait_t wait);

/* Arms the one deadline of the connection; the second chooses by what it reads. */
void cz_connection_wait(cz_connection_t *connection, cz_wait_t wait);
void cz_connection_wait_input(cz_connection_t *connection);

/* Goes on with what was put off, after output has drained. */
void cz_connection_resume(cz_connection_t *connection);

/* Answers the request that has been read, or with `status` one that was refused. */
void cz_connection_answer(cz_connection_t *connection);
void cz_connection_refuse(cz_connection_t *connection, int status);

#endif
