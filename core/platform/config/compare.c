/* Which settings differ between two readings. */
#include "names.h"

#include <string.h>

struct comparing {
	const char *before, *after; /* the structs, as bytes */
	settings_changed_fn *changed;
	void *arg;
};

static bool texts_equal(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool lists_equal(const struct certctl_list *a, const struct certctl_list *b)
{
	const char *const *a_items = a->items, *const *b_items = b->items;

	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (!texts_equal(a_items[i], b_items[i]))
			return false;
	return true;
}

static bool is_equal(const struct certctl_field *row, const void *a, const void *b)
{
	switch (row->type) {
	case CERTCTL_SECRET:
		return certctl_secret_equal(a, b);
	case CERTCTL_LIST:
		certctl_assert(row->item_type == CERTCTL_PATH || row->item_type == CERTCTL_TEXT);
		return lists_equal(a, b);
	case CERTCTL_TEXT:
	case CERTCTL_PATH:
		return texts_equal(*(const char *const *)a, *(const char *const *)b);
	default: /* numbers */
		certctl_assert(row->type == CERTCTL_INTEGER || row->type == CERTCTL_ENUM ||
			       row->type == CERTCTL_BOOLEAN || row->type == CERTCTL_DURATION ||
			       row->type == CERTCTL_SIZE);
		return memcmp(a, b, row->length) == 0;
	}
}

static void compare_leaf(void *arg, const struct settings_leaf *leaf)
{
	const struct comparing *comparing = arg;

	if (!is_equal(leaf->row, comparing->before + leaf->offset, comparing->after + leaf->offset))
		comparing->changed(comparing->arg, leaf->path, leaf->row->flags & SETTINGS_RELOADED);
}

void settings_compare(const struct settings *before, const struct settings *after, settings_changed_fn *changed,
	void *arg)
{
	struct comparing comparing = {
		.before = (const char *)before, .after = (const char *)after, .changed = changed, .arg = arg
	};

	settings_each(compare_leaf, &comparing);
}
