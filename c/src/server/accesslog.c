/*
 * The log's thread. Each worker appends to a buffer of its own, so that it waits for nobody but,
 * for an instant, the thread that takes the buffer away and leaves an empty one. The first line
 * after a silence wakes the thread, which then lets more lines gather before it writes them all.
 * It is the thread, too, that opens the file anew and says what was lost: both may take their time.
 */
#include "server/accessline.h"
#include "server/logfile.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <uv.h>

#define SHARDS 16u /* workers past this many share */

/* With somebody who does not read, and who reads too slowly, when the log ends. */
#define PATIENCE_MS 500
#define ENDING_MS   5000

#define RECOVERED_MS 1000 /* without a loss */

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
    pthread_t thread;
    pthread_mutex_t mutex; /* guards what follows, with `wakes` */
    pthread_cond_t wakes;
    bool hurries; /* a buffer is more than half full, or one of the next two */
    bool ends;
    bool reopens;
    atomic_bool waits; /* some line waits for the thread */
    _Atomic(uint64_t) dropped;
    /* The thread's own: */
    cz_logfile_t file;
    char *spare;       /* an empty buffer */
    int error;         /* of the last write that failed */
    uint64_t told;     /* what was lost when it last looked */
    uint64_t lost_ms;  /* when it last saw a loss; 0: none, or that is over */
    uint64_t ended_ms; /* when it saw that the log ends; 0: not yet */
    bool gave_up;      /* then; nothing more is waited for */
    char path[];
};

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

__attribute__((format(printf, 2, 3))) static void say(const catzilla_accesslog_t *log,
                                                      const char *format, ...)
{
    char line[512];
    va_list arguments;
    if (log->options.log == NULL)
        return;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    log->options.log(CATZILLA_LOG_WARNING, line, log->options.log_data);
}

static const char *reason_of(int error)
{
    return error == 0 ? "too slow" : uv_strerror(uv_translate_sys_error(error));
}

/* Says when lines begin to be lost, and when that is over; not for each of them. */
static void tell(catzilla_accesslog_t *log)
{
    uint64_t dropped = atomic_load(&log->dropped);
    uint64_t now = now_ms();
    if (dropped != log->told) {
        if (log->lost_ms == 0)
            say(log, "access log loses lines reason=\"%s\"", reason_of(log->error));
        log->lost_ms = now;
    } else if (log->lost_ms != 0 && now - log->lost_ms >= RECOVERED_MS) {
        say(log, "access log loses no more lines lost=%" PRIu64, dropped);
        log->lost_ms = 0;
        log->error = 0;
    }
    log->told = dropped;
}

static uint64_t lines_in(const char *bytes, size_t size)
{
    uint64_t lines = 0;
    for (size_t i = 0; i < size; i++)
        lines += bytes[i] == '\n';
    return lines;
}

static bool asked(catzilla_accesslog_t *log, bool *what)
{
    pthread_mutex_lock(&log->mutex);
    bool answer = *what;
    pthread_mutex_unlock(&log->mutex);
    return answer;
}

static void reopen(catzilla_accesslog_t *log)
{
    pthread_mutex_lock(&log->mutex);
    bool wanted = log->reopens;
    log->reopens = false;
    pthread_mutex_unlock(&log->mutex);
    if (wanted && cz_logfile_open(&log->file, log->path) != 0)
        say(log, "access log cannot be opened anew, the old file goes on path=%.200s reason=\"%s\"",
            log->path, reason_of(errno));
}

/* Whether to try again to write to a file that takes nothing now. */
static bool wait_for_room(catzilla_accesslog_t *log)
{
    bool ended = asked(log, &log->ends);
    if (log->gave_up)
        return false;
    if (ended && log->ended_ms == 0)
        log->ended_ms = now_ms();
    bool room = cz_logfile_wait(&log->file, PATIENCE_MS);
    tell(log);
    log->gave_up = ended && (!room || now_ms() - log->ended_ms > ENDING_MS);
    return !log->gave_up;
}

static void lose(catzilla_accesslog_t *log, const char *bytes, size_t size)
{
    atomic_fetch_add(&log->dropped, lines_in(bytes, size));
    cz_logfile_tear(&log->file);
}

static void write_all(catzilla_accesslog_t *log, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t written = cz_logfile_write(&log->file, bytes, size);
        if (written >= 0) {
            bytes += written;
            size -= (size_t)written;
        } else if (errno == EAGAIN && wait_for_room(log)) {
            /* A line that is half in a file is finished there, so that both have whole ones. */
            if (!log->file.within)
                reopen(log);
        } else if (errno != EINTR) {
            /* A full disk is no reason to stop serving, nor a dead reader one not to end. */
            log->error = errno == EAGAIN ? 0 : errno;
            lose(log, bytes, size);
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
    while (!atomic_load(&log->waits) && !log->ends && !log->reopens)
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
    bool goes_on;
    do {
        goes_on = wait_for_lines(log);
        reopen(log);
        write_shards(log);
        tell(log);
    } while (goes_on);
    if (log->told > 0)
        say(log, "access log ended lost=%" PRIu64, log->told);
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
    cz_logfile_close(&log->file);
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
    log->file.fd = -1;
    rc = CATZILLA_ERR_NOMEM;
    log->spare = catzilla_malloc(own.buffer_bytes);
    if (log->spare == NULL)
        goto failed;
    if (own.path != NULL) {
        memcpy(log->path, own.path, path_size);
        rc = cz_logfile_open(&log->file, log->path);
    } else {
        rc = cz_logfile_duplicate(&log->file, own.fd);
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
    if (log->path[0] == '\0')
        return 0;
    pthread_mutex_lock(&log->mutex);
    log->reopens = log->hurries = true;
    pthread_cond_signal(&log->wakes);
    pthread_mutex_unlock(&log->mutex);
    return 0;
}

uint64_t catzilla_accesslog_dropped(const catzilla_accesslog_t *log)
{
    return atomic_load(&log->dropped);
}
