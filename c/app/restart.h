/* A restart without a gap: a new process gets the listening sockets. Layer: app. */
#ifndef CZ_APP_RESTART_H
#define CZ_APP_RESTART_H
#include <catzilla/listener.h>
#include <stdbool.h>
#include <sys/types.h>

/*
 * Runs the program `argv` anew, with the sockets of `server` as systemd would hand them over.
 * Returns the process, or -1 with errno.
 */
pid_t restart_spawn(const catzilla_server_t *server, char **argv);

/* Tells who has spawned this process, if anybody did, that it serves: by SIGTERM. */
void restart_ready(void);

#endif
