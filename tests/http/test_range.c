/* The Range field. */
#include "http/range.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static const struct {
    const char *value;
    uint64_t size;
    cz_range_kind_t kind;
    uint64_t first;
    uint64_t length;
} row[] = {
    {"bytes=0-0", 10, CZ_RANGE_PART, 0, 1},
    {"bytes=0-9", 10, CZ_RANGE_PART, 0, 10},
    {"bytes=0-10", 10, CZ_RANGE_PART, 0, 10},
    {"bytes=3-5", 10, CZ_RANGE_PART, 3, 3},
    {"bytes=9-", 10, CZ_RANGE_PART, 9, 1},
    {"bytes=0-", 10, CZ_RANGE_PART, 0, 10},
    {"bytes=-1", 10, CZ_RANGE_PART, 9, 1},
    {"bytes=-10", 10, CZ_RANGE_PART, 0, 10},
    {"bytes=-11", 10, CZ_RANGE_PART, 0, 10},
    {"Bytes=1-2", 10, CZ_RANGE_PART, 1, 2},
    {"bytes=0-99999999999999999999999", 10, CZ_RANGE_PART, 0, 10},
    {"bytes=-99999999999999999999999", 10, CZ_RANGE_PART, 0, 10},
    {"bytes=10-", 10, CZ_RANGE_UNSATISFIABLE, 0, 0},
    {"bytes=10-20", 10, CZ_RANGE_UNSATISFIABLE, 0, 0},
    {"bytes=99999999999999999999999-", 10, CZ_RANGE_UNSATISFIABLE, 0, 0},
    {"bytes=-0", 10, CZ_RANGE_UNSATISFIABLE, 0, 0},
    {"bytes=0-", 0, CZ_RANGE_UNSATISFIABLE, 0, 0},
    {"bytes=-1", 0, CZ_RANGE_UNSATISFIABLE, 0, 0},
    {"", 10, CZ_RANGE_WHOLE, 0, 0},
    {"bytes", 10, CZ_RANGE_WHOLE, 0, 0},
    {"bytes=", 10, CZ_RANGE_WHOLE, 0, 0},
    {"bytes=-", 10, CZ_RANGE_WHOLE, 0, 0},
    {"bytes=5", 10, CZ_RANGE_WHOLE, 0, 0},
    {"bytes=5-3", 10, CZ_RANGE_WHOLE, 0, 0},
    {"bytes=0-1,3-4", 10, CZ_RANGE_WHOLE, 0, 0},
    {"bytes=0 - 1", 10, CZ_RANGE_WHOLE, 0, 0},
    {"bytes=0-1x", 10, CZ_RANGE_WHOLE, 0, 0},
    {"bytes=+0-1", 10, CZ_RANGE_WHOLE, 0, 0},
    {"lines=0-1", 10, CZ_RANGE_WHOLE, 0, 0},
};

static void each_value_is_read_as_the_standard_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        uint64_t first = 0;
        uint64_t length = 0;
        cz_range_kind_t kind =
            cz_range_read(catzilla_slice_of(row[i].value), row[i].size, &first, &length);
        if (kind != row[i].kind || first != row[i].first || length != row[i].length)
            fail_msg("\"%s\" of %d bytes gave kind %d, %d+%d", row[i].value, (int)row[i].size,
                     (int)kind, (int)first, (int)length);
    }
}

static void an_absent_field_means_the_whole(void **state)
{
    uint64_t first;
    uint64_t length;
    (void)state;
    assert_int_equal(cz_range_read(catzilla_slice_of(NULL), 10, &first, &length), CZ_RANGE_WHOLE);
}

static void the_last_byte_of_the_largest_file_can_be_asked_for(void **state)
{
    uint64_t first;
    uint64_t length;
    (void)state;
    assert_int_equal(
        cz_range_read(CATZILLA_SLICE("bytes=18446744073709551614-"), UINT64_MAX, &first, &length),
        CZ_RANGE_PART);
    assert_int_equal(first, UINT64_MAX - 1);
    assert_int_equal(length, 1);
    assert_int_equal(
        cz_range_read(CATZILLA_SLICE("bytes=0-18446744073709551615"), UINT64_MAX, &first, &length),
        CZ_RANGE_PART);
    assert_int_equal(length, UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_value_is_read_as_the_standard_says),
        cmocka_unit_test(an_absent_field_means_the_whole),
        cmocka_unit_test(the_last_byte_of_the_largest_file_can_be_asked_for),
    };
    return cmocka_run_group_tests_name("http/range", tests, NULL, NULL);
}
