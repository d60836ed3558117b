/* Runs a target over files, one after another: the corpus as a plain test, without libFuzzer. */
#include "fuzz.h"

#include <dirent.h>

enum { LARGEST = 1 << 20 };

static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        return 1;
    }
    char *bytes = malloc(LARGEST);
    FUZZ_CHECK(bytes != NULL);
    size_t size = fread(bytes, 1, LARGEST, file);
    fclose(file);
    printf("%s\n", path);
    fflush(stdout);
    char *exact = fuzz_copy(bytes, size);
    free(bytes);
    LLVMFuzzerTestOneInput((const uint8_t *)exact, size);
    free(exact);
    return 0;
}

int main(int argc, char **argv)
{
    int failed = argc != 2, count = 0;
    DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;
    if (folder == NULL) {
        fprintf(stderr, "usage: %s CORPUS\n", argv[0]);
        return 2;
    }
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        char path[4096];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", argv[1], entry->d_name);
        failed |= replay_file(path);
        count++;
    }
    closedir(folder);
    return failed || count == 0;
}
