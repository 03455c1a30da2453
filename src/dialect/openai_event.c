/* SPDX-License-Identifier: Apache-2.0 */
#include "inband.h"
#include "openai_parts.h"

/*
 * An event of Responses. The first frames only say that there will be something; the last one
 * carries the whole answer, which is its plain form. A response counts as the one choice of its
 * stream: open with the first event, over with .completed or .incomplete.
 */

static bool is_frame(const struct scan_member *type)
{
    static const char *const frames[] = { "response.created",
                                          "response.queued",
                                          "response.in_progress",
                                          "response.output_item.added",
                                          "response.content_part.added",
                                          "response.reasoning_summary_part.added",
                                          "keepalive",
                                          "ping" };

    for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
        if (scan_text_is(type, str_of(frames[i])))
            return true;
    }
    return false;
}

static void splice_response(struct tap *t, const struct tap_event *e, struct str text,
                            struct delta *out)
{
    struct splices splices = { .count = 0 };
    struct buf name = { 0 };
    struct scan_member model;

    if (scan_pointer(text, STR("/response/model"), &model)) {
        tap_note_name(t->answer.model, &model);
        tap_splice_model(t, text, &model, &splices, &name);
    }
    tap_splice(t, e, &splices, out);
    buf_deinit(&name);
}

static void keep_response(struct tap *t, struct str response)
{
    struct splices splices = { .count = 0 };
    struct buf name = { 0 };
    struct scan_member model;

    if (!t->keep || t->answer.keep_failed)
        return;
    buf_reset(&t->answer.body);
    if (scan_get(response, STR("model"), &model))
        tap_splice_model(t, response, &model, &splices, &name);
    splice_put(&splices, response, &t->answer.body);
    buf_deinit(&name);
}

static enum err fail(struct tap *t, const struct tap_event *e, struct str text,
                     struct str holder, struct delta *out)
{
    struct scan_member error = { .value = { "null", 4 } };

    (void)scan_get(holder, STR("error"), &error);
    t->failed = true;
    inband_note(&t->answer, error.value, text);
    out->kind = DELTA_ERROR;
    splice_response(t, e, text, out);
    return ERR_UPSTREAM_IN_BAND;
}

static void finish(struct tap *t, struct str response, struct delta *out)
{
    struct scan_member m;

    t->choices_open = 0;
    if (scan_get(response, STR("usage"), &m))
        openai_whole_read_usage(t, m.value);
    if (scan_get(response, STR("output"), &m) && m.type == SCAN_ARRAY && m.value.len > 2)
        t->answer.has_content = true;
    out->kind = DELTA_DONE;
    keep_response(t, response);
}

enum err openai_event_read(struct tap *t, const struct tap_event *e, struct str text,
                           struct delta *out)
{
    struct scan_member type = { .type = SCAN_NONE }, response = { .value = { "", 0 } };
    struct scan_member number;
    uint64_t sequence;
    bool over;

    (void)scan_get(text, STR("type"), &type);
    (void)scan_get(text, STR("response"), &response);
    if (scan_get(text, STR("sequence_number"), &number) && scan_u64(number.value, &sequence) &&
        sequence < INT64_MAX)
        t->sequence = (int64_t)sequence;
    if (t->choices_seen == 0)
        t->choices_seen = t->choices_open = 1;
    if (scan_text_is(&type, STR("error")))
        return fail(t, e, text, text, out);
    if (scan_text_is(&type, STR("response.failed")))
        return fail(t, e, text, response.value, out);
    over = scan_text_is(&type, STR("response.completed")) ||
           scan_text_is(&type, STR("response.incomplete"));
    if (over) {
        finish(t, response.value, out);
    } else if (!is_frame(&type)) {
        t->answer.has_content = true;
        out->kind = DELTA_CONTENT;
    }
    splice_response(t, e, text, out);
    return OK;
}
