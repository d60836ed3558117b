/* What signals do to the program. Layer: app. */
#ifndef CZ_APP_SIGNALS_H
#define CZ_APP_SIGNALS_H
#include <catzilla/accesslog.h>
#include <stdbool.h>

typedef struct signals {
    catzilla_accesslog_t *log; /* or NULL */
    uint32_t drain_ms;         /* how long what runs may take after SIGTERM */
    bool draining;
} signals_t;

/*
 * SIGTERM drains `server`, SIGINT or a second SIGTERM stops it, SIGHUP opens the access log anew;
 * a client that went away ends nothing. Borrows `signals` while the server lives.
 */
int signals_watch(catzilla_server_t *server, signals_t *signals);

/* After the run: says what a drain had to cut off, if anything. */
void signals_tell(const catzilla_server_t *server);

#endif
