/* Media types by the ends of names. */
#include "static/mime.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

static const struct {
    const char *name;
    const char *type;
} row[] = {
    {"a.html", "text/html; charset=utf-8"},
    {"a.HTML", "text/html; charset=utf-8"},
    {"a.b.css", "text/css; charset=utf-8"},
    {"guide.md", "text/plain; charset=utf-8"},
    {"a.js", "text/javascript; charset=utf-8"},
    {"a.json", "application/json"},
    {"a.svg", "image/svg+xml"},
    {"a.png", "image/png"},
    {"a.woff2", "font/woff2"},
    {"a.wasm", "application/wasm"},
    {"a.7z", "application/x-7z-compressed"},
    {"a.zst", "application/zstd"},
    {"a.webmanifest", "application/manifest+json"},
    {"a.tar.gz", "application/gzip"},
    {"LICENSE", "text/plain; charset=utf-8"},
    {"unknown", "application/octet-stream"},
    {"a.unknown", "application/octet-stream"},
    {"a.", "application/octet-stream"},
    {".html", "application/octet-stream"},
    {"", "application/octet-stream"},
    {"a.htmlx", "application/octet-stream"},
    {"a.ht", "application/octet-stream"},
};

static void a_name_has_the_type_of_its_end(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        catzilla_slice_t type = cz_mime_type(catzilla_slice_of(row[i].name));
        if (!catzilla_slice_equal(type, catzilla_slice_of(row[i].type)))
            fail_msg("%s is %.*s", row[i].name, (int)type.size, type.data);
    }
}

static void extensions_are_compared_without_case(void **state)
{
    (void)state;
    assert_true(cz_mime_same_extension(CATZILLA_SLICE("Md"), CATZILLA_SLICE("mD")));
    assert_false(cz_mime_same_extension(CATZILLA_SLICE("md"), CATZILLA_SLICE("mdx")));
    assert_false(cz_mime_same_extension(CATZILLA_SLICE("md"), CATZILLA_SLICE("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_has_the_type_of_its_end),
        cmocka_unit_test(extensions_are_compared_without_case),
    };
    return cmocka_run_group_tests_name("static/mime", tests, NULL, NULL);
}
