#include "http/range.h"

#include <stdbool.h>

/* Reads the digits at `*at`; a number past UINT64_MAX becomes UINT64_MAX. */
static bool number(catzilla_slice_t text, size_t *at, uint64_t *out)
{
    size_t start = *at;
    uint64_t value = 0;
    while (*at < text.size && text.data[*at] >= '0' && text.data[*at] <= '9') {
        unsigned digit = (unsigned)(text.data[*at] - '0');
        value = value > (UINT64_MAX - digit) / 10 ? UINT64_MAX : value * 10 + digit;
        ++*at;
    }
    *out = value;
    return *at > start;
}

/* Whether `text` begins with "bytes=", in any case. */
static bool counts_bytes(catzilla_slice_t text)
{
    static const char unit[] = "bytes=";
    if (text.size < sizeof unit - 1)
        return false;
    for (size_t i = 0; i < sizeof unit - 1; i++) {
        char c = text.data[i];
        if (c >= 'A' && c <= 'Z')
            c = (char)(c + ('a' - 'A'));
        if (c != unit[i])
            return false;
    }
    return true;
}

cz_range_kind_t cz_range_read(catzilla_slice_t value, uint64_t size, uint64_t *first,
                              uint64_t *length)
{
    if (!counts_bytes(value))
        return CZ_RANGE_WHOLE;
    size_t at = sizeof "bytes=" - 1;
    uint64_t from;
    uint64_t to;
    bool has_from = number(value, &at, &from);
    if (at == value.size || value.data[at] != '-')
        return CZ_RANGE_WHOLE;
    at++;
    bool has_to = number(value, &at, &to);
    if (at != value.size || (!has_from && !has_to) || (has_from && has_to && to < from))
        return CZ_RANGE_WHOLE;
    if (!has_from) { /* the last `to` bytes */
        if (to == 0 || size == 0)
            return CZ_RANGE_UNSATISFIABLE;
        *length = to < size ? to : size;
        *first = size - *length;
        return CZ_RANGE_PART;
    }
    if (from >= size)
        return CZ_RANGE_UNSATISFIABLE;
    *first = from;
    *length = has_to && to < size ? to - from + 1 : size - from;
    return CZ_RANGE_PART;
}
