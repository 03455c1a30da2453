/* SPDX-License-Identifier: Apache-2.0 */
#include "pages.h"

#include "weir/base/ensure.h"

#include <sys/mman.h>

void *pages_new(size_t size)
{
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    ensure(at != MAP_FAILED);
    /* With huge pages the first touch would take 2 MiB. Where the kernel knows none, it fails. */
    (void)madvise(at, size, MADV_NOHUGEPAGE);
    return at;
}

void pages_free(void *at, size_t size)
{
    int failed = at ? munmap(at, size) : 0;

    ensure(!failed);
}
