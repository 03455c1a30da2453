/* SPDX-License-Identifier: Apache-2.0 */
#include "vectors.h"

#include <criterion/criterion.h>
#include <string.h>

/*
 * science_vectors.json holds numbers that a program in another language reckoned. Each entry
 * of the sections on drift must be known to a row below, which takes its numbers out one by
 * one; what it leaves over fails the test, so that no number goes unchecked.
 */

/* By the start of the entry's name: the first row that fits. */
static const struct row {
    const char *section, *name;
    vectors_fn *check;
} rows[] = {
    { "1.dist", "D8 ", vectors_smoothing },
    { "1.dist", "D9 ", vectors_ks_of_values },
    { "1.dist", "D10 ", vectors_wasserstein },
    { "1.dist", "D", vectors_distances },
    { "1.fn", "chi2_sf", vectors_chi2 },
    { "1.fn", "kolmogorov_q", vectors_kolmogorov },
    { "1.psi_noise", "PSI null", vectors_noise },
    { "1.seq", "PH ", vectors_page_hinkley },
    { "1.seq", "ADWIN ", vectors_adwin },
    { "1.seq", "Bernoulli CUSUM", vectors_bernoulli },
    { "1.seq", "e-process up", vectors_e_process },
    { "1.seq", "e-CUSUM up", vectors_up },
    { "1.seq", "e-CUSUM down", vectors_down },
    { "1.seq", "e-SR up", vectors_sr },
    { "1.seq", "single factor", vectors_factor },
    { "1.seq", "tick-mean", vectors_tick_mean },
    { "1.seq", "tempered", vectors_tempered },
    { "1.seq", "merge invariance", vectors_merge },
    { "1.seq", "reference bounds", vectors_bounds },
    { "1.seq", "bounds with tolerance", vectors_tolerance },
    { "1.seq", "delay ", vectors_delay },
    { "1.seq", "CP 99% and Wilson 95%", vectors_intervals },
    { "1.seq", "ln threshold", vectors_threshold },
    { "3.hist", "Prom native schema 5", vectors_bucket },
    { "3.hist", "exp schema5 quantile", vectors_quantile },
};

static const struct row *row_of(const char *section, const char *name)
{
    for (const struct row *r = rows; r < rows + sizeof(rows) / sizeof(rows[0]); r++)
        if (strcmp(r->section, section) == 0 && strncmp(r->name, name, strlen(r->name)) == 0)
            return r;
    return NULL;
}

/* Returns how many entries were checked; of the sections on drift each must be. */
static size_t check_section(const char *section, json_t *entries, bool whole)
{
    size_t checked = 0, i;
    json_t *entry;

    json_array_foreach(entries, i, entry)
    {
        char name[128];
        const struct row *row;

        snprintf(name, sizeof(name), "%s", json_string_value(json_object_get(entry, "name")));
        row = row_of(section, name);
        cr_assert(row || !whole, "nobody checks %s: %s", section, name);
        if (!row)
            continue;
        json_object_del(entry, "name");
        row->check(entry);
        cr_assert_eq(json_object_size(entry), 0, "%s: %s was not checked", name,
                     json_object_iter_key(json_object_iter(entry)));
        checked++;
    }
    return checked;
}

Test(vectors, every_number_about_drift_is_ours_too, .timeout = 20)
{
    json_t *root = json_load_file(VECTORS, JSON_REJECT_DUPLICATES, NULL);
    const char *section;
    json_t *entries;
    size_t checked = 0;

    cr_assert(root);
    json_object_foreach(root, section, entries)
    {
        bool whole = strncmp(section, "1.", 2) == 0;

        checked += check_section(section, entries, whole);
    }
    json_decref(root);
    cr_assert_eq(checked, 56 + 8 + 3);
}
