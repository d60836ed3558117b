/* What ThreadSanitizer's runtime must be told. */
#include <stddef.h>
#include <string.h>

const char *__tsan_default_suppressions(void);
void *__tsan_memcpy(void *to, const void *from, size_t size);
void *__tsan_memmove(void *to, const void *from, size_t size);
void *__tsan_memset(void *to, int byte, size_t size);

/* libuv closes descriptors by the bare system call, which the runtime does not see. So the number's
 * next life, in another worker, looks like a race with the one before. These name the functions
 * that begin and end a descriptor, and listen, which may be the first to be seen with a socket that
 * was handed over; as gcc 12 and clang 14 call them and as newer ones do. */
#define BEGINS_OR_ENDS(name) "race:interceptor_" #name "$\nrace:^" #name "$\n"

const char *__tsan_default_suppressions(void)
{
    return BEGINS_OR_ENDS(accept4) BEGINS_OR_ENDS(close) BEGINS_OR_ENDS(dup)
        BEGINS_OR_ENDS(epoll_create1) BEGINS_OR_ENDS(eventfd) BEGINS_OR_ENDS(open)
            BEGINS_OR_ENDS(listen) BEGINS_OR_ENDS(open64) BEGINS_OR_ENDS(openat)
                BEGINS_OR_ENDS(pipe2) BEGINS_OR_ENDS(socket);
}

/* Instrumented Rust calls these, and the runtimes of gcc 12 and clang 14 lack them. They intercept
 * the plain functions, so the accesses are still seen. */

void *__tsan_memcpy(void *to, const void *from, size_t size)
{
    return memcpy(to, from, size);
}

void *__tsan_memmove(void *to, const void *from, size_t size)
{
    return memmove(to, from, size);
}

void *__tsan_memset(void *to, int byte, size_t size)
{
    return memset(to, byte, size);
}
