#include "signals.h"

#include "log.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* The first SIGTERM lets what runs finish, the second does not wait for that. */
static void on_term(catzilla_server_t *server, int signum, void *user_data)
{
    signals_t *signals = user_data;
    (void)signum;
    if (signals->successor > 0)
        catzilla_server_handed_over(server);
    else if (!signals->draining)
        catzilla_notify("STOPPING=1");
    if (signals->draining)
        catzilla_server_stop(server);
    else
        catzilla_server_drain(server, signals->drain_ms);
    signals->draining = true;
}

/* The new process ends this one by SIGTERM, once it listens. */
static void on_usr2(catzilla_server_t *server, int signum, void *user_data)
{
    signals_t *signals = user_data;
    (void)signum;
    if (signals->successor > 0 || signals->draining)
        return;
    signals->successor = restart_spawn(server, signals->argv, &signals->file);
    if (signals->successor > 0)
        return;
    signals->successor = 0;
    complain("no new process can be made: %s; this one goes on", strerror(errno));
}

static void on_child(catzilla_server_t *server, int signum, void *user_data)
{
    signals_t *signals = user_data;
    int status;
    (void)server;
    (void)signum;
    if (signals->successor <= 0 || waitpid(signals->successor, &status, WNOHANG) <= 0)
        return;
    signals->successor = 0;
    complain("the new process has ended, status=%d; this one goes on",
             WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

/* The log's thread does it, and complains where that fails. */
static void on_hup(catzilla_server_t *server, int signum, void *user_data)
{
    const signals_t *signals = user_data;
    (void)server;
    (void)signum;
    if (signals->log != NULL)
        catzilla_accesslog_reopen(signals->log);
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
    if (rc == 0)
        rc = catzilla_server_watch_signal(server, SIGUSR2, on_usr2, signals);
    if (rc == 0)
        rc = catzilla_server_watch_signal(server, SIGCHLD, on_child, signals);
    return rc;
}

void signals_ready(void)
{
    char state[64];
    snprintf(state, sizeof state, "READY=1\nMAINPID=%ld", (long)getpid());
    if (catzilla_notify(state) != 0)
        complain("the service manager cannot be told; look at NOTIFY_SOCKET");
    restart_ready();
}

/* Nothing of a request or a reply outlives the run: what these two classes tell is not 0 for a
 * leak. */
static void tell_live_bytes(void)
{
    static const char *const names[] = {"request", "response", "cache",
                                        "static",  "task",     "general"};
    char line[256];
    int used = 0;
    for (int type = CATZILLA_MEMORY_REQUEST; type <= CATZILLA_MEMORY_GENERAL; type++) {
        size_t live = 0;
        catzilla_memory_get_arena_stats((catzilla_memory_type_t)type, &live, NULL);
        used += snprintf(line + used, sizeof line - (size_t)used, " %s=%zu", names[type], live);
    }
    complain("ended: live%s", line);
}

void signals_tell(const catzilla_server_t *server, unsigned log_level)
{
    catzilla_drain_report_t report = CATZILLA_DRAIN_REPORT_INIT;
    if (catzilla_server_drain_report(server, &report) == 0 && report.aborted > 0)
        complain("drain cut connections off: finished=%" PRIu64 " aborted=%" PRIu64
                 " bytes_unsent=%" PRIu64 "; a longer --drain waits for them",
                 report.finished, report.aborted, report.bytes_unsent);
    if (log_level >= CATZILLA_LOG_INFO)
        tell_live_bytes();
}
