#include "core/cli/cli.h"
#include "shop.h"

#include <stdlib.h>
#include <string.h>

/* What is offered for words, with commas; the last one is being typed. */
static const char *offers(int argc, const char *const *words)
{
	char *argv[12] = { (char *)"certctl complete", (char *)"--" }, *text = NULL, *copy;
	struct cli cli = { .mem = test_mem(), .api = shop() };
	struct certctl_error err = { 0 };
	size_t len = 0;

	for (int i = 0; i < argc; i++)
		argv[i + 2] = talloc_strdup(test_mem(), words[i]);
	/* Nobody is there to ask for ids. */
	cli.options.url = "https://127.0.0.1:1";
	cli.output.to = open_memstream(&text, &len);
	ASSERT_OK(complete_command(&cli, argc + 2, argv, &err), err);
	fclose(cli.output.to);
	copy = talloc_strdup(test_mem(), "");
	for (char *line = text; *line; line += strcspn(line, "\n") + 1)
		copy = talloc_asprintf_append(copy, "%s%.*s", *copy ? "," : "", (int)strcspn(line, "\t"), line);
	free(text);
	return copy;
}

static void what_could_stand_there_is_offered(void)
{
	static const struct {
		int argc;
		const char *words[6], *offers;
	} rows[] = {
		{ 1, { "sh" }, "shelves" },
		{ 1, { "e" }, "export" },
		{ 1, { "comp" }, "" },
		{ 2, { "shelves", "" }, "list,create,get,replace,delete,edit" },
		{ 2, { "shelves", "cr" }, "create" },
		{ 3, { "-v", "shelves", "cr" }, "create" },
		{ 3, { "shelves", "list", "--ro" }, "--room" },
		{ 3, { "shelves", "list", "--al" }, "--all" },
		{ 3, { "shelves", "create", "--room=" }, "--room=cellar,--room=attic" },
		{ 3, { "shelves", "create", "--room=a" }, "--room=attic" },
		{ 3, { "jar-lids", "create", "--tight=" }, "--tight=true,--tight=false" },
		{ 3, { "jar-lids", "create", "--moods=glad,s" }, "--moods=glad,sad" },
		{ 4, { "jar-lids", "edit", "l-1", "--shelf" }, "--shelf-ids" },
		{ 3, { "shelves", "list", "--output=" }, "--output=table,--output=json,--output=yaml,--output=csv" },
		{ 2, { "context", "r" }, "remove" },
		{ 3, { "shelves", "get", "" }, "" },
		{ 3, { "nothing", "at", "all" }, "" },
	};

	setenv("XDG_CONFIG_HOME", test_temporary_dir(), 1);
	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++)
		ASSERT_TEXT(offers(rows[i].argc, rows[i].words), rows[i].offers);
}

const struct test tests[] = { TEST(what_could_stand_there_is_offered), { 0 } };
