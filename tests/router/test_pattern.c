/* Route patterns: what is one, what its segments are, what its types accept. */
#include "router/pattern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void patterns_are_split_into_segments(void **state)
{
    cz_segment_t segments[CZ_PATTERN_MAX_SEGMENTS];
    const char *trouble;
    size_t count;
    (void)state;
    assert_int_equal(cz_pattern_parse(CATZILLA_SLICE("/users/{id:int}/{name}/{rest*}"), segments,
                                      &count, &trouble),
                     0);
    assert_null(trouble);
    assert_int_equal(count, 4);
    assert_int_equal(segments[0].kind, CZ_SEGMENT_TEXT);
    assert_true(catzilla_slice_equal(segments[0].text, CATZILLA_SLICE("users")));
    assert_int_equal(segments[1].kind, CZ_SEGMENT_PARAM);
    assert_int_equal(segments[1].type, CZ_PARAM_INT);
    assert_true(catzilla_slice_equal(segments[1].text, CATZILLA_SLICE("id")));
    assert_int_equal(segments[2].type, CZ_PARAM_ANY);
    assert_int_equal(segments[3].kind, CZ_SEGMENT_REST);
    assert_true(catzilla_slice_equal(segments[3].text, CATZILLA_SLICE("rest")));
}

static void the_root_and_a_last_slash_are_empty_segments(void **state)
{
    cz_segment_t segments[CZ_PATTERN_MAX_SEGMENTS];
    const char *trouble;
    size_t count;
    (void)state;
    assert_int_equal(cz_pattern_parse(CATZILLA_SLICE("/"), segments, &count, &trouble), 0);
    assert_int_equal(count, 1);
    assert_int_equal(segments[0].text.size, 0);
    assert_int_equal(cz_pattern_parse(CATZILLA_SLICE("/a/"), segments, &count, &trouble), 0);
    assert_int_equal(count, 2);
}

static void malformed_patterns_are_refused_in_words(void **state)
{
    static const char *const pattern[] = {
        "",          "users",         "//",        "/a//b",  "/{",         "/}",
        "/{}",       "/a{id}",        "/{id}a",    "/{id",   "/{1d}",      "/{i-d}",
        "/{id:}",    "/{id:integer}", "/{:int}",   "/{*}",   "/{rest*}/a", "/{a}/{a}",
        "/{a}/{a*}", "/a\nb",         "/{a:int*}", "/{{a}}", "/{rest**}"};
    char deep[CZ_PATTERN_MAX_SEGMENTS * 2 + 3];
    cz_segment_t segments[CZ_PATTERN_MAX_SEGMENTS];
    const char *trouble;
    size_t count;
    (void)state;
    for (size_t i = 0; i < sizeof pattern / sizeof *pattern; i++) {
        int rc = cz_pattern_parse(catzilla_slice_of(pattern[i]), segments, &count, &trouble);
        if (rc != CATZILLA_ERR_PATTERN || trouble == NULL)
            fail_msg("\"%s\" was accepted", pattern[i]);
    }
    for (size_t i = 0; i < sizeof deep - 1; i += 2)
        memcpy(deep + i, "/a", 2);
    catzilla_slice_t slice = {deep, sizeof deep - 1};
    assert_int_equal(cz_pattern_parse(slice, segments, &count, &trouble), CATZILLA_ERR_PATTERN);
    slice.size = CZ_PATTERN_MAX_SEGMENTS * 2;
    assert_int_equal(cz_pattern_parse(slice, segments, &count, &trouble), 0);
}

static void types_accept_what_they_say(void **state)
{
    static const struct {
        cz_param_type_t type;
        const char *text;
        bool accepted;
    } row[] = {
        {CZ_PARAM_UINT, "0", true},
        {CZ_PARAM_UINT, "00123", true},
        {CZ_PARAM_UINT, "", false},
        {CZ_PARAM_UINT, "-1", false},
        {CZ_PARAM_UINT, "1a", false},
        {CZ_PARAM_INT, "-1", true},
        {CZ_PARAM_INT, "+1", true},
        {CZ_PARAM_INT, "-", false},
        {CZ_PARAM_INT, "--1", false},
        {CZ_PARAM_HEX, "deadBEEF0", true},
        {CZ_PARAM_HEX, "xyz", false},
        {CZ_PARAM_ALPHA, "abcXYZ", true},
        {CZ_PARAM_ALPHA, "abc1", false},
        {CZ_PARAM_ALNUM, "abc1", true},
        {CZ_PARAM_ALNUM, "abc-1", false},
        {CZ_PARAM_SLUG, "a-b_1", true},
        {CZ_PARAM_SLUG, "a.b", false},
        {CZ_PARAM_UUID, "123e4567-e89b-12d3-a456-426614174000", true},
        {CZ_PARAM_UUID, "123E4567-E89B-12D3-A456-426614174000", true},
        {CZ_PARAM_UUID, "123e4567-e89b-12d3-a456-42661417400", false},
        {CZ_PARAM_UUID, "123e4567ae89b-12d3-a456-426614174000", false},
        {CZ_PARAM_UUID, "g23e4567-e89b-12d3-a456-426614174000", false},
        {CZ_PARAM_ANY, "any thing", true},
        {CZ_PARAM_ANY, "", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        if (cz_param_accepts(row[i].type, catzilla_slice_of(row[i].text)) != row[i].accepted)
            fail_msg("%s and \"%s\"", cz_param_type_name(row[i].type), row[i].text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_are_split_into_segments),
        cmocka_unit_test(the_root_and_a_last_slash_are_empty_segments),
        cmocka_unit_test(malformed_patterns_are_refused_in_words),
        cmocka_unit_test(types_accept_what_they_say),
    };
    return cmocka_run_group_tests_name("pattern", tests, NULL, NULL);
}
