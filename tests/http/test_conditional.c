/* Conditional requests. */
#include "http/conditional.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define MODIFIED "Sun, 06 Nov 1994 08:49:37 GMT"
#define BEFORE   "Sun, 06 Nov 1994 08:49:36 GMT"
#define AFTER    "Sun, 06 Nov 1994 08:49:38 GMT"

static const cz_validators_t present = {{"\"a\"", 3}, 784111777, 784111778};

static const struct {
    const char *if_match;
    const char *if_unmodified_since;
    const char *if_none_match;
    const char *if_modified_since;
    cz_condition_t condition;
} row[] = {
    {NULL, NULL, NULL, NULL, CZ_CONDITION_HOLDS},
    {NULL, NULL, "\"a\"", NULL, CZ_CONDITION_NOT_MODIFIED},
    {NULL, NULL, "W/\"a\"", NULL, CZ_CONDITION_NOT_MODIFIED},
    {NULL, NULL, "*", NULL, CZ_CONDITION_NOT_MODIFIED},
    {NULL, NULL, "\"b\", \"a\"", NULL, CZ_CONDITION_NOT_MODIFIED},
    {NULL, NULL, "\"b\" ,\t\"a\"", NULL, CZ_CONDITION_NOT_MODIFIED},
    {NULL, NULL, "\"b\"", NULL, CZ_CONDITION_HOLDS},
    {NULL, NULL, "\"a", NULL, CZ_CONDITION_HOLDS},
    {NULL, NULL, "a", NULL, CZ_CONDITION_HOLDS},
    {NULL, NULL, "\"b\" \"a\"", NULL, CZ_CONDITION_HOLDS},
    {NULL, NULL, "", NULL, CZ_CONDITION_HOLDS},
    {NULL, NULL, ",", NULL, CZ_CONDITION_HOLDS},
    {NULL, NULL, " , ,\"a\"", NULL, CZ_CONDITION_NOT_MODIFIED},
    {NULL, NULL, "\"b\",, ,\t\"a\",", NULL, CZ_CONDITION_NOT_MODIFIED},
    {NULL, NULL, "\"b\",, a, \"a\"", NULL, CZ_CONDITION_HOLDS},
    {",\"a\"", NULL, NULL, NULL, CZ_CONDITION_HOLDS},
    {NULL, NULL, NULL, MODIFIED ", " MODIFIED, CZ_CONDITION_HOLDS},
    {NULL, NULL, "W/", NULL, CZ_CONDITION_HOLDS},
    {NULL, NULL, "\"a, b\", \"a\"", NULL, CZ_CONDITION_NOT_MODIFIED},
    {NULL, NULL, NULL, MODIFIED, CZ_CONDITION_NOT_MODIFIED},
    {NULL, NULL, NULL, AFTER, CZ_CONDITION_NOT_MODIFIED},
    {NULL, NULL, NULL, BEFORE, CZ_CONDITION_HOLDS},
    {NULL, NULL, NULL, "yesterday", CZ_CONDITION_HOLDS},
    /* An entity tag is the better witness, whatever the date says. */
    {NULL, NULL, "\"b\"", AFTER, CZ_CONDITION_HOLDS},
    {NULL, NULL, "\"a\"", BEFORE, CZ_CONDITION_NOT_MODIFIED},
    {"\"a\"", NULL, NULL, NULL, CZ_CONDITION_HOLDS},
    {"*", NULL, NULL, NULL, CZ_CONDITION_HOLDS},
    {"\"b\"", NULL, NULL, NULL, CZ_CONDITION_FAILED},
    {"W/\"a\"", NULL, NULL, NULL, CZ_CONDITION_FAILED},
    {"\"b\"", AFTER, NULL, NULL, CZ_CONDITION_FAILED},
    {"\"a\"", BEFORE, NULL, NULL, CZ_CONDITION_HOLDS},
    {NULL, MODIFIED, NULL, NULL, CZ_CONDITION_HOLDS},
    {NULL, BEFORE, NULL, NULL, CZ_CONDITION_FAILED},
    {NULL, "yesterday", NULL, NULL, CZ_CONDITION_HOLDS},
    {"\"a\"", NULL, "\"a\"", NULL, CZ_CONDITION_NOT_MODIFIED},
    {"\"b\"", NULL, "\"a\"", NULL, CZ_CONDITION_FAILED},
};

static void conditions_are_weighed_in_the_order_of_the_standard(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        cz_conditions_t conditions = {
            .if_match = catzilla_slice_of(row[i].if_match),
            .if_unmodified_since = catzilla_slice_of(row[i].if_unmodified_since),
            .if_none_match = catzilla_slice_of(row[i].if_none_match),
            .if_modified_since = catzilla_slice_of(row[i].if_modified_since),
        };
        cz_condition_t condition = cz_conditional_weigh(&conditions, &present);
        if (condition != row[i].condition)
            fail_msg("row %zu gave %d", i, (int)condition);
    }
}

static void a_range_counts_for_the_present_representation_alone(void **state)
{
    static const struct {
        const char *if_range;
        bool counts;
    } range[] = {
        {NULL, true},     {"\"a\"", true}, {"\"b\"", false}, {"W/\"a\"", false},
        {MODIFIED, true}, {AFTER, false},  {BEFORE, false},  {"", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof range / sizeof *range; i++) {
        cz_conditions_t conditions = {.if_range = catzilla_slice_of(range[i].if_range)};
        if (cz_conditional_range_counts(&conditions, &present) != range[i].counts)
            fail_msg("If-Range \"%s\"", range[i].if_range);
    }
}

/* As long as the second of a date lasts there may be another change in it. */
static void a_range_by_date_counts_when_its_second_is_over(void **state)
{
    cz_conditions_t conditions = {.if_range = CATZILLA_SLICE(MODIFIED)};
    cz_validators_t fresh = present;
    (void)state;
    fresh.now = fresh.modified;
    assert_false(cz_conditional_range_counts(&conditions, &fresh));
    fresh.now = fresh.modified - 10; /* by a clock that was set back */
    assert_false(cz_conditional_range_counts(&conditions, &fresh));
    fresh.now = fresh.modified + 1;
    assert_true(cz_conditional_range_counts(&conditions, &fresh));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conditions_are_weighed_in_the_order_of_the_standard),
        cmocka_unit_test(a_range_counts_for_the_present_representation_alone),
        cmocka_unit_test(a_range_by_date_counts_when_its_second_is_over),
    };
    return cmocka_run_group_tests_name("http/conditional", tests, NULL, NULL);
}
