/*
 * A descriptor that was handed to us, such as stderr, is shared with others, so its O_NONBLOCK is
 * not ours to set. A pipe is asked instead whether it has room, and is given no more at a time
 * than such a pipe takes without waiting; a socket can be told with each call.
 */
#include "server/logfile.h"

#include <catzilla/errors.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static void begin(cz_logfile_t *file, int fd)
{
    struct stat status;
    cz_logfile_close(file);
    *file = (cz_logfile_t){.fd = fd, .kind = CZ_LOGFILE_DISK};
    if (fstat(fd, &status) != 0)
        return;
    if (S_ISSOCK(status.st_mode))
        file->kind = CZ_LOGFILE_SOCKET;
    else if (!S_ISREG(status.st_mode))
        file->kind = CZ_LOGFILE_PIPE;
}

int cz_logfile_open(cz_logfile_t *file, const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0644);
    if (fd >= 0) {
        begin(file, fd);
        return 0;
    }
    if (errno == ENOENT)
        return CATZILLA_ERR_NOT_FOUND;
    return errno == EACCES || errno == EPERM || errno == EROFS ? CATZILLA_ERR_ACCESS
                                                               : CATZILLA_ERR_SYSTEM;
}

int cz_logfile_duplicate(cz_logfile_t *file, int fd)
{
    int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (own < 0)
        return CATZILLA_ERR_INVALID;
    begin(file, own);
    return 0;
}

static ssize_t put(cz_logfile_t *file, const char *bytes, size_t size)
{
    ssize_t written;
    if (file->kind == CZ_LOGFILE_SOCKET) {
        written = send(file->fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    } else if (file->kind == CZ_LOGFILE_PIPE && !cz_logfile_wait(file, 0)) {
        errno = EAGAIN;
        return -1;
    } else {
        bool all = file->kind == CZ_LOGFILE_DISK || size <= PIPE_BUF;
        written = write(file->fd, bytes, all ? size : PIPE_BUF);
    }
    if (written > 0)
        file->within = bytes[written - 1] != '\n';
    return written;
}

ssize_t cz_logfile_write(cz_logfile_t *file, const char *bytes, size_t size)
{
    if (file->torn && put(file, "\n", 1) != 1)
        return -1;
    file->torn = false;
    return put(file, bytes, size);
}

void cz_logfile_tear(cz_logfile_t *file)
{
    file->torn = file->within;
}

bool cz_logfile_wait(const cz_logfile_t *file, int timeout_ms)
{
    struct pollfd ready = {file->fd, POLLOUT, 0};
    return poll(&ready, 1, timeout_ms) == 1;
}

void cz_logfile_close(cz_logfile_t *file)
{
    if (file->fd >= 0)
        close(file->fd);
    file->fd = -1;
}
