/* A restart without a gap: a new process gets the listening sockets. Layer: app. */
#ifndef CZ_APP_RESTART_H
#define CZ_APP_RESTART_H
#include <catzilla/listener.h>
#include <stdbool.h>
#include <sys/types.h>

/* Which file a unix socket has, in words: there may be another at its path one day. */
typedef struct unix_file {
    char name[48]; /* empty: none that is this process's to remove */
} unix_file_t;

/*
 * Runs the program `argv` anew, with the sockets of `server` as systemd would hand them over, and
 * leaves `file` to it. Returns the process, or -1 with errno.
 */
pid_t restart_spawn(const catzilla_server_t *server, char **argv, const unix_file_t *file);

/* The file at `path`, which this process has made. */
void restart_file_made(const char *path, unix_file_t *out);

/* The same where a predecessor has left it to this process: `server` then removes it. */
void restart_file_left(catzilla_server_t *server, const char *path, unix_file_t *out);

/* Tells who has spawned this process, if anybody did, that it serves: by SIGTERM. */
void restart_ready(void);

#endif
