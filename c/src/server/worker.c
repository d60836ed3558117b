/*
 * One loop: its tick, the check that sends what an iteration has gathered, and the handle by which
 * other threads wake it. A worker shares nothing that changes but its mailbox and the gate.
 */
#include "server/connection.h"
#include "server/instance.h"

#include "http/date.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define CACHED_BYTES (4u << 20) /* what a pool keeps at most while it is busy */
#define TICK_MS      500u
#define TICK_MIN_MS  10u
#define MOMENT_MS    2000u /* for who has connected, but not asked, when a drain begins */

void cz_log(const catzilla_server_options_t *options, int level, const char *format, ...)
{
    char line[512];
    va_list arguments;
    if (options->log == NULL || level > (int)options->log_level)
        return;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    options->log(level, line, options->log_data);
}

const char *cz_worker_date_renew(cz_worker_t *worker)
{
    worker->date_fresh = true;
    int64_t now = (int64_t)time(NULL);
    if (now != worker->date_second) {
        worker->date_second = now;
        memcpy(worker->date_line, "Date: ", 6);
        cz_date_format(now, worker->date_line + 6);
        memcpy(worker->date_line + 6 + CZ_DATE_SIZE, "\r\n", 2);
    }
    return worker->date_line;
}

uint64_t cz_worker_wall_ms(cz_worker_t *worker, uint64_t now_ns)
{
    if (worker->wall_ahead_ns == 0) {
        struct timespec wall;
        clock_gettime(CLOCK_REALTIME, &wall);
        worker->wall_ahead_ns =
            (uint64_t)wall.tv_sec * 1000000000 + (uint64_t)wall.tv_nsec - uv_hrtime();
    }
    return (worker->wall_ahead_ns + now_ns) / 1000000;
}

void cz_worker_flush_later(cz_worker_t *worker, cz_connection_t *connection)
{
    if (connection->flush_queued)
        return;
    connection->flush_queued = true;
    connection->flush_next = NULL;
    *worker->flush_end = connection;
    worker->flush_end = &connection->flush_next;
}

void cz_worker_flush_never(cz_worker_t *worker, cz_connection_t *connection)
{
    cz_connection_t **at = &worker->to_flush;
    /* A worker that stops flushes nothing any more. */
    if (!connection->flush_queued || worker->stopping)
        return;
    while (*at != connection)
        at = &(*at)->flush_next;
    *at = connection->flush_next;
    if (*at == NULL)
        worker->flush_end = at;
}

/*
 * Each once: what a flush lets a stream or a request add joins the list anew, and comes when the
 * loop has looked at everybody else. None of those in the list can go before it is their turn, as
 * closed connections leave at the iteration's end.
 */
static void flush_all(cz_worker_t *worker)
{
    cz_connection_t *next = worker->to_flush;
    worker->to_flush = NULL;
    worker->flush_end = &worker->to_flush;
    while (next != NULL) {
        cz_connection_t *connection = next;
        next = connection->flush_next;
        connection->flush_queued = false;
        cz_connection_flush(connection);
    }
}

static void on_more(uv_idle_t *more)
{
    (void)more;
}

/* What the end of a write or a timer gathered since the check must not wait for the poll. */
static void on_prepare(uv_prepare_t *prepare)
{
    cz_worker_t *worker = prepare->data;
    if (worker->to_flush != NULL)
        flush_all(worker);
    bool hurries = worker->to_flush != NULL;
    if (hurries == worker->hurries)
        return;
    worker->hurries = hurries;
    if (hurries)
        uv_idle_start(&worker->more, on_more);
    else
        uv_idle_stop(&worker->more);
}

static void on_check(uv_check_t *check)
{
    cz_worker_t *worker = check->data;
    flush_all(worker);
    worker->date_fresh = false;
    worker->wall_ahead_ns = 0;
}

static uint64_t tick_interval(const cz_worker_t *worker)
{
    uint64_t interval = TICK_MS;
    for (int wait = 0; wait < CZ_WAIT_KINDS; wait++) {
        uint64_t quarter = worker->deadlines.timeout_ms[wait] / 4;
        if (worker->deadlines.timeout_ms[wait] > 0 && quarter < interval)
            interval = quarter;
    }
    uint32_t total = worker->options->total_timeout_ms;
    if (total > 0 && total / 4 < interval)
        interval = total / 4;
    return interval < TICK_MIN_MS ? TICK_MIN_MS : interval;
}

static void expire(cz_worker_t *worker, uint64_t now)
{
    cz_wait_t wait;
    cz_deadline_t *deadline;
    while ((deadline = cz_deadline_next(&worker->deadlines, now, &wait)) != NULL) {
        char *inside = (char *)deadline - offsetof(cz_connection_t, deadline);
        cz_connection_expired((cz_connection_t *)(void *)inside, wait);
    }
    cz_connections_check_totals(worker, now);
}

static void on_tick(uv_timer_t *tick)
{
    cz_worker_t *worker = tick->data;
    uint64_t now = uv_now(worker->loop);
    /* A loop that a handler held up has not read yet what its peers may have sent in time; by the
     * next tick it has. */
    bool late = now - worker->ticked_ms > 2 * uv_timer_get_repeat(tick);
    worker->tick_skipped = late && !worker->tick_skipped;
    if (!worker->tick_skipped)
        expire(worker, now);
    worker->ticked_ms = now;
    if (!worker->active) {
        cz_regions_trim(&worker->regions);
        cz_pool_trim(&worker->requests);
        cz_pool_trim(&worker->responses);
        if (worker->open_count == 0) {
            cz_pool_trim(&worker->connections);
            uv_timer_stop(tick);
        }
        /* What the pools gave up lies in this thread's magazines, and pages of it may have aged. */
        catzilla_memory_thread_idle();
    }
    worker->active = false;
    cz_listener_retry(worker);
}

void cz_worker_tick_start(cz_worker_t *worker)
{
    uint64_t interval = tick_interval(worker);
    if (uv_is_active((uv_handle_t *)&worker->tick))
        return;
    worker->ticked_ms = uv_now(worker->loop);
    uv_timer_start(&worker->tick, on_tick, interval, interval);
}

static void on_wake(uv_async_t *wake)
{
    cz_worker_t *worker = wake->data;
    cz_server_look(worker);
    if (!worker->stopping)
        cz_listener_retry(worker);
}

void cz_worker_wake(cz_worker_t *worker)
{
    uv_async_send(&worker->wake);
}

/* Only a loop that is not the worker's own goes on without it. */
static void look_whether_gone(cz_worker_t *worker)
{
    if (worker->loop != &worker->own_loop && worker->stopping && worker->handles == 0 &&
        worker->open_count == 0)
        cz_server_left_loop(worker->server);
}

void cz_worker_handle_closed(cz_worker_t *worker)
{
    worker->handles--;
    look_whether_gone(worker);
}

void cz_worker_connection_closed(cz_worker_t *worker)
{
    worker->open_count--;
    cz_drain_check(worker);
    look_whether_gone(worker);
}

static void on_posts_closed(cz_posts_t *posts)
{
    char *inside = (char *)posts - offsetof(cz_worker_t, posts);
    cz_worker_handle_closed((cz_worker_t *)(void *)inside);
}

static void on_handle_closed(uv_handle_t *handle)
{
    cz_worker_handle_closed(handle->data);
}

/*
 * In debug mode nothing is cached, so that the memory layer sees every use of a block that was
 * given back. Memory is in use by now, so asking for no debug mode only says whether there is one.
 */
static size_t cached_limit(void)
{
    return catzilla_memory_set_debug(0) == 0 ? CACHED_BYTES : 0;
}

int cz_worker_open(cz_worker_t *worker, uv_loop_t *loop)
{
    worker->loop = loop == NULL ? &worker->own_loop : loop;
    worker->flush_end = &worker->to_flush;
    size_t cached = cached_limit();
    cz_pool_init(&worker->requests, catzilla_request_alloc, catzilla_request_free, cached);
    cz_pool_init(&worker->responses, catzilla_response_alloc, catzilla_response_free, cached);
    cz_pool_init(&worker->connections, catzilla_malloc, catzilla_free, cached);
    worker->regions.limit = worker->limits.max_memory;
    cz_deadlines_init(&worker->deadlines);
    worker->deadlines.timeout_ms[CZ_WAIT_REQUEST] = worker->options->idle_timeout_ms;
    worker->deadlines.timeout_ms[CZ_WAIT_HEAD] = worker->options->header_timeout_ms;
    worker->deadlines.timeout_ms[CZ_WAIT_BODY] = worker->options->body_timeout_ms;
    worker->deadlines.timeout_ms[CZ_WAIT_WRITE] = worker->options->write_timeout_ms;
    worker->deadlines.timeout_ms[CZ_WAIT_HALF_CLOSED] = worker->options->half_closed_timeout_ms;
    worker->deadlines.timeout_ms[CZ_WAIT_LINGER] = worker->options->linger_timeout_ms;
    if (worker->options->linger_timeout_ms == 0)
        worker->deadlines.timeout_ms[CZ_WAIT_LINGER] = MOMENT_MS;
    if (loop == NULL && uv_loop_init(worker->loop) != 0)
        return CATZILLA_ERR_SYSTEM;
    int rc = cz_posts_open(&worker->posts, worker->loop, cz_connection_completed, on_posts_closed);
    if (rc != 0) {
        if (loop == NULL)
            uv_loop_close(worker->loop);
        return rc;
    }
    /* These cannot fail, since a loop with one async handle has all that the second needs. */
    uv_async_init(worker->loop, &worker->wake, on_wake);
    uv_prepare_init(worker->loop, &worker->prepare);
    uv_check_init(worker->loop, &worker->check);
    uv_idle_init(worker->loop, &worker->more);
    uv_timer_init(worker->loop, &worker->tick);
    /* So that no connection finds its descriptor gone that was there when the server listened. */
    uv_tcp_init(worker->loop, &worker->spare);
    worker->wake.data = worker->tick.data = worker->spare.data = worker;
    worker->prepare.data = worker->check.data = worker->more.data = worker;
    worker->handles = 7;
    return 0;
}

int cz_worker_start(cz_worker_t *worker)
{
    if (worker->read_buffer == NULL)
        worker->read_buffer = catzilla_request_alloc(CZ_READ_BUFFER_SIZE);
    if (worker->read_buffer == NULL)
        return CATZILLA_ERR_NOMEM;
    /* Nor can these. */
    uv_prepare_start(&worker->prepare, on_prepare);
    uv_check_start(&worker->check, on_check);
    return 0;
}

void cz_worker_stop(cz_worker_t *worker)
{
    if (worker->stopping)
        return;
    worker->stopping = true;
    cz_posts_stop(&worker->posts);
    cz_listener_close_all(worker);
    uv_close((uv_handle_t *)&worker->wake, on_handle_closed);
    uv_close((uv_handle_t *)&worker->prepare, on_handle_closed);
    uv_close((uv_handle_t *)&worker->check, on_handle_closed);
    uv_close((uv_handle_t *)&worker->more, on_handle_closed);
    uv_close((uv_handle_t *)&worker->tick, on_handle_closed);
    uv_close((uv_handle_t *)&worker->spare, on_handle_closed);
    for (cz_connection_t *at = worker->open; at != NULL; at = at->next)
        cz_connection_close(at);
}

void cz_worker_close(cz_worker_t *worker)
{
    if (worker->loop == &worker->own_loop)
        uv_run(worker->loop, UV_RUN_DEFAULT);
    catzilla_request_free(worker->read_buffer);
    worker->read_buffer = NULL;
    cz_regions_trim(&worker->regions);
    cz_pool_trim(&worker->requests);
    cz_pool_trim(&worker->responses);
    cz_pool_trim(&worker->connections);
}

/*
 * libuv writes without MSG_NOSIGNAL, so a peer that goes away would end a host that does not
 * ignore SIGPIPE. Only this thread blocks it, and one that came meanwhile is taken off again.
 */
static bool pipe_signal_block(sigset_t *before)
{
    sigset_t pipe;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    return pthread_sigmask(SIG_BLOCK, &pipe, before) == 0 && sigismember(before, SIGPIPE) == 0;
}

static void pipe_signal_restore(const sigset_t *before)
{
    const struct timespec now = {0, 0};
    sigset_t pipe;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    sigtimedwait(&pipe, NULL, &now);
    pthread_sigmask(SIG_SETMASK, before, NULL);
}

void cz_worker_run(cz_worker_t *worker)
{
    sigset_t before;
    bool blocked = pipe_signal_block(&before);
    cz_server_look(worker); /* a stop may have been asked for before the loop could be told */
    uv_run(worker->loop, UV_RUN_DEFAULT);
    cz_worker_close(worker);
    if (blocked)
        pipe_signal_restore(&before);
}
