/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * How a node of the plain body takes in the next piece. The tables have the shape of the bodies,
 * their rows the order in which the provider documents the members. Unknown members follow the
 * last row of their table.
 */

enum grow {
    GROW_LAST, /* the last value counts */
    GROW_ONCE, /* one value only; a second, different one is not understood */
    GROW_TEXT, /* strings, joined */
    GROW_JSON, /* strings, joined: the JSON text of a value, which the plain body has itself */
    GROW_LIST, /* arrays, joined */
    GROW_OBJECT, /* member by member */
    GROW_INDEX,  /* an array of objects that say their index */
    GROW_NAME,   /* the model: written as the name asked for */
    GROW_DROP,   /* not in a plain body */
};

struct shape {
    const char *key; /* NULL in the last row */
    enum grow how;
    const struct shape *inside;
    const char *absent; /* written when no chunk had it; NULL: nothing is */
    const char *as;     /* its name in the plain body, if another */
};

extern const struct shape shape_chat[];
extern const struct shape shape_completions[];
extern const struct shape shape_tool_call[];
extern const struct shape shape_message[]; /* Anthropic's */
