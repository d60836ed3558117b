/*
 * Between fork and exec only what is safe in a signal handler may be called, since other threads
 * may hold locks. So the environment is made before, with room for the one number that only the
 * new process knows: its own.
 */
#include "restart.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRST_FD     3
#define MOST_SOCKETS 512
#define PARENT       "CATZILLA_PREDECESSOR="
#define UNIX_FILE    "CATZILLA_UNIX_FILE="

extern char **environ;

/* What differs from the environment of this process. */
typedef struct changes {
    char pid[sizeof "LISTEN_PID=" + 20];
    char fds[sizeof "LISTEN_FDS=" + 20];
    char parent[sizeof PARENT + 20];
    char file[sizeof UNIX_FILE + sizeof(unix_file_t)];
} changes_t;

static bool is_changed(const char *entry)
{
    return strncmp(entry, "LISTEN_", 7) == 0 || strncmp(entry, PARENT, sizeof PARENT - 1) == 0 ||
           strncmp(entry, UNIX_FILE, sizeof UNIX_FILE - 1) == 0;
}

/* A copy of the environment's list with the changes, for catzilla_free(); NULL: no memory. */
static char **environment_make(changes_t *changes)
{
    size_t count = 0, used = 0;
    while (environ[count] != NULL)
        count++;
    char **list = catzilla_malloc((count + 5) * sizeof *list);
    if (list == NULL)
        return NULL;
    for (size_t i = 0; i < count; i++)
        if (!is_changed(environ[i]))
            list[used++] = environ[i];
    list[used++] = changes->pid;
    list[used++] = changes->fds;
    list[used++] = changes->parent;
    list[used++] = changes->file;
    list[used] = NULL;
    return list;
}

/* Appends a number, by nothing that could take a lock. */
static void append_number(char *text, long number)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    char *end = text + strlen(text);
    memcpy(end, digits + at, sizeof digits - at);
    end[sizeof digits - at] = '\0';
}

/* In the new process: the sockets become 3, 4, ... and survive the exec. */
static void run(char **argv, char **environment, int *fds, int count, changes_t *changes)
{
    sigset_t none;
    append_number(changes->pid, getpid());
    /* First out of the way of one another. */
    for (int i = 0; i < count; i++)
        fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, FIRST_FD + count);
    for (int i = 0; i < count; i++)
        if (dup2(fds[i], FIRST_FD + i) < 0)
            _exit(126);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    environ = environment;
    execvp(argv[0], argv);
    _exit(127);
}

pid_t restart_spawn(const catzilla_server_t *server, char **argv, const unix_file_t *file)
{
    changes_t changes = {"LISTEN_PID=", "LISTEN_FDS=", PARENT, UNIX_FILE};
    int fds[MOST_SOCKETS];
    int count = 0;
    while (count < MOST_SOCKETS &&
           catzilla_server_socket_at(server, (size_t)count, &fds[count]) == 0)
        count++;
    append_number(changes.fds, count);
    append_number(changes.parent, getpid());
    strcat(changes.file, file->name);
    char **environment = environment_make(&changes);
    if (environment == NULL) {
        errno = ENOMEM;
        return -1;
    }
    pid_t pid = fork();
    if (pid == 0)
        run(argv, environment, fds, count, &changes);
    int error = errno;
    catzilla_free(environment);
    errno = error;
    return pid;
}

void restart_file_made(const char *path, unix_file_t *out)
{
    struct stat status;
    out->name[0] = '\0';
    if (lstat(path, &status) == 0)
        snprintf(out->name, sizeof out->name, "%llx:%llx", (unsigned long long)status.st_dev,
                 (unsigned long long)status.st_ino);
}

void restart_file_left(catzilla_server_t *server, const char *path, unix_file_t *out)
{
    const char *left = getenv("CATZILLA_UNIX_FILE");
    restart_file_made(path, out);
    if (left == NULL || strcmp(left, out->name) != 0 || catzilla_server_own_unix(server, path) != 0)
        out->name[0] = '\0';
}

void restart_ready(void)
{
    char own[32] = PARENT;
    const char *named = getenv("CATZILLA_PREDECESSOR");
    /* Asked once: if it dies between two questions the second answer is who reaps its children. */
    pid_t parent = getppid();
    append_number(own, parent);
    /* A process that has inherited the variable from further up is not meant. */
    if (named != NULL && strcmp(own + sizeof PARENT - 1, named) == 0)
        kill(parent, SIGTERM);
}
