/* From a request's path to the name of a file: whatever is let through stays below the root. */
#include "http/percent.h"
#include "static/path.h"

#include "fuzz.h"

static void check_relative(const char *name, bool hidden)
{
    catzilla_slice_t rest = catzilla_slice_of(name);
    FUZZ_CHECK(rest.size > 0 && rest.size < CZ_PATH_SIZE);
    if (catzilla_slice_equal(rest, CATZILLA_SLICE(".")))
        return;
    FUZZ_CHECK(name[0] != '/' && name[rest.size - 1] != '/');
    while (rest.size > 0) {
        catzilla_slice_t segment = fuzz_part(&rest, '/');
        FUZZ_CHECK(segment.size > 0);
        FUZZ_CHECK(!catzilla_slice_equal(segment, CATZILLA_SLICE(".")));
        FUZZ_CHECK(!catzilla_slice_equal(segment, CATZILLA_SLICE("..")));
        FUZZ_CHECK(hidden || segment.data[0] != '.' ||
                   catzilla_slice_equal(segment, CATZILLA_SLICE(".well-known")));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char name[CZ_PATH_SIZE];
    if (size == 0)
        return 0;
    bool hidden = data[0] % 2 != 0;
    char *raw = fuzz_copy(data + 1, size - 1);
    char *rest = fuzz_copy(data + 1, size - 1);
    size_t rest_size;
    /* Both as sent, which the route lets through undecoded, and as a request decodes it. */
    catzilla_slice_t path = {raw, size - 1};
    if (cz_path_relative(path, path, hidden, name) == 0)
        check_relative(name, hidden);
    if (cz_percent_decode_path(path, rest, &rest_size)) {
        for (size_t i = 0; i < rest_size; i++)
            if (rest[i] == '\0')
                rest[i] = '/';
        if (cz_path_relative(path, (catzilla_slice_t){rest, rest_size}, hidden, name) == 0)
            check_relative(name, hidden);
    }
    free(raw);
    free(rest);
    return 0;
}
