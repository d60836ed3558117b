#define _GNU_SOURCE /* dup3 */
/*
 * The log's thread. Each worker appends to a buffer of its own, so that it waits for nobody but,
 * for an instant, the thread that takes the buffer away and leaves an empty one. The first line
 * after a silence wakes the thread, which then lets more lines gather before it writes them all.
 */
#include "server/accessline.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SHARDS 16u /* workers past this many share */

#define PATIENCE_MS 500 /* with a pipe that nobody reads, when the log ends */

typedef struct shard {
    pthread_mutex_t mutex;
    char *bytes; /* NULL until the first line */
    size_t used;
    cz_accessline_date_t date;
    char apart[64]; /* so that two workers share no cache line */
} shard_t;

struct catzilla_accesslog {
    shard_t shards[SHARDS];
    catzilla_accesslog_options_t options;
    int fd;
    pthread_t thread;
    pthread_mutex_t mutex; /* guards what follows, with `wakes` */
    pthread_cond_t wakes;
    bool hurries; /* a buffer is more than half full, or the log ends */
    bool ends;
    atomic_bool waits; /* some line waits for the thread */
    _Atomic(uint64_t) dropped;
    char *spare; /* the thread's own: an empty buffer */
    char path[];
};

static uint64_t lines_in(const char *bytes, size_t size)
{
    uint64_t lines = 0;
    for (size_t i = 0; i < size; i++)
        lines += bytes[i] == '\n';
    return lines;
}

static bool is_ending(catzilla_accesslog_t *log)
{
    pthread_mutex_lock(&log->mutex);
    bool ends = log->ends;
    pthread_mutex_unlock(&log->mutex);
    return ends;
}

static void write_all(catzilla_accesslog_t *log, const char *bytes, size_t size)
{
    while (size > 0) {
        struct pollfd ready = {log->fd, POLLOUT, 0};
        ssize_t written = write(log->fd, bytes, size);
        if (written >= 0) {
            bytes += written;
            size -= (size_t)written;
        } else if (errno == EAGAIN && (poll(&ready, 1, PATIENCE_MS) != 0 || !is_ending(log))) {
            continue;
        } else if (errno != EINTR) {
            /* A full disk is no reason to stop serving, nor a dead reader one not to end. */
            atomic_fetch_add(&log->dropped, lines_in(bytes, size));
            return;
        }
    }
}

static void write_shards(catzilla_accesslog_t *log)
{
    for (size_t i = 0; i < SHARDS; i++) {
        shard_t *shard = &log->shards[i];
        pthread_mutex_lock(&shard->mutex);
        char *bytes = shard->bytes;
        size_t used = shard->used;
        if (used > 0) {
            shard->bytes = log->spare;
            shard->used = 0;
        }
        pthread_mutex_unlock(&shard->mutex);
        if (used == 0)
            continue;
        log->spare = bytes;
        write_all(log, bytes, used);
    }
}

/* Waits for a line, and then a little for more. False when the log ends. */
static bool wait_for_lines(catzilla_accesslog_t *log)
{
    struct timespec until;
    pthread_mutex_lock(&log->mutex);
    while (!atomic_load(&log->waits) && !log->ends)
        pthread_cond_wait(&log->wakes, &log->mutex);
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += log->options.flush_ms / 1000;
    until.tv_nsec += (long)(log->options.flush_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    while (!log->hurries && pthread_cond_timedwait(&log->wakes, &log->mutex, &until) == 0) {
    }
    log->hurries = log->ends;
    bool ends = log->ends;
    pthread_mutex_unlock(&log->mutex);
    atomic_store(&log->waits, false);
    return !ends;
}

static void *run(void *data)
{
    catzilla_accesslog_t *log = data;
    while (wait_for_lines(log))
        write_shards(log);
    write_shards(log);
    return NULL;
}

static void wake(catzilla_accesslog_t *log, bool hurries)
{
    pthread_mutex_lock(&log->mutex);
    if (hurries)
        log->hurries = true;
    pthread_cond_signal(&log->wakes);
    pthread_mutex_unlock(&log->mutex);
}

/* Appends a line; 0 where there is no room for it. The shard is locked. */
static size_t append(const catzilla_accesslog_t *log, shard_t *shard,
                     const catzilla_access_t *access)
{
    size_t room = log->options.buffer_bytes;
    if (shard->bytes == NULL)
        shard->bytes = catzilla_malloc(room);
    if (shard->bytes == NULL || room - shard->used < CZ_ACCESSLINE_MOST)
        return 0;
    char *begin = shard->bytes + shard->used;
    char *end = cz_accessline_put(log->options.format, access, &shard->date, begin);
    size_t size = (size_t)(end - begin);
    shard->used += size;
    return size;
}

void catzilla_accesslog_write(const catzilla_access_t *access, void *data)
{
    catzilla_accesslog_t *log = data;
    shard_t *shard = &log->shards[access->worker % SHARDS];
    size_t half = log->options.buffer_bytes / 2;
    pthread_mutex_lock(&shard->mutex);
    size_t before = shard->used;
    size_t size = append(log, shard, access);
    /* Under the lock, so that who finds it set has the thread come by the line. */
    bool waits = atomic_load(&log->waits);
    pthread_mutex_unlock(&shard->mutex);
    if (size == 0)
        atomic_fetch_add(&log->dropped, 1);
    bool hurries = before < half && before + size >= half;
    if ((!waits && !atomic_exchange(&log->waits, true)) || hurries)
        wake(log, hurries);
}

static int file_open(const char *path, int *out)
{
    *out = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (*out >= 0)
        return 0;
    if (errno == ENOENT)
        return CATZILLA_ERR_NOT_FOUND;
    return errno == EACCES || errno == EPERM || errno == EROFS ? CATZILLA_ERR_ACCESS
                                                               : CATZILLA_ERR_SYSTEM;
}

static int options_read(const catzilla_accesslog_options_t *given,
                        catzilla_accesslog_options_t *out)
{
    if (given == NULL || given->size < sizeof given->size || given->size > sizeof *given)
        return CATZILLA_ERR_INVALID;
    memcpy(out, given, given->size);
    if ((out->path == NULL && out->fd < 0) || out->format < CATZILLA_ACCESSLOG_COMMON ||
        out->format > CATZILLA_ACCESSLOG_JSON || out->buffer_bytes < 2 * (size_t)CZ_ACCESSLINE_MOST)
        return CATZILLA_ERR_INVALID;
    return 0;
}

static int thread_start(catzilla_accesslog_t *log)
{
    sigset_t all, before;
    pthread_condattr_t monotonic;
    for (size_t i = 0; i < SHARDS; i++)
        pthread_mutex_init(&log->shards[i].mutex, NULL);
    pthread_mutex_init(&log->mutex, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&log->wakes, &monotonic);
    pthread_condattr_destroy(&monotonic);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&log->thread, NULL, run, log);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc == 0 ? 0 : CATZILLA_ERR_SYSTEM;
}

static void release(catzilla_accesslog_t *log)
{
    for (size_t i = 0; i < SHARDS; i++)
        catzilla_free(log->shards[i].bytes);
    catzilla_free(log->spare);
    if (log->fd >= 0)
        close(log->fd);
    catzilla_free(log);
}

int catzilla_accesslog_create(const catzilla_accesslog_options_t *options,
                              catzilla_accesslog_t **out)
{
    catzilla_accesslog_options_t own = CATZILLA_ACCESSLOG_OPTIONS_INIT;
    *out = NULL;
    int rc = options_read(options, &own);
    if (rc != 0)
        return rc;
    size_t path_size = own.path == NULL ? 1 : strlen(own.path) + 1;
    catzilla_accesslog_t *log = catzilla_malloc(sizeof *log + path_size);
    if (log == NULL)
        return CATZILLA_ERR_NOMEM;
    memset(log, 0, sizeof *log + path_size);
    log->options = own;
    log->fd = -1;
    rc = CATZILLA_ERR_NOMEM;
    log->spare = catzilla_malloc(own.buffer_bytes);
    if (log->spare == NULL)
        goto failed;
    if (own.path != NULL) {
        memcpy(log->path, own.path, path_size);
        rc = file_open(log->path, &log->fd);
    } else {
        log->fd = fcntl(own.fd, F_DUPFD_CLOEXEC, 0);
        rc = log->fd < 0 ? CATZILLA_ERR_INVALID : 0;
    }
    if (rc == 0)
        rc = thread_start(log);
    if (rc != 0)
        goto failed;
    *out = log;
    return 0;
failed:
    release(log);
    return rc;
}

void catzilla_accesslog_destroy(catzilla_accesslog_t *log)
{
    if (log == NULL)
        return;
    pthread_mutex_lock(&log->mutex);
    log->ends = log->hurries = true;
    pthread_cond_signal(&log->wakes);
    pthread_mutex_unlock(&log->mutex);
    pthread_join(log->thread, NULL);
    for (size_t i = 0; i < SHARDS; i++)
        pthread_mutex_destroy(&log->shards[i].mutex);
    pthread_mutex_destroy(&log->mutex);
    pthread_cond_destroy(&log->wakes);
    release(log);
}

int catzilla_accesslog_reopen(catzilla_accesslog_t *log)
{
    int fd;
    if (log->path[0] == '\0')
        return 0;
    int rc = file_open(log->path, &fd);
    if (rc != 0)
        return rc;
    /* The number stays, so that the thread may be in the midst of a write. */
    rc = dup3(fd, log->fd, O_CLOEXEC) < 0 ? CATZILLA_ERR_SYSTEM : 0;
    close(fd);
    return rc;
}

uint64_t catzilla_accesslog_dropped(const catzilla_accesslog_t *log)
{
    return atomic_load(&log->dropped);
}
