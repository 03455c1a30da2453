/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/app/config.h"

#include <stdlib.h>
#include <string.h>

/*
 * Any bytes as a configuration: refused with words or made into one, and nothing is leaked.
 * Files are not read on the way: what stands in them is not the input's.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(config_free) struct config *config = NULL;
    struct str text = { size > 0 ? (const char *)data : "", size };
    struct buf faults = { 0 }, warnings = { 0 };
    enum err err;

    if (memmem(text.at, text.len, "file", 4))
        return 0;
    err = config_parse(&config, STR("f"), text, NULL, &faults, &warnings);
    if ((err == OK) != (faults.len == 0) || (err == OK) != (config != NULL))
        abort();
    for (size_t i = 0; i < faults.len; i++) {
        if ((unsigned char)faults.at[i] < ' ' && faults.at[i] != '\n')
            abort();
    }
    buf_deinit(&faults);
    buf_deinit(&warnings);
    return 0;
}
