/* What signals do to the program. Layer: app. */
#ifndef CZ_APP_SIGNALS_H
#define CZ_APP_SIGNALS_H
#include "restart.h"

#include <catzilla/accesslog.h>
#include <stdbool.h>
#include <sys/types.h>

typedef struct signals {
    catzilla_accesslog_t *log; /* or NULL */
    char **argv;               /* what to run at a restart */
    unix_file_t file;          /* left to that */
    pid_t successor;           /* 0: none */
    uint32_t drain_ms;         /* how long what runs may take after SIGTERM */
    bool draining;
} signals_t;

/*
 * SIGTERM drains `server`, SIGINT or a second SIGTERM stops it, SIGHUP opens the access log anew;
 * SIGUSR2 runs the program anew on the same sockets; a client that went away ends nothing. Borrows
 * `signals` while the server lives.
 */
int signals_watch(catzilla_server_t *server, signals_t *signals);

/*
 * Tells the service manager, and the predecessor if there is one, that this process serves. The
 * predecessor ends then, so every worker has to run already.
 */
void signals_ready(void);

/* After the run: says what a drain had to cut off, if anything; to who wants to know, what lives.
 */
void signals_tell(const catzilla_server_t *server, unsigned log_level);

#endif
