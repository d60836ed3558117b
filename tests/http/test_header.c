/* Names and values of header fields. */
#include "http/header.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void tokens_are_told_from_other_text(void **state)
{
    (void)state;
    assert_true(cz_header_is_token(CATZILLA_SLICE("Content-Type")));
    assert_false(cz_header_is_token(CATZILLA_SLICE("")));
    for (int c = 0; c < 256; c++) {
        char text = (char)c;
        catzilla_slice_t slice = {&text, 1};
        bool letter = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        bool wanted = letter || (c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL);
        if (cz_header_is_token(slice) != wanted)
            fail_msg("byte 0x%02x", (unsigned)c);
    }
}

static void values_hold_no_control_character_but_tab(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        char text[3] = {'a', (char)c, 'b'};
        catzilla_slice_t slice = {text, sizeof text};
        bool wanted = c == '\t' || (c >= ' ' && c != 0x7f);
        if (cz_header_is_value(slice) != wanted)
            fail_msg("byte 0x%02x", (unsigned)c);
    }
}

static void names_compare_in_any_case(void **state)
{
    (void)state;
    assert_true(cz_header_is(CATZILLA_SLICE("HOST"), "host", 4));
    assert_false(cz_header_is(CATZILLA_SLICE("HOSTS"), "host", 4));
    assert_true(cz_header_same(CATZILLA_SLICE("x-A"), CATZILLA_SLICE("X-a")));
    assert_false(cz_header_same(CATZILLA_SLICE("a@"), CATZILLA_SLICE("a`")));
    assert_false(cz_header_same(CATZILLA_SLICE("["), CATZILLA_SLICE("{")));
}

static void space_around_is_taken_off(void **state)
{
    (void)state;
    assert_true(
        catzilla_slice_equal(cz_header_trim(CATZILLA_SLICE(" \ta b\t ")), CATZILLA_SLICE("a b")));
    assert_int_equal(cz_header_trim(CATZILLA_SLICE(" \t ")).size, 0);
}

static void hosts_are_told_from_other_text(void **state)
{
    static const struct {
        const char *text;
        bool valid;
    } cases[] = {
        {"", true},         {"a", true},         {"a:", true},
        {"a:80", true},     {"a:65535", true},   {"a:655350", false},
        {"a:8o", false},    {"a:-1", false},     {":", false},
        {":80", false},     {"a:80:80", false},  {"a b", false},
        {"a@b", false},     {"a/b", false},      {"a?b", false},
        {"12345678", true}, {"127.0.0.1", true}, {"[::1]", true},
        {"[::1]:", true},   {"[::1]:80", true},  {"[::1]x", false},
        {"[::1]80", false}, {"[]", false},       {"[]:80", false},
        {"[", false},       {"[::1", false},     {"[::1]:808080", false},
        {"[a/b]", false},   {"a[::1]", false},   {"[::1][::1]", false},
        {"a\x80", false},   {"%61", true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (cz_header_is_host(catzilla_slice_of(cases[i].text)) != cases[i].valid)
            fail_msg("\"%s\"", cases[i].text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_are_told_from_other_text),
        cmocka_unit_test(values_hold_no_control_character_but_tab),
        cmocka_unit_test(names_compare_in_any_case),
        cmocka_unit_test(space_around_is_taken_off),
        cmocka_unit_test(hosts_are_told_from_other_text),
    };
    return cmocka_run_group_tests_name("header", tests, NULL, NULL);
}
