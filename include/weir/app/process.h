/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/app/config.h"

/*
 * The whole gateway in the foreground, from a configuration file to the exit status: 0 after a
 * drain, 1 when it could not run, 2 when the configuration is at fault.
 */
int process_serve(const char *path, const struct config_overrides *overrides);

/* Validates a configuration and tells every fault; 0 or 2. */
int process_check(const char *path);
