/*
 * One directory, served. The handle is a single block of the static class: the struct, the host's
 * own types, and behind them every string of the options. It never changes once made, so any
 * number of loops read it without a lock.
 */
#include <catzilla/static.h>

#include "http/redirect.h"
#include "static/beneath.h"
#include "static/file.h"
#include "static/listing.h"
#include "static/mime.h"
#include "static/path.h"

#include <string.h>
#include <unistd.h>

typedef struct own_type {
    catzilla_slice_t extension;
    catzilla_slice_t type;
} own_type_t;

struct catzilla_static {
    cz_beneath_t root;
    catzilla_slice_t index;
    catzilla_slice_t cache_control;
    size_t type_count;
    bool list;
    bool hidden;
    own_type_t types[]; /* then the bytes of all slices */
};

/* What the block of a mount needs; 0 where that is more than a size can say. */
static size_t size_of_mount(const catzilla_static_options_t *opt)
{
    size_t size = sizeof(catzilla_static_t);
    if (opt->type_count > SIZE_MAX / 2 / sizeof(own_type_t))
        return 0;
    size += opt->type_count * sizeof(own_type_t);
    size += catzilla_slice_of(opt->index).size + catzilla_slice_of(opt->cache_control).size;
    for (size_t i = 0; i < opt->type_count; i++)
        size += strlen(opt->types[i].extension) + strlen(opt->types[i].type);
    return size;
}

/* Copies `text` to `*at` and moves that on. */
static catzilla_slice_t keep(const char *text, char **at)
{
    catzilla_slice_t kept = catzilla_slice_of(text);
    if (text == NULL)
        return kept;
    memcpy(*at, text, kept.size);
    kept.data = *at;
    *at += kept.size;
    return kept;
}

static int options_read(const catzilla_static_options_t *given, catzilla_static_options_t *opt)
{
    if (given == NULL)
        return 0;
    if (given->size < sizeof given->size || given->size > sizeof *opt)
        return CATZILLA_ERR_INVALID;
    memcpy(opt, given, given->size);
    if (opt->type_count > 0 && opt->types == NULL)
        return CATZILLA_ERR_INVALID;
    for (size_t i = 0; i < opt->type_count; i++)
        if (opt->types[i].extension == NULL || opt->types[i].type == NULL)
            return CATZILLA_ERR_INVALID;
    /* An index is a name, not a way out. */
    if (opt->index != NULL && (*opt->index == '\0' || strchr(opt->index, '/') != NULL))
        return CATZILLA_ERR_INVALID;
    return 0;
}

int catzilla_static_create(const char *root, const catzilla_static_options_t *options,
                           catzilla_static_t **out)
{
    catzilla_static_options_t opt = CATZILLA_STATIC_OPTIONS_INIT;
    *out = NULL;
    int rc = options_read(options, &opt);
    if (rc != 0)
        return rc;
    size_t size = size_of_mount(&opt);
    catzilla_static_t *mount = size == 0 ? NULL : catzilla_static_alloc(size);
    if (mount == NULL)
        return CATZILLA_ERR_NOMEM;
    rc = cz_beneath_open_root(root, &mount->root);
    if (rc != 0) {
        catzilla_static_free(mount);
        return rc;
    }
    char *strings = (char *)(mount->types + opt.type_count);
    mount->index = keep(opt.index, &strings);
    mount->cache_control = keep(opt.cache_control, &strings);
    mount->type_count = opt.type_count;
    mount->list = opt.list != 0;
    mount->hidden = opt.hidden != 0;
    for (size_t i = 0; i < opt.type_count; i++) {
        mount->types[i].extension = keep(opt.types[i].extension, &strings);
        mount->types[i].type = keep(opt.types[i].type, &strings);
    }
    *out = mount;
    return 0;
}

void catzilla_static_destroy(catzilla_static_t *mount)
{
    if (mount == NULL)
        return;
    cz_beneath_close_root(&mount->root);
    catzilla_static_free(mount);
}

static catzilla_slice_t type_of(const catzilla_static_t *mount, const char *path)
{
    const char *slash = strrchr(path, '/');
    catzilla_slice_t name = catzilla_slice_of(slash == NULL ? path : slash + 1);
    catzilla_slice_t extension = cz_mime_extension(name);
    if (extension.data != NULL)
        for (size_t i = 0; i < mount->type_count; i++)
            if (cz_mime_same_extension(extension, mount->types[i].extension))
                return mount->types[i].type;
    return cz_mime_type(name);
}

/* A short answer of plain text; `text` is constant. */
static int answer_plainly(catzilla_response_t *response, int status, catzilla_slice_t text)
{
    int rc = catzilla_response_status(response, status);
    if (rc == 0)
        rc = catzilla_response_header(response, CATZILLA_SLICE("Content-Type"),
                                      CATZILLA_SLICE("text/plain; charset=utf-8"));
    if (rc == 0)
        rc = catzilla_response_body_borrow(response, text, NULL, NULL);
    return rc;
}

/* What could not be opened: it is not there, or the process may not read it. */
static int answer_error(catzilla_response_t *response, int code)
{
    if (code == CATZILLA_ERR_NOT_FOUND)
        return answer_plainly(response, 404, CATZILLA_SLICE("404 Not Found\n"));
    if (code == CATZILLA_ERR_ACCESS)
        return answer_plainly(response, 403, CATZILLA_SLICE("403 Forbidden\n"));
    return code;
}

static int answer_with_list(const catzilla_static_t *mount, catzilla_request_t *request,
                            catzilla_response_t *response, int fd, bool is_root)
{
    char *page;
    size_t size;
    catzilla_region_t *region = catzilla_request_region(request);
    if (region == NULL)
        return CATZILLA_ERR_NOMEM;
    int rc = cz_listing_write(region, fd, catzilla_request_path(request), is_root, mount->hidden,
                              &page, &size);
    if (rc != 0)
        return rc;
    rc = catzilla_response_header(response, CATZILLA_SLICE("Content-Type"),
                                  CATZILLA_SLICE("text/html; charset=utf-8"));
    if (rc != 0) {
        catzilla_response_free(page);
        return rc;
    }
    return catzilla_response_body_borrow(response, (catzilla_slice_t){page, size},
                                         catzilla_response_free, page);
}

/* Opens the index of the directory `path`; CATZILLA_ERR_NOT_FOUND where it has none. */
static int open_index(const catzilla_static_t *mount, char path[CZ_PATH_SIZE], int *fd,
                      struct stat *status)
{
    size_t size = strlen(path);
    if (mount->index.data == NULL || size + 1 + mount->index.size >= CZ_PATH_SIZE)
        return CATZILLA_ERR_NOT_FOUND;
    path[size] = '/';
    memcpy(path + size + 1, mount->index.data, mount->index.size);
    path[size + 1 + mount->index.size] = '\0';
    int rc = cz_beneath_open(&mount->root, path, fd, status);
    if (rc == 0 && S_ISDIR(status->st_mode)) {
        close(*fd);
        rc = CATZILLA_ERR_NOT_FOUND;
    }
    if (rc != 0)
        path[size] = '\0';
    return rc;
}

static int answer_with_directory(const catzilla_static_t *mount, catzilla_request_t *request,
                                 catzilla_response_t *response, char path[CZ_PATH_SIZE],
                                 int directory)
{
    int fd;
    struct stat status;
    int rc = open_index(mount, path, &fd, &status);
    if (rc == 0)
        return cz_file_answer(request, response, fd, &status, type_of(mount, path),
                              mount->cache_control);
    if (rc != CATZILLA_ERR_NOT_FOUND || !mount->list)
        return answer_error(response, rc);
    return answer_with_list(mount, request, response, directory, strcmp(path, ".") == 0);
}

int catzilla_static_serve(catzilla_request_t *request, catzilla_response_t *response, void *mount)
{
    const catzilla_static_t *own = mount;
    catzilla_slice_t raw = catzilla_request_path(request);
    bool ends_in_slash = raw.size > 0 && raw.data[raw.size - 1] == '/';
    char path[CZ_PATH_SIZE];
    int fd;
    struct stat status;
    int rc = cz_path_relative(raw, catzilla_request_param(request, "path"), own->hidden, path);
    if (rc == 0)
        rc = cz_beneath_open(&own->root, path, &fd, &status);
    if (rc != 0)
        return answer_error(response, rc);
    if (S_ISREG(status.st_mode) && !ends_in_slash)
        return cz_file_answer(request, response, fd, &status, type_of(own, path),
                              own->cache_control);
    if (S_ISREG(status.st_mode))
        rc = answer_error(response, CATZILLA_ERR_NOT_FOUND);
    else if (!ends_in_slash)
        rc = cz_redirect_to_slash(request, response);
    else
        rc = answer_with_directory(own, request, response, path, fd);
    close(fd);
    return rc;
}
