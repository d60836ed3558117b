/*
 * Replies that outlast their handler: put off, streamed, or upgraded. While one is pending its
 * connection parses nothing further, so replies stay in order; what arrives meanwhile waits, up
 * to a bound, in the connection's own buffer.
 */
#include "server/connection.h"

#include <stdio.h>
#include <string.h>

/* Whether a reader has yet to be told of its body, which may be an empty one. */
static bool awaits_body(const catzilla_response_t *response)
{
    const cz_connection_t *connection = response->owner;
    const catzilla_request_t *request = response->request;
    return connection->early != NULL || (request->may_stream && request->reader != NULL);
}

static int on_defer(catzilla_response_t *response)
{
    cz_connection_t *connection = response->owner;
    catzilla_request_t *request = response->request;
    if (awaits_body(response))
        return CATZILLA_ERR_STATE;
    /* Another thread cannot ask the system, so the text is made now. */
    catzilla_request_peer(request);
    int rc = cz_request_detach(request);
    if (rc != 0)
        return rc;
    request->may_stream = false; /* nor may its body be read any more, which is another's now */
    cz_response_lend(response);
    response->phase = CZ_REPLY_DEFERRED;
    atomic_store(&response->put_off, true);
    connection->worker->posts.put_off++;
    return 0;
}

static void on_complete(catzilla_response_t *response, int result)
{
    cz_connection_t *connection = response->owner;
    /* Of several calls one counts, and none after the loop has begun to stream the reply. */
    if (!atomic_exchange(&response->put_off, false))
        return;
    response->result = result;
    cz_posts_complete(&connection->worker->posts, response);
}

static int on_watch(catzilla_response_t *response, void (*gone)(void *user_data), void *user_data)
{
    const cz_connection_t *connection = response->owner;
    if (!atomic_load(&response->put_off))
        return CATZILLA_ERR_STATE;
    if (connection->closing)
        return CATZILLA_ERR_CLOSED;
    response->gone = gone;
    response->gone_data = user_data;
    return 0;
}

static void take_back(catzilla_response_t *response)
{
    cz_request_return(response->request);
    cz_response_return(response);
    response->phase = CZ_REPLY_BUILDING;
}

void cz_connection_completed(catzilla_response_t *response)
{
    cz_connection_t *connection = response->owner;
    catzilla_request_t *request = response->request;
    take_back(response);
    connection->pending = NULL;
    if (connection->closing) {
        cz_report(connection, request, response->status, 0);
        cz_response_destroy(response);
        cz_request_destroy(request);
        if (connection->gone)
            cz_connection_release(connection);
        return;
    }
    connection->request = request;
    if (response->result != 0)
        cz_connection_failed(connection, response, response->result);
    cz_connection_finish(connection, response);
    cz_connection_resume(connection);
}

/*
 * Writes the head of a streamed reply; the connection ends where nothing else ends the body. On
 * failure a reply that was put off stays so, and is still to be completed.
 */
static int on_begin(catzilla_response_t *response)
{
    cz_connection_t *connection = response->owner;
    bool put_off = response->phase == CZ_REPLY_DEFERRED;
    bool ended = connection->ends, lingered = connection->lingers;
    int rc = 0;
    if (awaits_body(response) || (put_off && !atomic_load(&response->put_off)))
        return CATZILLA_ERR_STATE;
    if (connection->closing)
        return CATZILLA_ERR_CLOSED;
    if (!put_off && response->request->detached == NULL) {
        rc = cz_request_detach(response->request);
        if (rc != 0)
            return rc;
        cz_request_return(response->request);
    }
    /* The log asks for it when the socket may be gone. */
    catzilla_request_peer(response->request);
    if (response->framing == CZ_FRAMING_CLOSE)
        connection->ends = true;
    cz_connection_leave(response);
    cz_output_mark_t mark = cz_output_mark(&connection->output);
    rc = cz_connection_write_head(connection, response);
    /* Another thread may have completed it meanwhile; then it is that reply which is sent. */
    if (rc == 0 && put_off && !atomic_exchange(&response->put_off, false)) {
        cz_output_cut(&connection->output, &connection->worker->responses, &mark);
        rc = CATZILLA_ERR_STATE;
    }
    if (rc != 0) {
        connection->ends = ended;
        connection->lingers = lingered;
        return rc;
    }
    if (put_off) {
        take_back(response);
        connection->worker->posts.put_off--;
    }
    response->request->may_stream = false;
    /* Without a body the reply ends with its head, whoever would have written on. */
    response->phase = response->framing == CZ_FRAMING_NONE ? CZ_REPLY_ENDED : CZ_REPLY_STREAMING;
    cz_worker_flush_later(connection->worker, connection);
    return 0;
}

static int on_write(catzilla_response_t *response, catzilla_slice_t data)
{
    cz_connection_t *connection = response->owner;
    cz_pool_t *pool = &connection->worker->responses;
    char size_line[20];
    int extra = 0;
    if (connection->closing)
        return CATZILLA_ERR_CLOSED;
    size_t mark = connection->worker->options->max_output_bytes;
    size_t limit = mark > SIZE_MAX / 4 ? SIZE_MAX : 4 * mark;
    if (data.size > limit || connection->output.queued > limit - data.size)
        return CATZILLA_ERR_LIMIT;
    if (response->framing == CZ_FRAMING_CHUNKED)
        extra = snprintf(size_line, sizeof size_line, "%zx\r\n", data.size);
    char *room = cz_output_reserve(&connection->output, pool, data.size + (size_t)extra + 2);
    if (room == NULL)
        return CATZILLA_ERR_NOMEM;
    memcpy(room, size_line, (size_t)extra);
    memcpy(room + extra, data.data, data.size);
    memcpy(room + extra + data.size, "\r\n", 2);
    cz_output_commit(&connection->output, data.size + (extra > 0 ? (size_t)extra + 2 : 0));
    response->length += data.size;
    cz_worker_flush_later(connection->worker, connection);
    if (connection->output.queued < mark)
        return 0;
    response->wants_room = true;
    return CATZILLA_STREAM_FULL;
}

static void on_end(catzilla_response_t *response)
{
    static const char last[] = "0\r\n\r\n";
    cz_connection_t *connection = response->owner;
    if (connection->closing)
        return;
    if (response->framing == CZ_FRAMING_RAW)
        connection->ends = true;
    if (response->framing == CZ_FRAMING_CHUNKED) {
        char *room =
            cz_output_reserve(&connection->output, &connection->worker->responses, sizeof last - 1);
        if (room == NULL) {
            cz_connection_close(connection);
            return;
        }
        memcpy(room, last, sizeof last - 1);
        cz_output_commit(&connection->output, sizeof last - 1);
    }
    cz_worker_flush_later(connection->worker, connection);
}

static void on_abort(catzilla_response_t *response)
{
    cz_connection_reset(response->owner);
}

static int on_inform(catzilla_response_t *response, catzilla_slice_t link)
{
    static const char head[] = "HTTP/1.1 103 Early Hints\r\nLink: ";
    cz_connection_t *connection = response->owner;
    size_t size = sizeof head - 1 + link.size + 4;
    char *room = cz_output_reserve(&connection->output, &connection->worker->responses, size);
    if (room == NULL)
        return CATZILLA_ERR_NOMEM;
    memcpy(room, head, sizeof head - 1);
    memcpy(room + sizeof head - 1, link.data, link.size);
    memcpy(room + size - 4, "\r\n\r\n", 4);
    cz_output_commit(&connection->output, size);
    cz_worker_flush_later(connection->worker, connection);
    return 0;
}

const cz_reply_ops_t cz_connection_reply_ops = {on_defer, on_complete, on_begin,  on_write,
                                                on_end,   on_abort,    on_inform, on_watch};

/* Ends a streamed reply, of which some may be `unsent`, and tells its owner how. */
static void stream_close(cz_connection_t *connection, int result, uint64_t unsent)
{
    catzilla_response_t *response = connection->pending;
    catzilla_request_t *request = response->request;
    catzilla_stream_t stream = response->stream;
    connection->pending = NULL;
    connection->began_ms = 0;
    uint64_t sent = unsent < response->length ? response->length - unsent : 0;
    cz_report(connection, request, response->status, sent);
    cz_response_destroy(response);
    cz_request_destroy(request);
    connection->requests++;
    if (stream.on_close != NULL)
        stream.on_close(result, stream.user_data);
}

void cz_connection_pending_sent(cz_connection_t *connection)
{
    stream_close(connection, 0, 0);
    cz_connection_resume(connection);
}

bool cz_connection_pending_lost(cz_connection_t *connection, uint64_t unsent)
{
    const catzilla_response_t *response = connection->pending;
    if (response == NULL)
        return true;
    if (response->phase == CZ_REPLY_DEFERRED) {
        /* One that is completed already has nobody who could stop anything. */
        if (response->gone != NULL && atomic_load(&response->put_off))
            response->gone(response->gone_data);
        return false;
    }
    stream_close(connection, CATZILLA_ERR_CLOSED, unsent);
    return true;
}

void cz_connection_pending_drained(cz_connection_t *connection)
{
    catzilla_response_t *response = connection->pending;
    if (response->phase != CZ_REPLY_STREAMING || !response->wants_room ||
        connection->output.queued > connection->worker->options->max_output_bytes / 2)
        return;
    response->wants_room = false;
    if (response->stream.on_drain != NULL)
        response->stream.on_drain(response, response->stream.user_data);
}

void cz_connection_raw_data(cz_connection_t *connection, char *data, size_t size)
{
    catzilla_response_t *response = connection->pending;
    catzilla_slice_t slice = {data, size};
    if (size > 0 && response->phase == CZ_REPLY_STREAMING && response->stream.on_data != NULL)
        response->stream.on_data(response, slice, response->stream.user_data);
}

bool cz_connection_raw_end(cz_connection_t *connection)
{
    catzilla_response_t *response = connection->pending;
    if (response->phase != CZ_REPLY_STREAMING || response->stream.on_end == NULL)
        return false;
    response->stream.on_end(response, response->stream.user_data);
    return true;
}

catzilla_loop_t *catzilla_loop_of(const catzilla_request_t *request)
{
    const cz_connection_t *connection = request->owner;
    return (catzilla_loop_t *)(void *)connection->worker;
}

int catzilla_loop_post(catzilla_loop_t *loop, void (*call)(void *user_data), void *user_data)
{
    cz_worker_t *worker = (cz_worker_t *)(void *)loop;
    return cz_posts_call(&worker->posts, call, user_data);
}
