/* An access log in a file, written by a thread of its own. Layer: server. */
#ifndef CATZILLA_ACCESSLOG_H
#define CATZILLA_ACCESSLOG_H
#include <catzilla/server.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Opaque; lives in the general class. Any number of servers may write to one. */
typedef struct catzilla_accesslog catzilla_accesslog_t;

/* What a line looks like. */
typedef enum catzilla_accesslog_format {
    CATZILLA_ACCESSLOG_COMMON = 0,   /* NCSA's: host - - [date] "request line" status bytes */
    CATZILLA_ACCESSLOG_COMBINED = 1, /* with Referer and User-Agent behind it */
    CATZILLA_ACCESSLOG_JSON = 2      /* an object a line, with duration_us and memory_peak */
} catzilla_accesslog_format_t;

/* Start from the initialiser. Fields are only ever added at the end. */
typedef struct catzilla_accesslog_options {
    size_t size;                /* as the caller compiled it; absent fields take defaults */
    const char *path;           /* a file to append to; NULL: `fd` */
    int fd;                     /* where there is no path; duplicated */
    int format;                 /* a catzilla_accesslog_format_t */
    size_t buffer_bytes;        /* for each worker, and once more; lines past it are dropped */
    uint32_t flush_ms;          /* how long a line may wait for others to be written with it */
    catzilla_server_log_fn log; /* told of trouble, in the log's thread; NULL: nobody is */
    void *log_data;             /* handed to `log` */
} catzilla_accesslog_options_t;

/* The defaults, and neither a path nor a descriptor. */
#define CATZILLA_ACCESSLOG_OPTIONS_INIT                                                            \
    {                                                                                              \
        sizeof(catzilla_accesslog_options_t), NULL, -1, CATZILLA_ACCESSLOG_COMBINED, 64u << 10,    \
            200, NULL, NULL                                                                        \
    }

/**
 * Opens the log and starts its thread, which blocks every signal. It calls the `log` of the
 * options when lines begin to be lost and when that is over, at the end where any were, and when
 * the file cannot be opened anew.
 * Memory:  copies the path into the general class; borrows `log_data` until destroy.
 * Threads: any.
 * Errors:  CATZILLA_ERR_INVALID for neither path nor descriptor, an unknown format, less than
 *          16 KiB of buffer, or options newer than the library; CATZILLA_ERR_NOT_FOUND,
 *          CATZILLA_ERR_ACCESS or CATZILLA_ERR_SYSTEM where the file cannot be opened, such as a
 *          FIFO that nobody reads; CATZILLA_ERR_NOMEM.
 */
CATZILLA_API int catzilla_accesslog_create(const catzilla_accesslog_options_t *options,
                                           catzilla_accesslog_t **out);

/**
 * Writes what is left, ends the thread and closes the file. NULL is a no-op. A pipe, socket or
 * terminal that takes nothing for half a second, or not all within five, has had its time, and
 * what is left is dropped.
 * Threads: one, after every server that writes to it has ended.
 */
CATZILLA_API void catzilla_accesslog_destroy(catzilla_accesslog_t *log);

/**
 * A catzilla_access_fn whose user data is the log: puts one line where the thread finds it, and
 * never waits for the file. When that is too slow the line is dropped and counted.
 * Memory:  copies what it needs of `access`.
 * Threads: any; workers do not wait for one another.
 */
CATZILLA_API void catzilla_accesslog_write(const catzilla_access_t *access, void *log);

/**
 * Has the log's thread open the path anew, so that a file that was moved away is left alone soon.
 * What waits goes to the new file. Where it cannot be opened the old one is written on, and `log`
 * is told. Does nothing where the log was given a descriptor.
 * Threads: any; waits for nothing.
 * Errors:  none known; 0.
 */
CATZILLA_API int catzilla_accesslog_reopen(catzilla_accesslog_t *log);

/**
 * How many lines were lost, to a full buffer or a file that took no more.
 * Threads: any.
 */
CATZILLA_API uint64_t catzilla_accesslog_dropped(const catzilla_accesslog_t *log);

/**
 * Writes one line, its end included, for a program with a log of its own. Long values are cut.
 * Returns the line's length; nothing is written where `size` is less than 8192, and 0 returned.
 * Memory:  keeps nothing of `access`; writes to `out`, without a NUL.
 * Threads: any.
 */
CATZILLA_API size_t catzilla_accesslog_line(int format, const catzilla_access_t *access, char *out,
                                            size_t size);

#ifdef __cplusplus
}
#endif
#endif
