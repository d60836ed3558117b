/* One connection: reads, parses, answers, closes. Layer: server. */
#ifndef CZ_SERVER_CONNECTION_H
#define CZ_SERVER_CONNECTION_H
#include "http/request.h"
#include "server/output.h"
#include "server/peer.h"
#include "server/worker.h"

/* Lives in the general class; idle it is all that a peer costs. */
typedef struct cz_connection {
    uv_tcp_t tcp;
    cz_worker_t *worker;
    struct cz_connection *previous;
    struct cz_connection *next;
    struct cz_connection *flush_next;
    cz_deadline_t deadline;
    catzilla_request_t *request;  /* being read; NULL between requests */
    catzilla_response_t *early;   /* begun with the head, while the body is read */
    catzilla_response_t *pending; /* put off or streamed; nothing is parsed meanwhile */
    char *own; /* bytes that could not be dealt with within one read; request class */
    size_t own_size;
    size_t own_used;
    size_t own_unparsed; /* where in `own` the bytes begin that wait for output to drain */
    cz_output_t output;
    uint64_t began_ms; /* the request in progress, or the lingering; 0: neither */
    uint64_t mark;     /* how far what is waited for had come when the deadline was set */
    int fd;
    uint32_t requests; /* answered so far */
    uint32_t writing;  /* bytes that a uv_write under way was given; 0: none is */
    bool closing;
    bool flush_queued;
    bool reading;
    bool paused;       /* too much output waits */
    bool ends;         /* no further request is read; closes when the output is sent */
    bool lingers;      /* what still arrives is thrown away until the peer closes */
    bool shut;         /* our half is closed, and the peer's is waited for */
    bool gone;         /* closed, and waits for its reply to be completed */
    bool parsing;      /* a handler or reader may run */
    bool peer_ended;   /* the peer will send no more */
    bool drains;       /* the drain of its worker is about it */
    bool awaits_proxy; /* its first bytes are to say whom it speaks for */
    bool counted;      /* among those of its address */
    bool peer_known;   /* or cannot be known */
    uint8_t peer_size;
    char peer[CZ_PEER_SIZE]; /* "address:port", made when first asked for */
} cz_connection_t;

#define CZ_CONNECTION_BLOCK 512u

_Static_assert(sizeof(cz_connection_t) <= CZ_CONNECTION_BLOCK,
               "an idle connection costs one block of this size");

/* answer.c: a response for the request in progress; NULL when memory is exhausted. */
catzilla_response_t *cz_connection_response(cz_connection_t *connection);

/* Answers what no route is for: `rc` and `result` are what cz_request_route() gave. */
void cz_connection_answer_unrouted(cz_connection_t *connection, catzilla_response_t *response,
                                   int rc, catzilla_router_result_t result, catzilla_slice_t allow);

/* Runs the handler that the router led to, and what is around it. */
void cz_connection_run(cz_connection_t *connection, catzilla_response_t *response);

/* Runs what comes before the handler as far as it does without the body; false: answered. */
bool cz_connection_enter_early(cz_connection_t *connection, catzilla_response_t *response);

/* Logs a handler's code and answers 500. */
void cz_connection_failed(cz_connection_t *connection, catzilla_response_t *response, int rc);

/* Runs what comes after the handler, before the head is sent. */
void cz_connection_leave(catzilla_response_t *response);

/* Sends the response, or keeps it as pending where it is put off or streamed. */
void cz_connection_settle(cz_connection_t *connection, catzilla_response_t *response);

/* No memory for as much as a refusal: what was answered before is still sent. */
void cz_connection_give_up(cz_connection_t *connection);

/* Sends the response as the answer to the request in progress, and ends both. */
void cz_connection_finish(cz_connection_t *connection, catzilla_response_t *response);

/* Status line and header section to the output. */
int cz_connection_write_head(cz_connection_t *connection, catzilla_response_t *response);

/* report.c: one line for the access log, where there is one. */
void cz_report(cz_connection_t *connection, const catzilla_request_t *request, int status,
               uint64_t body_bytes);

/* The same, for an access log that there is, of a reply that the output has; true where it comes
 * later, and the request stays. */
bool cz_report_reply(cz_connection_t *connection, catzilla_request_t *request, int status,
                     uint64_t body_bytes);

/* pending.c: what replies ask of their connection. */
extern const cz_reply_ops_t cz_connection_reply_ops;

/* A reply that was put off has been completed; in the loop. */
void cz_connection_completed(catzilla_response_t *response);

/* The last byte of the pending reply is sent; or room may have come back. */
void cz_connection_pending_sent(cz_connection_t *connection);
void cz_connection_pending_drained(cz_connection_t *connection);

/* The connection is closed, with `unsent` bytes of output; false where another thread still has the
 * reply. */
bool cz_connection_pending_lost(cz_connection_t *connection, uint64_t unsent);

/* After an upgrade bytes go to the stream's owner, unparsed. */
static inline bool cz_connection_is_raw(const cz_connection_t *connection)
{
    return connection->pending != NULL && connection->pending->framing == CZ_FRAMING_RAW;
}
void cz_connection_raw_data(cz_connection_t *connection, char *data, size_t size);

/* Tells that owner of its peer's end; false where it does not want to know. */
bool cz_connection_raw_end(cz_connection_t *connection);

/*
 * early.c: runs the handler of a streaming route on a complete head, if it leads to one. Where the
 * peer `waits` to be told to go on with its body it answers if no route is for that, and runs the
 * middleware that does without the body.
 */
void cz_connection_early_begin(cz_connection_t *connection, bool waits);
void cz_connection_early_data(cz_connection_t *connection);
bool cz_connection_early_last(cz_connection_t *connection); /* false: the end is not to be told */
void cz_connection_early_end(cz_connection_t *connection);
void cz_connection_early_lost(cz_connection_t *connection);

/*
 * Gives the struct back, when nothing refers to it any more, and with it the connection's place:
 * who could leave and come again while requests of theirs live on would have any number of them.
 */
void cz_connection_release(cz_connection_t *connection);

/* Serves a socket that was accepted; false: no memory, and the socket is the caller's. */
bool cz_connection_adopt(cz_worker_t *worker, int fd);

/* Reads on, where it does not and may. */
void cz_connection_read_start(cz_connection_t *connection);

/* Sends what waits, from the check or when a write has ended. */
void cz_connection_flush(cz_connection_t *connection);

/* Closes at once; also a connection that is closing already. */
void cz_connection_close(cz_connection_t *connection);

/* The same, and the peer can tell that it is no orderly end. */
void cz_connection_reset(cz_connection_t *connection);

/* What a connection waited for has not come in time. */
void cz_connection_expired(cz_connection_t *connection, cz_wait_t wait);

/* How far what `wait` is about has come; only the difference of two readings tells anything. */
uint64_t cz_connection_progress(const cz_connection_t *connection, cz_wait_t wait);

/* Arms the one deadline of the connection; the second chooses by what it reads. */
void cz_connection_wait(cz_connection_t *connection, cz_wait_t wait);
void cz_connection_wait_input(cz_connection_t *connection);

/* Ends requests that take too long in all. */
void cz_connections_check_totals(cz_worker_t *worker, uint64_t now_ms);

/* Goes on with what was put off, after output has drained. */
void cz_connection_resume(cz_connection_t *connection);

/* Answers the request that has been read, or with `status` one that was refused. */
void cz_connection_answer(cz_connection_t *connection);
void cz_connection_refuse(cz_connection_t *connection, int status);

#endif
