/* What a log is written to, by one thread that may wait, but not for ever. Layer: server. */
#ifndef CZ_SERVER_LOGFILE_H
#define CZ_SERVER_LOGFILE_H
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

typedef enum cz_logfile_kind {
    CZ_LOGFILE_DISK,
    CZ_LOGFILE_PIPE, /* or a terminal: somebody has to read it */
    CZ_LOGFILE_SOCKET
} cz_logfile_kind_t;

typedef struct cz_logfile {
    int fd; /* -1: none */
    cz_logfile_kind_t kind;
    bool within; /* the last byte written did not end a line */
    bool torn;   /* and the rest of that line is lost */
} cz_logfile_t;

/*
 * Opens `path` to append to, and closes what was open before. A FIFO that nobody reads is an
 * error: nothing here waits for a reader. CATZILLA_ERR_NOT_FOUND, _ACCESS or _SYSTEM with errno;
 * `file` is as before then.
 */
int cz_logfile_open(cz_logfile_t *file, const char *path);

/* A duplicate of `fd`; CATZILLA_ERR_INVALID where it is none. */
int cz_logfile_duplicate(cz_logfile_t *file, int fd);

/*
 * Writes what the file takes without waiting, all of it perhaps; -1 with errno where that is
 * nothing. Behind a torn line it begins a new one first.
 */
ssize_t cz_logfile_write(cz_logfile_t *file, const char *bytes, size_t size);

/* What was to come next is given up. */
void cz_logfile_tear(cz_logfile_t *file);

/* Waits until the file takes something; false when it has not for as long. */
bool cz_logfile_wait(const cz_logfile_t *file, int timeout_ms);

void cz_logfile_close(cz_logfile_t *file);

#endif
