/* Dates as HTTP writes them. */
#include "http/date.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void a_time_is_written_as_an_imf_fixdate(void **state)
{
    static const struct {
        int64_t seconds;
        const char *text;
    } row[] = {
        {784111777, "Sun, 06 Nov 1994 08:49:37 GMT"},  {0, "Thu, 01 Jan 1970 00:00:00 GMT"},
        {-1, "Wed, 31 Dec 1969 23:59:59 GMT"},         {951782400, "Tue, 29 Feb 2000 00:00:00 GMT"},
        {4107542400, "Mon, 01 Mar 2100 00:00:00 GMT"}, {INT64_MIN, "Sat, 01 Jan 0000 00:00:00 GMT"},
        {INT64_MAX, "Fri, 31 Dec 9999 23:59:59 GMT"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        char text[CZ_DATE_SIZE];
        cz_date_format(row[i].seconds, text);
        if (memcmp(text, row[i].text, CZ_DATE_SIZE) != 0)
            fail_msg("%.*s instead of %s", CZ_DATE_SIZE, text, row[i].text);
    }
}

static void each_of_the_three_formats_is_read(void **state)
{
    static const char *const text[] = {
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
    };
    (void)state;
    for (size_t i = 0; i < sizeof text / sizeof *text; i++) {
        int64_t seconds = 0;
        if (!cz_date_parse(catzilla_slice_of(text[i]), &seconds) || seconds != 784111777)
            fail_msg("%s was read as %lld", text[i], (long long)seconds);
    }
}

static void what_is_written_is_read_back(void **state)
{
    (void)state;
    /* A step that shares no factor with a day, so that each part of the date takes all values. */
    for (int64_t at = -62167219200; at <= 253402300799; at += 86400 * 37 + 3607) {
        char text[CZ_DATE_SIZE];
        int64_t back = 0;
        cz_date_format(at, text);
        if (!cz_date_parse((catzilla_slice_t){text, sizeof text}, &back) || back != at)
            fail_msg("%.*s was read as %lld", CZ_DATE_SIZE, text, (long long)back);
    }
}

static void what_is_no_date_is_refused(void **state)
{
    static const char *const text[] = {
        "",
        "Sun",
        "now, or never",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Wed, 29 Feb 1995 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:00 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 06 Nov -994 08:49:37 GMT",
        "Sun, 06 nov 1994 08:49:37 GMT",
        "Foo, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-1994 08:49:37 GMT",
        "Sun Nov  6 08:49:37 94",
    };
    (void)state;
    for (size_t i = 0; i < sizeof text / sizeof *text; i++) {
        int64_t seconds = 42;
        if (cz_date_parse(catzilla_slice_of(text[i]), &seconds) || seconds != 42)
            fail_msg("\"%s\" was read as %lld", text[i], (long long)seconds);
    }
    int64_t seconds = 42;
    assert_false(cz_date_parse(catzilla_slice_of(NULL), &seconds));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_time_is_written_as_an_imf_fixdate),
        cmocka_unit_test(each_of_the_three_formats_is_read),
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(what_is_no_date_is_refused),
    };
    return cmocka_run_group_tests_name("http/date", tests, NULL, NULL);
}
