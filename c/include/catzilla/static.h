/* Serves the files below one directory, and nothing outside it. Layer: content. */
#ifndef CATZILLA_STATIC_H
#define CATZILLA_STATIC_H
#include <catzilla/errors.h>
#include <catzilla/request.h>
#include <catzilla/response.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Opaque; lives in the static class and holds one descriptor, that of its root. */
typedef struct catzilla_static catzilla_static_t;

/* A media type for the files whose names end in ".extension", in any case. */
typedef struct catzilla_static_type {
    const char *extension; /* without the dot */
    const char *type;      /* the whole value of Content-Type */
} catzilla_static_type_t;

/* Start from the initialiser. Fields are only ever added at the end. */
typedef struct catzilla_static_options {
    size_t size;               /* as the caller compiled it; absent fields take defaults */
    const char *index;         /* what answers for a directory; NULL: nothing does */
    const char *cache_control; /* value of Cache-Control; NULL: none is sent */
    const catzilla_static_type_t *types; /* these win over the built-in ones */
    size_t type_count;
    int list;   /* 1: a directory without an index answers with a list of its files; 0: 404 */
    int hidden; /* 1: names that begin with a dot are served too; 0: 404 */
} catzilla_static_options_t;

/* The defaults. */
#define CATZILLA_STATIC_OPTIONS_INIT                                                               \
    {                                                                                              \
        sizeof(catzilla_static_options_t), "index.html", NULL, NULL, 0, 0, 0                       \
    }

/**
 * Opens the directory `root`. What is served later is what that directory then holds, also when
 * it has been moved or its name leads elsewhere. NULL options mean the defaults.
 * Memory:  copies the options, types included, into the static class.
 * Threads: any.
 * Errors:  CATZILLA_ERR_NOT_FOUND where there is no `root`, CATZILLA_ERR_INVALID where it is no
 *          directory or an option is malformed, CATZILLA_ERR_ACCESS, CATZILLA_ERR_NOMEM,
 *          CATZILLA_ERR_SYSTEM.
 */
CATZILLA_API int catzilla_static_create(const char *root, const catzilla_static_options_t *options,
                                        catzilla_static_t **out);

/**
 * Closes the directory. NULL is a no-op. Replies under way go on: each has a descriptor of its own.
 * Threads: one, when no server routes to `mount` any more.
 */
CATZILLA_API void catzilla_static_destroy(catzilla_static_t *mount);

/**
 * A catzilla_handler_t whose user data is a catzilla_static_t. Route it with a rest parameter
 * named "path", such as "/{path*}" or "/assets/{path*}".
 *
 * Regular files are streamed. Symbolic links are followed where they stay below the root, and on
 * kernels without openat2() not at all. Links out of it, "..", encoded slashes, devices, pipes and
 * sockets answer 404, as does all that is not there. A directory answers with its index or list,
 * and is redirected (301) to the name that ends in a slash. Understands If-Match, If-None-Match,
 * If-Modified-Since, If-Unmodified-Since, If-Range and a Range of one part.
 * Memory:  what it needs for the call is of the request class, the list of a directory of the
 *          response class.
 * Threads: any number of loops may share one mount.
 * Errors:  CATZILLA_ERR_SYSTEM where the process is out of descriptors, CATZILLA_ERR_NOMEM.
 * Source:  RFC 9110, sections 13 and 14.
 */
CATZILLA_API int catzilla_static_serve(catzilla_request_t *request, catzilla_response_t *response,
                                       void *mount);

#ifdef __cplusplus
}
#endif
#endif
