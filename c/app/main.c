/* The catzilla program: serves a directory, and shows on the way how the library is used. */
#include <catzilla/catzilla.h>

#include "flags.h"
#include "log.h"
#include "signals.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

/* The exit status of everything that kept the program from serving. */
#define STATUS_REFUSED 2

static int print_version(void)
{
    const char *jemalloc = catzilla_memory_has_jemalloc() ? catzilla_memory_jemalloc_version()
                                                          : "none (the system's allocator)";
    printf("catzilla %s\njemalloc %s\nlibuv %s\nllhttp %s\n", catzilla_version(), jemalloc,
           catzilla_server_libuv_version(), catzilla_server_llhttp_version());
    return fflush(stdout) == 0 ? 0 : 1;
}

/* An IPv6 address wants brackets before its port. */
static bool has_colon(const char *host)
{
    return strchr(host, ':') != NULL;
}

/* The low soft limit is for programs that use select(2); each connection wants a descriptor. */
static void raise_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static void complain_of_directory(const char *directory, int code)
{
    if (code == CATZILLA_ERR_NOT_FOUND)
        complain("%s: no such directory; name one to serve", directory);
    else if (code == CATZILLA_ERR_INVALID)
        complain("%s: not a directory; name one to serve", directory);
    else
        complain("%s: %s", directory, catzilla_strerror(code));
}

static void complain_of_address(const flags_t *flags, int code)
{
    const char *form = has_colon(flags->host) ? "[%s]:%u: %s%s" : "%s:%u: %s%s";
    const char *cure = "";
    if (code == CATZILLA_ERR_ADDRESS_IN_USE)
        cure = "; choose another --port";
    else if (code == CATZILLA_ERR_ADDRESS)
        cure = "; choose another --host, such as 127.0.0.1 or ::1";
    else if (code == CATZILLA_ERR_ACCESS)
        cure = "; choose a --port of 1024 or more";
    char line[256];
    snprintf(line, sizeof line, form, flags->host, flags->port, catzilla_strerror(code), cure);
    complain("%s", line);
}

static int listen_all(catzilla_server_t *server, const flags_t *flags, unix_file_t *file)
{
    size_t handed;
    int rc = catzilla_server_add_activation(server, &handed);
    if (rc != 0 || (handed > 0 && (rc = catzilla_server_listen(server)) != 0)) {
        complain("the sockets that were handed over: %s", catzilla_strerror(rc));
        return rc;
    }
    if (handed > 0)
        return 0;
    rc = catzilla_server_add_address(server, flags->host, (uint16_t)flags->port);
    if (rc == 0 && flags->path != NULL)
        rc = catzilla_server_add_unix(server, flags->path, 0660);
    if (rc == 0)
        rc = catzilla_server_listen(server);
    if (rc == 0 && flags->path != NULL)
        restart_file_made(flags->path, file);
    if (rc == 0)
        return 0;
    if (flags->path != NULL && strcmp(catzilla_server_trouble(server), flags->path) == 0)
        complain("%s: %s; choose another --unix", flags->path, catzilla_strerror(rc));
    else
        complain_of_address(flags, rc);
    return rc;
}

/* Says where the server is and which arena holds which class; whoever started us may be waiting. */
static void announce(const flags_t *flags, uint16_t port)
{
    catzilla_memory_stats_t stats;
    const char *form = has_colon(flags->host) ? "serving %s on http://[%s]:%u/\n"
                                              : "serving %s on http://%s:%u/\n";
    catzilla_memory_get_stats(&stats);
    if (port == 0)
        printf("serving %s on the sockets that were handed over\n", flags->directory);
    else
        printf(form, flags->directory, flags->host, (unsigned)port);
    printf("arenas request=%u response=%u cache=%u static=%u task=%u\n", stats.request_arena,
           stats.response_arena, stats.cache_arena, stats.static_arena, stats.task_arena);
    fflush(stdout);
}

static int run(catzilla_server_t *server, const flags_t *flags, catzilla_static_t *mount,
               catzilla_accesslog_t *log, char **argv)
{
    /* A drain of 0 seconds still ends, and a deadline of 0 is none. */
    signals_t signals = {
        .log = log, .argv = argv, .drain_ms = flags->drain == 0 ? 1 : flags->drain * 1000};
    uint16_t port;
    int rc = catzilla_server_route(server, "GET", "/{path*}", catzilla_static_serve, mount);
    if (rc == 0)
        rc = signals_watch(server, &signals);
    if (rc != 0) {
        complain("%s", catzilla_strerror(rc));
        return STATUS_REFUSED;
    }
    if (flags->proxy != NULL && catzilla_server_trust_proxy(server, flags->proxy) != 0) {
        complain("--proxy %s: give an address, a range such as 10.0.0.0/8, or unix", flags->proxy);
        return STATUS_REFUSED;
    }
    rc = listen_all(server, flags, &signals.file);
    if (rc != 0)
        return STATUS_REFUSED;
    /* Who hears that this process serves may end the one that has served so far, so that nothing
     * may be left that can fail: every worker has its thread by then. */
    rc = catzilla_server_start(server);
    if (rc != 0) {
        complain("the workers: %s; raise the limit of threads or memory, or lower --workers",
                 catzilla_strerror(rc));
        return STATUS_REFUSED;
    }
    /* Not before, since it is the predecessor's where this process cannot start. */
    if (flags->path != NULL && signals.file.name[0] == '\0')
        restart_file_left(server, flags->path, &signals.file);
    catzilla_server_port(server, &port);
    announce(flags, port);
    signals_ready();
    catzilla_server_join(server);
    signals_tell(server, flags->log_level);
    return 0;
}

static int serve(const flags_t *flags, char **argv)
{
    catzilla_accesslog_t *log;
    catzilla_static_t *mount;
    catzilla_server_t *server = NULL;
    catzilla_static_options_t content = CATZILLA_STATIC_OPTIONS_INIT;
    catzilla_server_options_t options = CATZILLA_SERVER_OPTIONS_INIT;
    int status = STATUS_REFUSED;
    int rc = access_log_open(flags->log, flags->log_format, &log);
    if (rc != 0) {
        complain("%s: %s; choose another --log", flags->log, catzilla_strerror(rc));
        return STATUS_REFUSED;
    }
    content.list = 1;
    /* Browsers ask whether what they have is still good, so an edited file shows at once. */
    content.cache_control = "no-cache";
    rc = catzilla_static_create(flags->directory, &content, &mount);
    if (rc != 0) {
        complain_of_directory(flags->directory, rc);
        goto close_log;
    }
    options.host = flags->host;
    options.port = (uint16_t)flags->port;
    options.workers = flags->workers;
    options.log = message_write;
    options.log_level = flags->log_level;
    if (log != NULL) {
        options.access = catzilla_accesslog_write;
        options.access_data = log;
    }
    rc = catzilla_server_create(&options, &server);
    if (rc == 0)
        status = run(server, flags, mount, log, argv);
    else
        complain("%s", catzilla_strerror(rc));
    catzilla_server_destroy(server);
    catzilla_static_destroy(mount);
close_log:
    catzilla_accesslog_destroy(log);
    return status;
}

int main(int argc, char **argv)
{
    flags_t flags;
    char trouble[FLAGS_TROUBLE_SIZE];
    if (flags_read(argc, argv, &flags, trouble) != 0) {
        complain("%s", trouble);
        return STATUS_REFUSED;
    }
    if (flags.command == COMMAND_HELP)
        return fputs(flags_help, stdout) >= 0 && fflush(stdout) == 0 ? 0 : 1;
    if (flags.command == COMMAND_VERSION)
        return print_version();
    catzilla_memory_set_log(trouble_write, NULL);
    /* First of all, since libuv may not have been used before; the process is ours. */
    int rc = catzilla_server_use_class_memory();
    if (rc == 0)
        rc = catzilla_memory_init();
    if (rc != 0) {
        complain("%s", catzilla_strerror(rc));
        return STATUS_REFUSED;
    }
    raise_descriptors();
    return serve(&flags, argv);
}
