/* Percent-decoding of paths, beside the plainest decoder there is. */
#include "http/percent.h"

#include "fuzz.h"

/* Decodes one character at a time; false for what must be refused. */
static bool decode_plainly(catzilla_slice_t text, char *out, size_t *size)
{
    *size = 0;
    for (size_t i = 0; i < text.size; i++) {
        unsigned value;
        char digits[3] = {0};
        if (text.data[i] != '%') {
            out[(*size)++] = text.data[i];
            continue;
        }
        if (text.size - i < 3)
            return false;
        memcpy(digits, text.data + i + 1, 2);
        if (strspn(digits, "0123456789abcdefABCDEF") != 2 || sscanf(digits, "%x", &value) != 1 ||
            value == 0)
            return false;
        out[(*size)++] = value == '/' ? '\0' : (char)value;
        i += 2;
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_copy(data, size);
    char *decoded = fuzz_copy(data, size);
    char *expected = fuzz_copy(data, size);
    size_t decoded_size = 0, expected_size;
    catzilla_slice_t path = {text, size};
    bool valid = cz_percent_decode_path(path, decoded, &decoded_size);
    FUZZ_CHECK(valid == decode_plainly(path, expected, &expected_size));
    if (valid) {
        FUZZ_CHECK(decoded_size == expected_size);
        FUZZ_CHECK(memcmp(decoded, expected, decoded_size) == 0);
        /* In place it must come out the same. */
        FUZZ_CHECK(cz_percent_decode_path(path, text, &decoded_size));
        FUZZ_CHECK(decoded_size == expected_size);
        FUZZ_CHECK(memcmp(text, expected, decoded_size) == 0);
    }
    free(text);
    free(decoded);
    free(expected);
    return 0;
}
