/*
 * What the access log is told of a reply. A small one is told when it is handed over, since it
 * leaves with the iteration of the loop, and its request's bytes lie in a buffer that the next
 * connection uses. One that may take its time is told when its last byte has gone, or the
 * connection has: until then its request stays, without what its handler took.
 */
#include "server/connection.h"

typedef struct late_report {
    cz_connection_t *connection;
    catzilla_request_t *request;
    int status;
    uint64_t body_bytes;
    uint64_t end; /* of the reply, in what the connection has sent in all */
    uint64_t memory_peak;
} late_report_t;

static uint64_t memory_of(const cz_connection_t *connection, const catzilla_request_t *request)
{
    if (request == NULL)
        return 0;
    /* A request with a copy of its own has left the buffer to those behind it. */
    return cz_request_memory(request) + (request->detached == NULL ? connection->own_size : 0);
}

static void tell(cz_connection_t *connection, const catzilla_request_t *request, int status,
                 uint64_t body_bytes, uint64_t memory_peak)
{
    const catzilla_server_options_t *options = connection->worker->options;
    const catzilla_slice_t none = CATZILLA_SLICE("");
    bool parsed = request != NULL && request->message.head_complete;
    uint64_t now_ns = uv_hrtime();
    catzilla_access_t access;
    access.size = sizeof access;
    cz_peer_make(connection);
    access.peer = (catzilla_slice_t){connection->peer, connection->peer_size};
    access.method = parsed ? catzilla_request_method(request) : none;
    access.target = parsed ? catzilla_request_target(request) : none;
    access.status = status;
    access.body_bytes = body_bytes;
    access.duration_ns = request == NULL ? 0 : now_ns - request->started_ns;
    access.time_ms = cz_worker_wall_ms(connection->worker, now_ns);
    access.memory_peak = memory_peak;
    access.worker = connection->worker->index;
    access.version = none;
    if (parsed)
        access.version = request->message.head.minor == 0 ? CATZILLA_SLICE("HTTP/1.0")
                                                          : CATZILLA_SLICE("HTTP/1.1");
    access.request = parsed ? request : NULL;
    options->access(&access, options->access_data);
}

static void tell_late(void *data)
{
    const late_report_t *late = data;
    cz_connection_t *connection = late->connection;
    uint64_t unsent = late->end - connection->output.sent;
    uint64_t sent = unsent < late->body_bytes ? late->body_bytes - unsent : 0;
    tell(connection, late->request, late->status, sent, late->memory_peak);
    cz_request_destroy(late->request);
}

/* Whether it will be told when the reply, which the output has, is gone; the request stays then. */
static bool put_off(cz_connection_t *connection, catzilla_request_t *request, int status,
                    uint64_t body_bytes)
{
    cz_output_t *output = &connection->output;
    if (request == NULL || !request->message.head_complete)
        return false;
    late_report_t *late = cz_arena_take(&request->arena, sizeof *late);
    if (late == NULL || cz_request_keep_head(request) != 0 ||
        !cz_output_follow(output, tell_late, late))
        return false;
    cz_peer_make(connection); /* the socket may be gone by then */
    late->connection = connection;
    late->request = request;
    late->status = status;
    late->body_bytes = body_bytes;
    late->end = output->sent + output->queued;
    late->memory_peak = memory_of(connection, request);
    cz_request_end_region(request);
    return true;
}

void cz_report(cz_connection_t *connection, const catzilla_request_t *request, int status,
               uint64_t body_bytes)
{
    if (connection->worker->options->access != NULL)
        tell(connection, request, status, body_bytes, memory_of(connection, request));
}

bool cz_report_reply(cz_connection_t *connection, catzilla_request_t *request, int status,
                     uint64_t body_bytes)
{
    if (body_bytes > CZ_OUTPUT_COPIED && put_off(connection, request, status, body_bytes))
        return true;
    cz_report(connection, request, status, body_bytes);
    return false;
}
