/* The catzilla program: serves a directory, and shows on the way how the library is used. */
#include <catzilla/catzilla.h>

#include "flags.h"
#include "listen.h"
#include "log.h"
#include "signals.h"

#include <stdio.h>
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

static int run(catzilla_server_t *server, const flags_t *flags, catzilla_static_t *mount,
               catzilla_accesslog_t *log, char **argv)
{
    /* A drain of 0 seconds still ends, and a deadline of 0 is none. */
    signals_t signals = {
        .log = log, .argv = argv, .drain_ms = flags->drain_ms == 0 ? 1 : flags->drain_ms};
    int rc = catzilla_server_route(server, "GET", "/{path*}", catzilla_static_serve, mount);
    if (rc == 0)
        rc = signals_watch(server, &signals);
    if (rc != 0) {
        complain("%s", catzilla_strerror(rc));
        return STATUS_REFUSED;
    }
    for (unsigned i = 0; i < flags->proxy_count; i++)
        if (catzilla_server_trust_proxy(server, flags->proxy[i]) != 0) {
            complain("--proxy %s: give an address, a range such as 10.0.0.0/8, or unix",
                     flags->proxy[i]);
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
    announce(server, flags);
    signals_ready();
    catzilla_server_join(server);
    signals_tell(server, flags->server.log_level);
    return 0;
}

static int serve(const flags_t *flags, char **argv)
{
    catzilla_accesslog_t *log;
    catzilla_static_t *mount;
    catzilla_server_t *server = NULL;
    catzilla_static_options_t content = CATZILLA_STATIC_OPTIONS_INIT;
    catzilla_server_options_t options = flags->server;
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
    options.log = message_write;
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
