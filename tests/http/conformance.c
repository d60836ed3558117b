#include "conformance.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

char *conformance_expand(const char *in, size_t size, size_t *out_size)
{
    size_t used = 0, capacity = 1u << 18;
    char *out = malloc(capacity);
    assert_non_null(out);
    for (size_t i = 0; i < size; i++) {
        const char *close = in[i] == '{' ? memchr(in + i, '}', size - i) : NULL;
        if (close == NULL) {
            out[used++] = in[i];
            continue;
        }
        char *star;
        unsigned long count = strtoul(in + i + 1, &star, 10);
        size_t length = (size_t)(close - star - 1);
        assert_true(used + count * length < capacity);
        for (; count > 0; count--) {
            memcpy(out + used, star + 1, length);
            used += length;
        }
        i = (size_t)(close - in);
    }
    *out_size = used;
    return out;
}

void conformance_options(catzilla_server_options_t *out)
{
    out->max_target_bytes = 512;
    out->max_header_bytes = 1536;
    out->max_headers = 20;
    out->max_body_bytes = 65536;
}
