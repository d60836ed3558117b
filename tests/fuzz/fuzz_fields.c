/* Values of header fields: dates, ranges and conditions. Lines of input are one value each. */
#include "http/conditional.h"
#include "http/date.h"
#include "http/header.h"
#include "http/range.h"

#include "fuzz.h"

static void check_date(catzilla_slice_t value)
{
    int64_t seconds, again;
    char text[CZ_DATE_SIZE];
    if (!cz_date_parse(value, &seconds))
        return;
    cz_date_format(seconds, text);
    /* A leap second is the next minute's first. */
    FUZZ_CHECK(cz_date_parse((catzilla_slice_t){text, sizeof text}, &again));
    FUZZ_CHECK(again == seconds);
}

static void check_range(catzilla_slice_t value, uint64_t size)
{
    uint64_t first = 0, length = 0;
    if (cz_range_read(value, size, &first, &length) != CZ_RANGE_PART)
        return;
    FUZZ_CHECK(length > 0);
    FUZZ_CHECK(first < size);
    FUZZ_CHECK(length <= size - first);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_copy(data, size);
    catzilla_slice_t rest = {text, size};
    catzilla_slice_t lines[6];
    for (size_t i = 0; i < 6; i++)
        lines[i] = fuzz_part(&rest, '\n');
    for (size_t i = 0; i < 6; i++) {
        check_date(lines[i]);
        check_range(lines[i], 0);
        check_range(lines[i], 1);
        check_range(lines[i], 1000);
        check_range(lines[i], UINT64_MAX);
        catzilla_slice_t trimmed = cz_header_trim(lines[i]);
        FUZZ_CHECK(trimmed.data >= lines[i].data && trimmed.size <= lines[i].size);
        cz_header_is_host(lines[i]);
        cz_header_is_token(lines[i]);
    }
    cz_validators_t present = {CATZILLA_SLICE("\"1f-5e.2\""), 784111777, 784111778};
    cz_conditions_t conditions = {lines[0], lines[1], lines[2], lines[3], lines[4]};
    for (unsigned absent = 0; absent < 32; absent++) {
        cz_conditions_t some = conditions;
        catzilla_slice_t *all[] = {&some.if_match, &some.if_none_match, &some.if_modified_since,
                                   &some.if_unmodified_since, &some.if_range};
        for (unsigned i = 0; i < 5; i++)
            if ((absent >> i & 1) != 0)
                *all[i] = (catzilla_slice_t){NULL, 0};
        cz_condition_t condition = cz_conditional_weigh(&some, &present);
        FUZZ_CHECK(absent % 16 != 15 || condition == CZ_CONDITION_HOLDS);
        bool counts = cz_conditional_range_counts(&some, &present);
        FUZZ_CHECK(some.if_range.data != NULL || counts);
    }
    free(text);
    return 0;
}
