/*
 * The threads in which workers serve. Threads of ours block every signal, so that the host's
 * handlers run in the host's own threads; libuv's signals come through a pipe all the same.
 */
#define _GNU_SOURCE /* pthread_setaffinity_np */
#include "server/instance.h"

#include <sched.h>
#include <signal.h>

/* Listens if need be, and readies every worker. */
static int begin(catzilla_server_t *server)
{
    int rc = 0;
    if (server->state != CZ_SERVER_IDLE)
        return CATZILLA_ERR_STATE;
    if (!server->listening)
        rc = catzilla_server_listen(server);
    for (uint32_t i = 0; i < server->worker_count && rc == 0; i++)
        rc = cz_worker_start(&server->workers[i]);
    if (rc != 0)
        return rc;
    server->state = CZ_SERVER_RUNNING;
    server->routes.sealed = true;
    return 0;
}

/* Keeps the calling thread on the processor whose turn it is; false where it stays free. */
static bool pin(const cz_worker_t *worker, cpu_set_t *before)
{
    cpu_set_t own;
    if (!worker->options->pin_workers ||
        pthread_getaffinity_np(pthread_self(), sizeof *before, before) != 0)
        return false;
    unsigned turn = worker->index % (unsigned)CPU_COUNT(before);
    size_t cpu = 0;
    while (!CPU_ISSET(cpu, before) || turn-- > 0)
        cpu++;
    CPU_ZERO(&own);
    CPU_SET(cpu, &own);
    return pthread_setaffinity_np(pthread_self(), sizeof own, &own) == 0;
}

static void *serve(void *data)
{
    cpu_set_t before;
    bool pinned = pin(data, &before);
    cz_worker_run(data);
    /* The first worker's thread is the caller's. */
    if (pinned)
        pthread_setaffinity_np(pthread_self(), sizeof before, &before);
    return NULL;
}

static void join(catzilla_server_t *server, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++)
        pthread_join(server->workers[i].thread, NULL);
}

/* Closes the workers from `from` on, which have no thread. */
static void close_from(catzilla_server_t *server, uint32_t from)
{
    for (uint32_t i = from; i < server->worker_count; i++) {
        cz_server_look(&server->workers[i]);
        cz_worker_close(&server->workers[i]);
    }
}

/* Starts the workers from `first` on in threads; on failure none is left and all are closed. */
static int threads_start(catzilla_server_t *server, uint32_t first)
{
    sigset_t all, before;
    uint32_t at;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (at = first; at < server->worker_count; at++) {
        cz_worker_t *worker = &server->workers[at];
        if (pthread_create(&worker->thread, NULL, serve, worker) != 0)
            break;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (at == server->worker_count)
        return 0;
    catzilla_server_stop(server);
    join(server, first, at);
    close_from(server, at);
    if (first > 0)
        cz_worker_run(&server->workers[0]);
    cz_server_ended(server);
    return CATZILLA_ERR_SYSTEM;
}

int catzilla_server_run(catzilla_server_t *server)
{
    int rc = server->in_loop ? CATZILLA_ERR_STATE : begin(server);
    if (rc == 0)
        rc = threads_start(server, 1);
    if (rc != 0)
        return rc;
    serve(&server->workers[0]);
    join(server, 1, server->worker_count);
    cz_server_ended(server);
    return 0;
}

int catzilla_server_start(catzilla_server_t *server)
{
    int rc = begin(server);
    if (rc == 0 && server->in_loop) {
        cz_server_look(&server->workers[0]); /* a stop may have been asked for already */
        return 0;
    }
    if (rc == 0)
        rc = threads_start(server, 0);
    if (rc == 0)
        server->threaded = true;
    return rc;
}

int catzilla_server_join(catzilla_server_t *server)
{
    if (!server->threaded)
        return CATZILLA_ERR_STATE;
    join(server, 0, server->worker_count);
    server->threaded = false;
    cz_server_ended(server);
    return 0;
}
