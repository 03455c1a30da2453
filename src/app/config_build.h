/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "yaml_tree.h"

#include "weir/app/config.h"

/*
 * From a checked document to what the program runs on. Each part tells the faults that no row
 * can know: names that lead nowhere, keys given twice, addresses that must differ. A part
 * whose values are at fault is built as far as it goes, so that the others are not blamed
 * for it; the caller drops all when any fault was told.
 */
struct config_build {
    struct config *config;
    const struct yaml_node *root;
    const struct config_overrides *overrides; /* NULL: none */
    struct config_report *report;
};

/* In this order. */
void config_server(struct config_build *b);    /* server, admin, log, cache */
void config_rules(struct config_build *b);     /* rules */
void config_upstreams(struct config_build *b); /* upstreams */
void config_models(struct config_build *b);    /* models, default_upstream */
void config_tenants(struct config_build *b);   /* tenants */
void config_drift(struct config_build *b);     /* drift: what its rows cannot know */
void config_alerts(struct config_build *b);    /* alerts */

/* What stands in for one model, once all of them stand; and what a route's answer must be:
   config_fallbacks.c. */
void config_fallbacks(struct config_build *b, const struct yaml_node *node, struct model *m);
struct accept *config_accept(struct config_build *b, const struct yaml_node *node,
                             const struct model *m);

/* What is watched of one model: config_predictions.c, config_schemas.c, config_segments.c; the
   schemas come behind the predictions. */
void config_predictions(struct config_build *b, const struct yaml_node *list, struct model *m);
void config_schemas(struct config_build *b, const struct yaml_node *node, struct model *m);
void config_segments(struct config_build *b, const struct yaml_node *list, struct model *m);
