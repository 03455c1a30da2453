/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/str.h"

/* Who is told of alarms, as it was configured. All texts are the configuration's. */
struct alert_settings {
    struct str *alertmanagers; /* URLs */
    size_t alertmanager_count;
    struct alert_webhook {
        struct str url;
        struct str key; /* absent: not signed */
    } * webhooks;
    size_t webhook_count;
    const char **exec; /* NULL at the end; NULL: none */
    struct str link;   /* absent: the admin address */
};
