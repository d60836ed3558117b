#include "signals.h"

#include "log.h"

#include <inttypes.h>
#include <signal.h>

/* The first SIGTERM lets what runs finish, the second does not wait for that. */
static void on_term(catzilla_server_t *server, int signum, void *user_data)
{
    signals_t *signals = user_data;
    (void)signum;
    if (signals->draining)
        catzilla_server_stop(server);
    else
        catzilla_server_drain(server, signals->drain_ms);
    signals->draining = true;
}

/* A log that cannot be opened anew goes on in the old file. */
static void on_hup(catzilla_server_t *server, int signum, void *user_data)
{
    const signals_t *signals = user_data;
    (void)server;
    (void)signum;
    int rc = signals->log == NULL ? 0 : catzilla_accesslog_reopen(signals->log);
    if (rc != 0)
        complain("the access log cannot be opened anew: %s", catzilla_strerror(rc));
}

int signals_watch(catzilla_server_t *server, signals_t *signals)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGPIPE, &ignore, NULL);
    int rc = catzilla_server_watch_signal(server, SIGINT, NULL, NULL);
    if (rc == 0)
        rc = catzilla_server_watch_signal(server, SIGTERM, on_term, signals);
    if (rc == 0)
        rc = catzilla_server_watch_signal(server, SIGHUP, on_hup, signals);
    return rc;
}

void signals_tell(const catzilla_server_t *server)
{
    catzilla_drain_report_t report = CATZILLA_DRAIN_REPORT_INIT;
    if (catzilla_server_drain_report(server, &report) == 0 && report.aborted > 0)
        complain("drain cut connections off: finished=%" PRIu64 " aborted=%" PRIu64
                 " bytes_unsent=%" PRIu64 "; a longer --drain waits for them",
                 report.finished, report.aborted, report.bytes_unsent);
}
