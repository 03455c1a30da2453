/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gives a fuzz target every file of its corpus, and the empty input: the corpus as an
 * ordinary test, under whatever sanitizers the build has.
 *
 *     fuzz-scan tests/fuzz/corpus/scan
 *
 * Each input is an allocation of its own of exactly its size, so that reading one byte too
 * far is seen.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PATH_BYTES = 4096 };

static void give_up(const char *path)
{
    perror(path);
    exit(1);
}

static void feed(const char *path)
{
    FILE *file = fopen(path, "rb");
    struct stat about;
    uint8_t *bytes;
    size_t size;

    if (!file || fstat(fileno(file), &about) != 0)
        give_up(path);
    size = (size_t)about.st_size;
    bytes = malloc(size ? size : 1);
    if (!bytes || fread(bytes, 1, size, file) != size)
        give_up(path);
    fclose(file);
    LLVMFuzzerTestOneInput(bytes, size);
    free(bytes);
}

static int feed_folder(const char *folder)
{
    DIR *all = opendir(folder);
    const struct dirent *one;
    char path[PATH_BYTES];
    int count = 0;

    if (!all)
        give_up(folder);
    while ((one = readdir(all))) {
        if (one->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, one->d_name);
        printf("%s\n", path); /* first, so that the last line names who broke it */
        fflush(stdout);
        feed(path);
        count++;
    }
    closedir(all);
    return count;
}

int main(int count, char **words)
{
    int fed;

    if (count != 2) {
        fprintf(stderr, "usage: %s CORPUS\n", words[0]);
        return 2;
    }
    LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
    fed = feed_folder(words[1]);
    printf("%d inputs\n", fed);
    return fed == 0;
}
