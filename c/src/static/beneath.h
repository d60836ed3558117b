/* Opens files below a directory without ever leaving it. Layer: content. */
#ifndef CZ_STATIC_BENEATH_H
#define CZ_STATIC_BENEATH_H
#include <stdbool.h>
#include <sys/stat.h>

/* The root and how the kernel is asked. */
typedef struct cz_beneath {
    int fd;           /* the directory */
    bool has_openat2; /* else the path is walked component by component, without links */
} cz_beneath_t;

/*
 * Opens the directory `root`. CATZILLA_ERR_NOT_FOUND, _INVALID where it is no directory, _ACCESS,
 * _NOMEM or _SYSTEM; `out` is untouched then.
 */
int cz_beneath_open_root(const char *root, cz_beneath_t *out);

void cz_beneath_close_root(cz_beneath_t *root);

/*
 * Opens the regular file or directory at `path`, which cz_path_relative() wrote, for reading, and
 * tells its kind through `status`. Anything else there (a device, a pipe, a socket, a link out of
 * the root) is CATZILLA_ERR_NOT_FOUND and is never opened for reading, since opening alone can have
 * effects. CATZILLA_ERR_ACCESS; CATZILLA_ERR_DESCRIPTORS when those ran out.
 */
int cz_beneath_open(const cz_beneath_t *root, const char *path, int *fd, struct stat *status);

#endif
