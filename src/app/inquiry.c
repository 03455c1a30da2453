/* SPDX-License-Identifier: Apache-2.0 */
#include "inquiry.h"

#include "admin_call.h"
#include "weir/app/config.h"

#include <stdio.h>
#include <stdlib.h>

static bool read_file(struct inquiry *q, const char *file, const char *admin)
{
    AUTO(config_free) struct config *config = NULL;
    struct config_overrides overrides = { .admin = admin ? str_of(admin) : (struct str){ 0 } };
    struct buf faults = { 0 }, warnings = { 0 };
    bool good = config_read(&config, file, &overrides, &faults, &warnings) == OK;

    if (good) {
        buf_put(&q->address, config->settings.admin_listen);
        buf_put(&q->token, config->settings.admin_token);
    }
    (void)fprintf(stderr, "%.*s", STR_ARG(buf_str(&faults)));
    buf_deinit(&faults);
    buf_deinit(&warnings);
    return good;
}

bool inquiry_open(struct inquiry *q, const char *file, const char *admin)
{
    const char *token = getenv("WEIR_ADMIN_TOKEN");

    *q = (struct inquiry){ 0 };
    if (file && !read_file(q, file, admin))
        return false;
    if (!file)
        buf_put_text(&q->address, admin ? admin : "127.0.0.1:8081");
    if (token) {
        buf_reset(&q->token);
        buf_put_text(&q->token, token);
    }
    return true;
}

void inquiry_close(struct inquiry *q)
{
    buf_deinit(&q->address);
    buf_deinit(&q->token);
}

long inquiry_get(const struct inquiry *q, const char *path, struct buf *out, struct fault *why)
{
    struct admin_call call = { .address = buf_str(&q->address),
                               .token = buf_str(&q->token),
                               .method = "GET",
                               .path = str_of(path) };
    long status = 0;

    return admin_call(&call, &status, out, why) == OK ? status : 0;
}
