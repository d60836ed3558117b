/* Opening below a directory, by the kernel's check and by the walk that replaces it. */
#define _GNU_SOURCE
#include "static/beneath.h"

#include <catzilla/errors.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

static char base[] = "/tmp/catzilla-beneath-XXXXXX";
static char root_path[sizeof base + 8];
static cz_beneath_t root;

static void write_file(const char *name, const char *text)
{
    int fd = openat(root.fd, name, O_WRONLY | O_CREAT | O_EXCL, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

/*
 * root/a.txt, root/dir/b.txt, a pipe, a socket, and links: to a file beside it, to a directory
 * beside it, to a file outside by both kinds of path, to itself.
 */
static int plant_tree(void **state)
{
    (void)state;
    if (mkdtemp(base) == NULL)
        return -1;
    snprintf(root_path, sizeof root_path, "%s/root", base);
    char secret[sizeof base + 16];
    snprintf(secret, sizeof secret, "%s/secret", base);
    int fd = open(secret, O_WRONLY | O_CREAT, 0644);
    if (fd < 0 || close(fd) != 0 || mkdir(root_path, 0755) != 0)
        return -1;
    if (cz_beneath_open_root(root_path, &root) != 0)
        return -1;
    write_file("a.txt", "a");
    if (mkdirat(root.fd, "dir", 0755) != 0)
        return -1;
    write_file("dir/b.txt", "bb");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s/socket", root_path);
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || close(listener) != 0)
        return -1;
    return mkfifoat(root.fd, "pipe", 0644) | symlinkat("a.txt", root.fd, "link-to-file") |
           symlinkat("dir", root.fd, "link-to-dir") | symlinkat("../secret", root.fd, "link-out") |
           symlinkat("..", root.fd, "link-up") | symlinkat(secret, root.fd, "link-absolute") |
           symlinkat("loop", root.fd, "loop") | symlinkat("/proc/self/root", root.fd, "link-magic");
}

static int remove_tree(void **state)
{
    (void)state;
    static const char *const names[] = {"a.txt",      "pipe",      "link-to-file",  "link-to-dir",
                                        "link-out",   "link-up",   "link-absolute", "loop",
                                        "link-magic", "dir/b.txt", "socket"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unlinkat(root.fd, names[i], 0);
    unlinkat(root.fd, "dir", AT_REMOVEDIR);
    cz_beneath_close_root(&root);
    rmdir(root_path);
    char secret[sizeof base + 16];
    snprintf(secret, sizeof secret, "%s/secret", base);
    unlink(secret);
    return rmdir(base);
}

/* Opens `path` and expects `size` bytes of a file, -1 for a directory, or an error code. */
static void expect(const char *path, bool by_kernel, int rc, off_t size)
{
    cz_beneath_t way = root;
    int fd = -1;
    struct stat status;
    way.has_openat2 = by_kernel;
    int got = cz_beneath_open(&way, path, &fd, &status);
    if (got != rc)
        fail_msg("%s gave %d instead of %d (%s)", path, got, rc, by_kernel ? "openat2" : "walk");
    if (rc != 0)
        return;
    bool is_directory = S_ISDIR(status.st_mode);
    if (is_directory != (size < 0) || (!is_directory && status.st_size != size))
        fail_msg("%s is something else (%s)", path, by_kernel ? "openat2" : "walk");
    char byte;
    if (!is_directory)
        assert_int_equal(read(fd, &byte, 1), 1);
    close(fd);
}

static void expect_both_ways(const char *path, int rc, off_t size)
{
    if (root.has_openat2)
        expect(path, true, rc, size);
    expect(path, false, rc, size);
}

static void files_and_directories_below_are_opened(void **state)
{
    (void)state;
    expect_both_ways(".", 0, -1);
    expect_both_ways("a.txt", 0, 1);
    expect_both_ways("./a.txt", 0, 1);
    expect_both_ways("dir", 0, -1);
    expect_both_ways("dir/b.txt", 0, 2);
}

static void what_is_not_there_is_not_found(void **state)
{
    char name[300];
    (void)state;
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    expect_both_ways("nothing", CATZILLA_ERR_NOT_FOUND, 0);
    expect_both_ways("dir/nothing", CATZILLA_ERR_NOT_FOUND, 0);
    expect_both_ways("a.txt/b", CATZILLA_ERR_NOT_FOUND, 0);
    expect_both_ways(name, CATZILLA_ERR_NOT_FOUND, 0);
}

static void pipes_and_sockets_are_not_found_and_nobody_waits(void **state)
{
    (void)state;
    expect_both_ways("pipe", CATZILLA_ERR_NOT_FOUND, 0);
    expect_both_ways("socket", CATZILLA_ERR_NOT_FOUND, 0);
}

static void no_link_leads_out(void **state)
{
    static const char *const path[] = {
        "link-out", "link-up",    "link-up/secret",        "link-up/root/a.txt", "link-absolute",
        "loop",     "link-magic", "link-magic/etc/passwd", "dir/../../secret",
    };
    (void)state;
    for (size_t i = 0; i < sizeof path / sizeof *path; i++) {
        if (root.has_openat2)
            expect(path[i], true, CATZILLA_ERR_NOT_FOUND, 0);
        /* The walk sees no ".." from a request; path.c refused it. */
        if (strstr(path[i], "..") == NULL)
            expect(path[i], false, CATZILLA_ERR_NOT_FOUND, 0);
    }
}

static void links_that_stay_below_are_followed_by_the_kernel_alone(void **state)
{
    (void)state;
    expect("link-to-file", false, CATZILLA_ERR_NOT_FOUND, 0);
    expect("link-to-dir/b.txt", false, CATZILLA_ERR_NOT_FOUND, 0);
    if (!root.has_openat2)
        skip();
    expect("link-to-file", true, 0, 1);
    expect("link-to-dir/b.txt", true, 0, 2);
}

static void what_may_not_be_read_is_told_apart(void **state)
{
    (void)state;
    assert_int_equal(fchmodat(root.fd, "a.txt", 0, 0), 0);
    /* root reads all there is, so it steps down for a moment. */
    bool is_root = geteuid() == 0;
    if (is_root)
        assert_int_equal(seteuid(65534), 0);
    expect_both_ways("a.txt", CATZILLA_ERR_ACCESS, 0);
    if (is_root)
        assert_int_equal(seteuid(0), 0);
    assert_int_equal(fchmodat(root.fd, "a.txt", 0644, 0), 0);
}

static void no_descriptor_is_left_open(void **state)
{
    (void)state;
    int before = dup(root.fd);
    close(before);
    files_and_directories_below_are_opened(NULL);
    what_is_not_there_is_not_found(NULL);
    pipes_and_sockets_are_not_found_and_nobody_waits(NULL);
    no_link_leads_out(NULL);
    int after = dup(root.fd);
    close(after);
    assert_int_equal(before, after);
}

static void a_root_must_be_a_directory(void **state)
{
    cz_beneath_t other = {.fd = -2};
    char path[sizeof base + 16];
    (void)state;
    snprintf(path, sizeof path, "%s/nowhere", base);
    assert_int_equal(cz_beneath_open_root(path, &other), CATZILLA_ERR_NOT_FOUND);
    snprintf(path, sizeof path, "%s/secret", base);
    assert_int_equal(cz_beneath_open_root(path, &other), CATZILLA_ERR_INVALID);
    assert_int_equal(other.fd, -2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_and_directories_below_are_opened),
        cmocka_unit_test(what_is_not_there_is_not_found),
        cmocka_unit_test(pipes_and_sockets_are_not_found_and_nobody_waits),
        cmocka_unit_test(no_link_leads_out),
        cmocka_unit_test(links_that_stay_below_are_followed_by_the_kernel_alone),
        cmocka_unit_test(what_may_not_be_read_is_told_apart),
        cmocka_unit_test(no_descriptor_is_left_open),
        cmocka_unit_test(a_root_must_be_a_directory),
    };
    return cmocka_run_group_tests_name("static/beneath", tests, plant_tree, remove_tree);
}
