/* SPDX-License-Identifier: Apache-2.0 */
#include "embedding.h"

#include <criterion/criterion.h>

static struct buf body;

static struct str fitted(const char *request, enum endpoint endpoint, const char *answer)
{
    struct request r = { .endpoint = endpoint, .body = str_of(request) };

    buf_deinit(&body);
    buf_put_text(&body, answer);
    embedding_fit(&r, &body);
    return buf_str(&body);
}

static bool becomes(const char *request, const char *answer, const char *wanted)
{
    bool same = str_eq(fitted(request, ENDPOINT_EMBEDDINGS, answer), str_of(wanted));

    buf_deinit(&body);
    return same;
}

#define BASE64 "{\"encoding_format\":\"base64\"}"
#define FLOATS                                    \
    "{\"data\": [{\"index\":0,\"embedding\":[1, " \
    "-2.5]},{\"embedding\":[0.1],\"index\":1}],\"x\":1e2}"

/* 1.0f is 00 00 80 3f, -2.5f is 00 00 20 c0, 0.1f is cd cc cc 3d, the least byte first. */
Test(embedding, lists_of_numbers_become_base64_and_all_else_stays, .timeout = 10)
{
    cr_assert(becomes(BASE64, FLOATS,
                      "{\"data\": [{\"index\":0,\"embedding\":\"AACAPwAAIMA=\"},"
                      "{\"embedding\":\"zczMPQ==\",\"index\":1}],\"x\":1e2}"));
}

Test(embedding, who_asked_for_floats_or_nothing_gets_what_came, .timeout = 10)
{
    cr_assert(becomes("{\"encoding_format\":\"float\"}", FLOATS, FLOATS));
    cr_assert(becomes("{\"input\":\"base64\"}", FLOATS, FLOATS));
}

Test(embedding, what_is_base64_already_stays, .timeout = 10)
{
    static const char answer[] = "{\"data\":[{\"embedding\":\"AACAPw==\"}]}";

    cr_assert(becomes(BASE64, answer, answer));
}

Test(embedding, what_is_no_plain_list_of_numbers_stays_whole, .timeout = 10)
{
    static const char *const answers[] = {
        "{\"data\":[{\"embedding\":[1]},{\"embedding\":[null]}]}",
        "{\"data\":[{\"embedding\":[1e999]}]}",
        "{\"data\":[{\"embedding\":[[1]]}]}",
        "{\"data\":[1]}",
        "{\"data\":[]}",
        "{\"error\":{}}",
    };

    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
        cr_assert(becomes(BASE64, answers[i], answers[i]), "%s", answers[i]);
}

Test(embedding, other_endpoints_are_left_alone, .timeout = 10)
{
    cr_assert(str_eq(fitted(BASE64, ENDPOINT_CHAT, FLOATS), str_of(FLOATS)));
    buf_deinit(&body);
}
