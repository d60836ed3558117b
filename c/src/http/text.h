/* Writing text into room that is known to be there. Layer: http. */
#ifndef CZ_HTTP_TEXT_H
#define CZ_HTTP_TEXT_H
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Both return the end of what they wrote. */
static inline char *cz_put(char *out, const char *data, size_t size)
{
    memcpy(out, data, size);
    return out + size;
}

static inline char *cz_put_number(char *out, uint64_t value)
{
    size_t digits = 4;
    /* What statuses and many lengths are. */
    if (value < 1000) {
        unsigned few = (unsigned)value;
        if (few >= 100)
            *out++ = (char)('0' + few / 100);
        if (few >= 10)
            *out++ = (char)('0' + few / 10 % 10);
        *out++ = (char)('0' + few % 10);
        return out;
    }
    for (uint64_t power = 10000; digits < 20 && value >= power; power *= 10)
        digits++;
    for (size_t at = digits; at-- > 0; value /= 10)
        out[at] = (char)('0' + value % 10);
    return out + digits;
}

#define CZ_PUT(out, literal) cz_put(out, literal, sizeof(literal) - 1)

#endif
