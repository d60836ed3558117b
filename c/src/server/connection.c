/*
 * One connection. Bytes are read into the worker's buffer and parsed there; only what a read
 * leaves unfinished moves to a buffer of the connection's own, into which the next read then goes
 * directly. Requests are answered one after another, so replies are in order whatever happens,
 * and gather in the output until the loop's check sends them.
 */
#include "server/connection.h"
#include "server/instance.h"

#include <string.h>
#include <sys/socket.h>

#define OWN_SMALLEST 1024u
#define OWN_ROOM     512u   /* free at least when a read begins */
#define PENDING_ROOM 16384u /* what is read ahead at most while a reply is pending */

static void parse(cz_connection_t *connection, char *data, size_t size);
static void read_settle(cz_connection_t *connection);

void cz_connection_wait(cz_connection_t *connection, cz_wait_t wait)
{
    cz_worker_t *worker = connection->worker;
    connection->mark = cz_connection_progress(connection, wait);
    cz_deadline_set(&worker->deadlines, &connection->deadline, wait, uv_now(worker->loop));
}

static void own_release(cz_connection_t *connection)
{
    if (connection->own == NULL)
        return;
    cz_pool_give(&connection->worker->requests, connection->own, connection->own_size);
    connection->own = NULL;
    connection->own_size = connection->own_used = connection->own_unparsed = 0;
}

static void request_release(cz_connection_t *connection)
{
    cz_request_destroy(connection->request);
    connection->request = NULL;
}

static void on_closed(uv_handle_t *handle)
{
    cz_connection_t *connection = handle->data;
    cz_worker_t *worker = connection->worker;
    if (connection->previous == NULL)
        worker->open = connection->next;
    else
        connection->previous->next = connection->next;
    if (connection->next != NULL)
        connection->next->previous = connection->previous;
    cz_worker_flush_never(worker, connection);
    cz_drain_count(connection);
    uint64_t unsent = connection->output.queued;
    cz_output_drop(&connection->output, &worker->responses);
    cz_connection_early_lost(connection);
    bool released = cz_connection_pending_lost(connection, unsent);
    request_release(connection);
    own_release(connection);
    if (released)
        cz_connection_release(connection);
    else
        connection->gone = true;
    cz_worker_connection_closed(worker);
}

void cz_connection_release(cz_connection_t *connection)
{
    cz_worker_t *worker = connection->worker;
    cz_peer_leave(connection);
    cz_pool_give(&worker->connections, connection, CZ_CONNECTION_BLOCK);
    if (cz_gate_leave(&worker->server->gate) && !worker->stopping)
        cz_server_wake(worker->server);
}

static void close_handle(cz_connection_t *connection)
{
    connection->closing = true;
    cz_connection_wait(connection, CZ_WAIT_NOTHING);
    uv_close((uv_handle_t *)&connection->tcp, on_closed);
}

void cz_connection_reset(cz_connection_t *connection)
{
    const struct linger at_once = {1, 0};
    if (connection->closing)
        return;
    setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close_handle(connection);
}

void cz_connection_close(cz_connection_t *connection)
{
    if (connection->closing)
        return;
    /* A body that only the connection's end ends would look whole after an orderly one. */
    if (connection->pending != NULL && connection->pending->framing == CZ_FRAMING_CLOSE)
        cz_connection_reset(connection);
    else
        close_handle(connection);
}

/* Makes room in the connection's own buffer; the request's offsets follow its first byte. */
static bool own_reserve(cz_connection_t *connection, size_t size)
{
    cz_pool_t *pool = &connection->worker->requests;
    if (size <= connection->own_size)
        return true;
    size_t capacity;
    char *grown = cz_pool_take(pool, size, &capacity);
    if (grown == NULL)
        return false;
    if (connection->own_used > 0)
        memcpy(grown, connection->own, connection->own_used);
    if (connection->request != NULL && connection->own != NULL)
        cz_parser_move(&connection->request->message, grown);
    cz_pool_give(pool, connection->own, connection->own_size);
    connection->own = grown;
    connection->own_size = capacity;
    return true;
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    cz_connection_t *connection = handle->data;
    (void)suggested;
    buffer->base = connection->worker->read_buffer;
    buffer->len = CZ_READ_BUFFER_SIZE;
    if (connection->own == NULL || connection->lingers)
        return;
    size_t used = connection->own_used;
    size_t wanted = used + OWN_ROOM;
    if (wanted > connection->own_size && connection->own_size * 2 > wanted)
        wanted = connection->own_size * 2;
    if (!own_reserve(connection, wanted)) {
        buffer->base = NULL;
        buffer->len = 0;
        return;
    }
    buffer->base = connection->own + used;
    buffer->len = connection->own_size - used;
}

static void on_ended(cz_connection_t *connection, ssize_t reason)
{
    /* No room to read into; libuv reads on, and from here on throws away what comes. */
    if (reason == UV_ENOBUFS) {
        cz_connection_refuse(connection, 503);
        return;
    }
    connection->reading = false;
    connection->peer_ended = true;
    bool owed = connection->output.first != NULL || connection->writing ||
                (connection->pending != NULL && !cz_connection_is_raw(connection));
    if (reason == UV_EOF && cz_connection_is_raw(connection) && cz_connection_raw_end(connection))
        owed = true;
    if (reason != UV_EOF || !owed) {
        cz_connection_close(connection);
        return;
    }
    /* The peer has only closed its half: what it asked for is still sent. */
    cz_connection_early_lost(connection);
    request_release(connection);
    cz_connection_wait_input(connection);
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer)
{
    cz_connection_t *connection = stream->data;
    if (connection->closing || size == 0)
        return;
    if (size < 0) {
        on_ended(connection, size);
        return;
    }
    /* A raw stream may be the connection's last reply, and still hears its peer. */
    if (cz_connection_is_raw(connection)) {
        cz_connection_raw_data(connection, buffer->base, (size_t)size);
        read_settle(connection);
        cz_connection_wait_input(connection);
        return;
    }
    /* Behind what has come more may be on its way. */
    if (connection->lingers || connection->ends) {
        connection->lingers = true;
        connection->mark -= (size_t)size; /* counts as progress */
        return;
    }
    if (connection->own == NULL) {
        /* A request in progress then needs nothing of what came before. */
        if (connection->request != NULL)
            cz_parser_move(&connection->request->message, buffer->base);
        parse(connection, buffer->base, (size_t)size);
        return;
    }
    /* What waits unparsed while a reply is pending comes before what was read now. */
    connection->own_used += (size_t)size;
    parse(connection, connection->own + connection->own_unparsed,
          connection->own_used - connection->own_unparsed);
}

void cz_connection_read_start(cz_connection_t *connection)
{
    if (connection->reading || connection->peer_ended || connection->closing)
        return;
    if (uv_read_start((uv_stream_t *)&connection->tcp, on_alloc, on_read) == 0)
        connection->reading = true;
    else
        cz_connection_close(connection);
}

static void read_stop(cz_connection_t *connection)
{
    uv_read_stop((uv_stream_t *)&connection->tcp);
    connection->reading = false;
}

/* The head is complete and its peer waits with the body until it is told to go on. */
static void go_on(cz_connection_t *connection)
{
    static const char line[] = "HTTP/1.1 100 Continue\r\n\r\n";
    cz_output_t *output = &connection->output;
    char *room = cz_output_reserve(output, &connection->worker->responses, sizeof line - 1);
    if (room == NULL)
        return; /* it goes on by itself after a while */
    memcpy(room, line, sizeof line - 1);
    cz_output_commit(output, sizeof line - 1);
    cz_worker_flush_later(connection->worker, connection);
}

/*
 * Whether bytes are of use now. A connection that ends reads on, to throw away what comes and to
 * see its peer's end; so does one with a reply pending, up to what it keeps for later.
 */
static bool may_read(const cz_connection_t *connection)
{
    if (connection->closing || connection->peer_ended || connection->paused)
        return false;
    if (connection->pending != NULL)
        return cz_connection_is_raw(connection)
                   ? !connection->pending->request->paused
                   : connection->own_used - connection->own_unparsed <= PENDING_ROOM;
    return connection->request == NULL || !connection->request->paused;
}

/* Starts or stops the reading, as things are now. */
static void read_settle(cz_connection_t *connection)
{
    if (may_read(connection) == connection->reading)
        return;
    if (connection->reading)
        read_stop(connection);
    else
        cz_connection_read_start(connection);
}

static bool request_begin(cz_connection_t *connection, char *base, uint64_t *now_ns);

/*
 * Keeps what this read leaves over: `data` to `end` was not parsed, and of an unfinished request
 * what its parser still needs lies before.
 */
static void keep_rest(cz_connection_t *connection, char *data, char *end)
{
    catzilla_request_t *request = connection->request;
    size_t kept = request == NULL ? 0 : cz_parser_kept(&request->message, data);
    size_t rest = (size_t)(end - data);
    size_t size = kept + rest;
    /* Of a body that its reader has dealt with nothing is left; the next read needs no copy. */
    if (connection->ends || size == 0) {
        own_release(connection);
        return;
    }
    if (connection->own == NULL) {
        size_t wanted = size + OWN_ROOM < OWN_SMALLEST ? OWN_SMALLEST : size + OWN_ROOM;
        if (!own_reserve(connection, wanted)) {
            cz_connection_refuse(connection, 503);
            return;
        }
    }
    if (request != NULL) {
        memmove(connection->own, request->message.base, kept);
        cz_parser_move(&request->message, connection->own);
    }
    memmove(connection->own + kept, data, rest);
    connection->own_used = size;
    connection->own_unparsed = kept;
}

void cz_connection_wait_input(cz_connection_t *connection)
{
    cz_wait_t wait = CZ_WAIT_REQUEST;
    const catzilla_request_t *request = connection->request;
    if (connection->closing || connection->writing)
        return;
    /* A reply put off or streamed, and a body whose reader pauses, take their handler's time. */
    if (connection->pending != NULL || (request != NULL && request->paused))
        wait = connection->reading ? CZ_WAIT_NOTHING : CZ_WAIT_HALF_CLOSED;
    else if (connection->lingers)
        return;
    else if (request != NULL)
        wait = request->message.head_complete ? CZ_WAIT_BODY : CZ_WAIT_HEAD;
    /* Head and body have one deadline each, however many reads they take. */
    if (wait == CZ_WAIT_REQUEST)
        cz_deadline_renew(&connection->worker->deadlines, &connection->deadline, wait,
                          uv_now(connection->worker->loop));
    else if (connection->deadline.wait != wait)
        cz_connection_wait(connection, wait);
}

/* The head is complete and a body follows, `more` of which has come already. */
static void on_head(cz_connection_t *connection, bool more)
{
    bool waits = connection->request->message.head.expect_continue && !more;
    cz_connection_early_begin(connection, waits);
    if (connection->request == NULL || connection->ends || connection->closing)
        return;
    cz_request_limit_kept(connection->request);
    const cz_message_t *message = &connection->request->message;
    if (message->head.content_length > message->max_body_bytes)
        cz_connection_refuse(connection, 413);
    else if (waits)
        go_on(connection);
}

static bool may_parse(const cz_connection_t *connection)
{
    return !connection->ends && !connection->closing && connection->pending == NULL &&
           !(connection->request != NULL && connection->request->paused);
}

/* Takes bytes that lie right behind those of the request in progress. */
static void parse(cz_connection_t *connection, char *data, size_t size)
{
    char *end = data + size;
    if (connection->awaits_proxy && !cz_peer_read_proxy(connection, &data, end)) {
        if (!connection->closing)
            keep_rest(connection, data, end);
        return;
    }
    connection->parsing = true;
    uint64_t now_ns = 0;
    while (data < end && may_parse(connection)) {
        if (connection->request == NULL &&
            connection->output.queued >= connection->worker->options->max_output_bytes) {
            connection->paused = true;
            cz_worker_flush_later(connection->worker, connection);
            break;
        }
        if (connection->request == NULL && !request_begin(connection, data, &now_ns)) {
            cz_connection_refuse(connection, 503);
            break;
        }
        size_t used;
        cz_message_t *message = &connection->request->message;
        cz_parse_result_t result = cz_parser_feed(message, data, (size_t)(end - data), &used);
        data += used;
        if (result == CZ_PARSE_HEAD) {
            on_head(connection, data < end);
        } else if (result == CZ_PARSE_DONE) {
            /* What came behind a request that ends the connection must not reset it. */
            cz_connection_answer(connection);
            if (connection->ends && data < end)
                connection->lingers = true;
        } else if (result == CZ_PARSE_REFUSED) {
            cz_connection_refuse(connection, message->status);
        } else {
            cz_connection_early_data(connection);
        }
    }
    connection->parsing = false;
    if (cz_connection_is_raw(connection)) {
        cz_connection_raw_data(connection, data, (size_t)(end - data));
        data = end;
        if (connection->peer_ended && !connection->closing)
            cz_connection_raw_end(connection);
        read_settle(connection);
    }
    if (data < end || connection->request != NULL) {
        keep_rest(connection, data, end);
        read_settle(connection);
    } else {
        own_release(connection);
    }
    cz_connection_wait_input(connection);
}

void cz_connection_resume(cz_connection_t *connection)
{
    if (connection->parsing)
        return;
    connection->paused = false;
    size_t unparsed = connection->own_unparsed;
    if (may_parse(connection) && connection->own != NULL && unparsed < connection->own_used)
        parse(connection, connection->own + unparsed, connection->own_used - unparsed);
    read_settle(connection);
    cz_connection_wait_input(connection);
}

/* The body was complete when its reader paused: now it ends, and what came behind it is parsed. */
static void end_late(cz_connection_t *connection)
{
    connection->parsing = true;
    cz_connection_answer(connection);
    connection->parsing = false;
    if (connection->closing)
        return;
    /* Nothing was read meanwhile, so bytes that nobody wants may wait in the socket. */
    connection->lingers = connection->ends;
    if (connection->own != NULL)
        parse(connection, connection->own + connection->own_unparsed,
              connection->own_used - connection->own_unparsed);
    if (!may_parse(connection) && connection->request == NULL)
        cz_connection_read_start(connection);
}

static void resume_reading(void *owner)
{
    cz_connection_t *connection = owner;
    if (!connection->parsing && connection->request != NULL && connection->request->ended)
        end_late(connection);
    cz_connection_resume(connection);
}

static catzilla_slice_t peer_text(void *owner)
{
    cz_connection_t *connection = owner;
    cz_peer_make(connection);
    catzilla_slice_t text = {connection->peer, connection->peer_size};
    return text;
}

static cz_regions_t *regions_of(void *owner)
{
    return &((cz_connection_t *)owner)->worker->regions;
}

static const cz_request_owner_ops_t owner_ops = {peer_text, resume_reading, regions_of};

/* Requests that came in one read began together, so the first of them asks for `*now_ns`. */
static bool request_begin(cz_connection_t *connection, char *base, uint64_t *now_ns)
{
    cz_worker_t *worker = connection->worker;
    connection->request =
        cz_request_create(&worker->requests, &worker->limits, base, &owner_ops, connection);
    if (connection->request == NULL)
        return false;
    if (worker->options->access != NULL) {
        if (*now_ns == 0)
            *now_ns = uv_hrtime();
        connection->request->started_ns = *now_ns;
    }
    connection->began_ms = connection->output.began_ms = uv_now(worker->loop);
    return true;
}
