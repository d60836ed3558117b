/*
 * The check is on the decoded text, segment by segment, so that no spelling of a dot or a slash
 * gets past it. It is the first of two: beneath.c would refuse to leave the root all the same.
 */
#include "static/path.h"

#include <catzilla/errors.h>
#include <string.h>

/* Whether `raw` holds "%2F" or "%00", which after decoding could not be told from the real thing.
 */
static bool hides_a_separator(catzilla_slice_t raw)
{
    for (size_t i = 0; i + 2 < raw.size; i++) {
        const char *at = raw.data + i;
        if (at[0] != '%')
            continue;
        if ((at[1] == '2' && (at[2] == 'F' || at[2] == 'f')) || (at[1] == '0' && at[2] == '0'))
            return true;
    }
    return false;
}

static bool segment_is_allowed(const char *segment, size_t size, bool hidden)
{
    if (size == 0 || memchr(segment, '\0', size) != NULL)
        return false;
    if (segment[0] != '.')
        return true;
    if (size == 1 || (size == 2 && segment[1] == '.'))
        return false;
    /* Made to be found by clients (RFC 8615). */
    if (size == sizeof ".well-known" - 1 && memcmp(segment, ".well-known", size) == 0)
        return true;
    return hidden;
}

int cz_path_relative(catzilla_slice_t raw, catzilla_slice_t rest, bool hidden,
                     char out[CZ_PATH_SIZE])
{
    if (hides_a_separator(raw) || rest.size >= CZ_PATH_SIZE)
        return CATZILLA_ERR_NOT_FOUND;
    size_t size = rest.size;
    if (size > 0 && rest.data[size - 1] == '/')
        size--;
    else if (size == 0) {
        memcpy(out, ".", sizeof ".");
        return 0;
    }
    size_t start = 0;
    for (size_t i = 0; i <= size; i++) {
        if (i < size && rest.data[i] != '/')
            continue;
        if (!segment_is_allowed(rest.data + start, i - start, hidden))
            return CATZILLA_ERR_NOT_FOUND;
        start = i + 1;
    }
    memcpy(out, rest.data, size);
    out[size] = '\0';
    return 0;
}
