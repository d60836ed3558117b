/* What builds with CATZILLA_TEST_HOOKS let a test force or ask; in no public header. */
#ifndef CATZILLA_TESTS_MEMORY_HOOKS_H
#define CATZILLA_TESTS_MEMORY_HOOKS_H

#include <stdbool.h>

/* Lets `successes` more arenas be made, and then none; negative turns that off. */
void catzilla_memory_test_fail_arena_creation(int successes);

/* Pretends that jemalloc's major version is `major`; 0 turns that off. */
void catzilla_memory_test_fake_jemalloc_major(unsigned major);

/* Pretends that no address range can be reserved. */
void catzilla_memory_test_fail_reservation(bool fails);

/* How many arenas jemalloc has, its automatic ones included. */
unsigned catzilla_memory_test_arena_count(void);

#endif
