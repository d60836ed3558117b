/* A host that loads and unloads the library again and again, and uses it on joined threads. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>

typedef void *(*alloc_fn)(size_t size);
typedef void (*free_fn)(void *block);

struct functions {
    alloc_fn allocate;
    free_fn release;
};

static void *use(void *arg)
{
    struct functions *functions = arg;
    for (size_t size = 1; size < 100000; size *= 3)
        functions->release(functions->allocate(size));
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    for (int round = 0; round < 100; round++) {
        void *library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
        if (library == NULL) {
            fprintf(stderr, "%s\n", dlerror());
            return 1;
        }
        struct functions functions;
        *(void **)&functions.allocate = dlsym(library, "catzilla_request_alloc");
        *(void **)&functions.release = dlsym(library, "catzilla_free");
        pthread_t threads[2];
        for (int i = 0; i < 2; i++)
            if (pthread_create(&threads[i], NULL, use, &functions) != 0)
                return 1;
        for (int i = 0; i < 2; i++)
            pthread_join(threads[i], NULL);
        if (dlclose(library) != 0)
            return 1;
    }
    return 0;
}
