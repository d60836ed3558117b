/*
 * The kernel's own check, openat2() with RESOLVE_BENEATH, holds also while others rename
 * directories under our feet; no check of ours on the path's text could. Kernels before 5.6 and
 * sandboxes that forbid the call get a walk that follows no link at all.
 *
 * Either way a file is first opened as a mere place (O_PATH), which touches no driver and wakes no
 * writer of a pipe, and opened for reading once its kind is known.
 */
#define _GNU_SOURCE
#include "static/beneath.h"

#include <catzilla/errors.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A rename elsewhere in the tree makes the kernel give up with EAGAIN; it does not last. */
#define OPENAT2_TRIES 8

static int code_of(int error)
{
    switch (error) {
    case ENOENT:
    case ENOTDIR:
    case ELOOP:
    case EXDEV:
    case ENAMETOOLONG:
    case ENXIO:
        return CATZILLA_ERR_NOT_FOUND;
    case EACCES:
    case EPERM:
        return CATZILLA_ERR_ACCESS;
    case ENOMEM:
        return CATZILLA_ERR_NOMEM;
    case EMFILE:
    case ENFILE:
        return CATZILLA_ERR_DESCRIPTORS;
    default:
        return CATZILLA_ERR_SYSTEM;
    }
}

/* A descriptor, or -1 with errno. */
static int open_by_kernel(int root, const char *path, int flags)
{
    struct open_how how = {.flags = (unsigned)flags,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    for (int left = OPENAT2_TRIES; left > 0; left--) {
        long fd = syscall(SYS_openat2, root, path, &how, sizeof how);
        if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
            return (int)fd;
    }
    return -1;
}

/* The same by hand: every component but the last must be a directory, and none a link. */
static int open_by_walk(int root, const char *path, int flags)
{
    int at = root;
    for (;;) {
        char name[256];
        size_t size = strcspn(path, "/");
        int fd = -1;
        if (size < sizeof name) {
            memcpy(name, path, size);
            name[size] = '\0';
            int step = path[size] == '\0' ? flags : O_PATH | O_DIRECTORY | O_CLOEXEC;
            fd = openat(at, name, step | O_NOFOLLOW);
        } else {
            errno = ENAMETOOLONG;
        }
        int error = errno;
        if (at != root)
            close(at);
        errno = error;
        if (fd < 0 || path[size] == '\0')
            return fd;
        at = fd;
        path += size + 1;
    }
}

static int open_of_kind(const cz_beneath_t *root, const char *path, int flags, int *fd,
                        struct stat *status)
{
    int opened = root->has_openat2 ? open_by_kernel(root->fd, path, flags | O_CLOEXEC)
                                   : open_by_walk(root->fd, path, flags | O_CLOEXEC);
    if (opened < 0)
        return code_of(errno);
    if (fstat(opened, status) != 0) {
        close(opened);
        return CATZILLA_ERR_SYSTEM;
    }
    if (!S_ISREG(status->st_mode) && !S_ISDIR(status->st_mode)) {
        close(opened);
        return CATZILLA_ERR_NOT_FOUND;
    }
    *fd = opened;
    return 0;
}

int cz_beneath_open(const cz_beneath_t *root, const char *path, int *fd, struct stat *status)
{
    int place;
    int rc = open_of_kind(root, path, O_PATH, &place, status);
    if (rc != 0)
        return rc;
    close(place);
    /* Whoever swaps a pipe in between the two calls still cannot make this one wait. */
    return open_of_kind(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, fd, status);
}

int cz_beneath_open_root(const char *root, cz_beneath_t *out)
{
    int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOTDIR ? CATZILLA_ERR_INVALID : code_of(errno);
    int probe = open_by_kernel(fd, ".", O_PATH | O_CLOEXEC);
    if (probe >= 0)
        close(probe);
    out->fd = fd;
    out->has_openat2 = probe >= 0;
    return 0;
}

void cz_beneath_close_root(cz_beneath_t *root)
{
    close(root->fd);
    root->fd = -1;
}
