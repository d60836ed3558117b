#define _GNU_SOURCE
#include "static/file.h"

#include "http/conditional.h"
#include "http/date.h"
#include "http/header.h"
#include "http/range.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Room for "bytes 0-1/2" of three 64-bit numbers. */
#define CONTENT_RANGE_SIZE 72

size_t cz_file_etag(const struct stat *status, char out[CZ_ETAG_SIZE])
{
    int size = snprintf(out, CZ_ETAG_SIZE, "\"%" PRIx64 "-%" PRIx64 ".%" PRIx32 "\"",
                        (uint64_t)status->st_size, (uint64_t)status->st_mtim.tv_sec,
                        (uint32_t)status->st_mtim.tv_nsec);
    return (size_t)size;
}

/*
 * The values of all fields of that name as one list (RFC 9110, section 5.3), so that a second line
 * counts in a list, and spoils what is none. Seldom is there a second, which costs a copy.
 */
static int joined(catzilla_request_t *request, const char *name, catzilla_slice_t *out)
{
    size_t count = catzilla_request_header_count(request);
    catzilla_slice_t wanted = catzilla_slice_of(name), field, value;
    size_t size = 0, lines = 0;
    *out = catzilla_request_header(request, name);
    for (size_t i = 0; i < count && out->data != NULL; i++) {
        catzilla_request_header_at(request, i, &field, &value);
        if (cz_header_same(field, wanted)) {
            size += value.size + 2;
            lines++;
        }
    }
    if (lines < 2)
        return 0;
    char *list = catzilla_request_scratch(request, size);
    if (list == NULL)
        return CATZILLA_ERR_NOMEM;
    out->data = list;
    out->size = size - 2;
    for (size_t i = 0; i < count; i++) {
        catzilla_request_header_at(request, i, &field, &value);
        if (!cz_header_same(field, wanted))
            continue;
        memcpy(list, value.data, value.size);
        memcpy(list + value.size, ", ", 2);
        list += value.size + 2;
    }
    return 0;
}

static int conditions_of(catzilla_request_t *request, cz_conditions_t *out)
{
    int rc = joined(request, "If-Match", &out->if_match);
    if (rc == 0)
        rc = joined(request, "If-None-Match", &out->if_none_match);
    if (rc == 0)
        rc = joined(request, "If-Modified-Since", &out->if_modified_since);
    if (rc == 0)
        rc = joined(request, "If-Unmodified-Since", &out->if_unmodified_since);
    return rc == 0 ? joined(request, "If-Range", &out->if_range) : rc;
}

/* What a 200, a 206 and a 304 alike have to say about the file. */
static int describe(catzilla_response_t *response, const cz_validators_t *present,
                    catzilla_slice_t cache_control)
{
    char date[CZ_DATE_SIZE];
    cz_date_format(present->modified, date);
    int rc = catzilla_response_header(response, CATZILLA_SLICE("ETag"), present->etag);
    if (rc == 0)
        rc = catzilla_response_header(response, CATZILLA_SLICE("Last-Modified"),
                                      (catzilla_slice_t){date, sizeof date});
    if (rc == 0 && cache_control.data != NULL)
        rc = catzilla_response_header(response, CATZILLA_SLICE("Cache-Control"), cache_control);
    return rc;
}

static int add_content_range(catzilla_response_t *response, const char *text)
{
    return catzilla_response_header(response, CATZILLA_SLICE("Content-Range"),
                                    catzilla_slice_of(text));
}

/* Answers 200, 206 or 416; takes `fd`. An absent `range` asks for the whole. */
static int answer_with_bytes(catzilla_response_t *response, catzilla_slice_t range, int fd,
                             uint64_t size, catzilla_slice_t type)
{
    char text[CONTENT_RANGE_SIZE];
    uint64_t first = 0;
    uint64_t length = size;
    cz_range_kind_t kind = cz_range_read(range, size, &first, &length);
    int rc = catzilla_response_header(response, CATZILLA_SLICE("Accept-Ranges"),
                                      CATZILLA_SLICE("bytes"));
    if (rc != 0)
        goto fail;
    if (kind == CZ_RANGE_UNSATISFIABLE) {
        close(fd);
        snprintf(text, sizeof text, "bytes */%" PRIu64, size);
        rc = catzilla_response_status(response, 416);
        return rc != 0 ? rc : add_content_range(response, text);
    }
    if (kind == CZ_RANGE_PART) {
        snprintf(text, sizeof text, "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, first,
                 first + length - 1, size);
        rc = catzilla_response_status(response, 206);
        if (rc == 0)
            rc = add_content_range(response, text);
    }
    if (rc == 0)
        rc = catzilla_response_header(response, CATZILLA_SLICE("Content-Type"), type);
    /* Without this a browser may take a text for a page and run what is in it. */
    if (rc == 0)
        rc = catzilla_response_header(response, CATZILLA_SLICE("X-Content-Type-Options"),
                                      CATZILLA_SLICE("nosniff"));
    if (rc != 0)
        goto fail;
    return catzilla_response_file(response, fd, first, length);
fail:
    close(fd);
    return rc;
}

int cz_file_answer(catzilla_request_t *request, catzilla_response_t *response, int fd,
                   const struct stat *status, catzilla_slice_t type, catzilla_slice_t cache_control)
{
    char etag[CZ_ETAG_SIZE];
    size_t etag_size = cz_file_etag(status, etag);
    cz_validators_t present = {{etag, etag_size}, status->st_mtim.tv_sec, time(NULL)};
    cz_conditions_t conditions;
    int rc = conditions_of(request, &conditions);
    if (rc != 0) {
        close(fd);
        return rc;
    }
    cz_condition_t condition = cz_conditional_weigh(&conditions, &present);
    if (condition == CZ_CONDITION_FAILED) {
        close(fd);
        return catzilla_response_status(response, 412);
    }
    rc = describe(response, &present, cache_control);
    if (rc != 0 || condition == CZ_CONDITION_NOT_MODIFIED) {
        close(fd);
        return rc != 0 ? rc : catzilla_response_status(response, 304);
    }
    /* A range is defined for GET alone, so HEAD tells of the whole file. */
    catzilla_slice_t range = catzilla_slice_of(NULL);
    if (catzilla_slice_equal(catzilla_request_method(request), CATZILLA_SLICE("GET")) &&
        cz_conditional_range_counts(&conditions, &present))
        rc = joined(request, "Range", &range);
    if (rc != 0) {
        close(fd);
        return rc;
    }
    return answer_with_bytes(response, range, fd, (uint64_t)status->st_size, type);
}
