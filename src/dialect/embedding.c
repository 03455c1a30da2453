/* SPDX-License-Identifier: Apache-2.0 */
#include "embedding.h"

#include "weir/base/base64.h"
#include "weir/base/scan.h"

#include <float.h>
#include <math.h>
#include <string.h>

static bool asks_for_base64(const struct request *r)
{
    struct scan_member m;

    return scan_get(r->body, STR("encoding_format"), &m) && scan_text_is(&m, STR("base64"));
}

/* Four bytes, the least first, whatever this machine does. */
static void put_float(struct buf *out, double value)
{
    float single = (float)value;
    uint32_t bits;
    char bytes[4];

    memcpy(&bits, &single, sizeof(bits));
    for (unsigned i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)(bits >> (8 * i) & 0xff);
    buf_put(out, (struct str){ bytes, sizeof(bytes) });
}

/* The list's numbers as bytes in `floats`; false if it holds anything else. */
static bool read_numbers(struct str list, struct buf *floats)
{
    struct scan s;
    struct scan_member m;
    double value;

    buf_reset(floats);
    scan_start(&s, list);
    while (scan_next(&s, &m)) {
        if (m.type != SCAN_NUMBER || !scan_number(m.value, &value) || fabs(value) > FLT_MAX)
            return false;
        put_float(floats, value);
    }
    return true;
}

/* Copies the body to `out` with each vector encoded; false when one cannot be. */
static bool encode(struct str body, struct str data, struct buf *floats, struct buf *out)
{
    struct scan items;
    struct scan_member item, vector;
    size_t copied = 0;

    scan_start(&items, data);
    while (scan_next(&items, &item)) {
        if (item.type != SCAN_OBJECT || !scan_get(item.value, STR("embedding"), &vector) ||
            vector.type != SCAN_ARRAY || !read_numbers(vector.value, floats))
            return false;
        buf_put(out, str_cut(body, copied, (size_t)(vector.value.at - body.at)));
        buf_put(out, STR("\""));
        base64_put(out, buf_str(floats));
        buf_put(out, STR("\""));
        copied = (size_t)(vector.value.at - body.at) + vector.value.len;
    }
    buf_put(out, str_cut(body, copied, body.len));
    return copied > 0;
}

void embedding_fit(const struct request *r, struct buf *body)
{
    struct scan_member data;
    struct buf floats = { 0 }, out = { 0 };

    if (r->endpoint != ENDPOINT_EMBEDDINGS || !asks_for_base64(r) ||
        !scan_get(buf_str(body), STR("data"), &data) || data.type != SCAN_ARRAY)
        return;
    if (encode(buf_str(body), data.value, &floats, &out)) {
        out.most = body->most;
        buf_deinit(body);
        *body = out;
    } else {
        buf_deinit(&out);
    }
    buf_deinit(&floats);
}
