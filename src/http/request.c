/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/http/request.h"

struct str http_request_field(const struct http_request *r, struct str name)
{
    for (size_t i = 0; i < r->field_count; i++) {
        if (str_eq_nocase(r->fields[i].name, name))
            return r->fields[i].value;
    }
    return (struct str){ NULL, 0 };
}
