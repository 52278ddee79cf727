/*
 * Reader of `nginx -T`: words, quotes, comments, blocks; of directives only the five that say what is served.  Touches no file
 * and runs nothing, so that it can be fuzzed.
 */
#include "dump.h"

#include <limits.h>
#include <string.h>

#define ITEMS_MAX 10000
#define WORDS_MAX 32 /* of a directive; further ones are read and dropped */
#define PAIRS_MAX 8  /* certificates of one server block: one a key type */
#define NAMES_MAX 256

struct block {
	const char *names[NAMES_MAX + 1];
	const char *certificates[PAIRS_MAX], *keys[PAIRS_MAX];
	unsigned lines[PAIRS_MAX];
	size_t name_count, certificate_count, key_count;
	const char *address;
	bool is_tls_address;
};

struct reader {
	TALLOC_CTX *mem;
	const char *at, *end;
	unsigned line;
	const char *file, *directory; /* of the section; of the main configuration */
	const char *words[WORDS_MAX];
	size_t word_count;
	size_t depth, server_depth; /* server_depth: of the body of the server block; 0: in none */
	struct block block;
	const struct certctl_inventory_item **items;
	size_t item_count;
	bool failed; /* out of memory, latched */
};

static const char *keep(struct reader *reader, const char *text, size_t len)
{
	char *copy = talloc_strndup(reader->mem, text, len);

	reader->failed = reader->failed || !copy;
	return copy ? copy : "";
}

/* --- What a block says ------------------------------------------------------------------------------------------------ */

static const char *absolute(struct reader *reader, const char *path)
{
	static const char *const elsewhere[] = { "data:", "engine:", "store:" };

	for (size_t i = 0; i < CERTCTL_COUNT(elsewhere); i++)
		if (strncmp(path, elsewhere[i], strlen(elsewhere[i])) == 0)
			return NULL;
	if (!path[0] || strchr(path, '$'))
		return NULL;
	if (path[0] == '/')
		return path;
	char *whole = talloc_asprintf(reader->mem, "%s/%s", reader->directory ? reader->directory : "", path);

	reader->failed = reader->failed || !whole;
	return whole;
}

static void add_item(struct reader *reader, size_t i)
{
	struct block *block = &reader->block;
	const char *certificate = absolute(reader, block->certificates[i]);
	struct certctl_inventory_item *item =
		certificate ? talloc_zero(reader->mem, struct certctl_inventory_item) : NULL;

	if (!certificate)
		return;
	reader->items = talloc_realloc(reader->mem, reader->items, const struct certctl_inventory_item *,
		(unsigned)reader->item_count + 2);
	if (!item || !reader->items) {
		reader->failed = true;
		return;
	}
	item->certificate_path = certificate;
	item->key_path = i < block->key_count ? absolute(reader, block->keys[i]) : NULL;
	item->server_names = talloc_memdup(reader->mem, block->names, (block->name_count + 1) * sizeof(*block->names));
	item->address = block->address;
	item->source = talloc_asprintf(reader->mem, "%s:%u", reader->file, block->lines[i]);
	reader->failed = reader->failed || !item->server_names || !item->source;
	reader->items[reader->item_count++] = item;
	reader->items[reader->item_count] = NULL;
}

static void end_block(struct reader *reader)
{
	for (size_t i = 0; i < reader->block.certificate_count && reader->item_count <= ITEMS_MAX && !reader->failed;
		i++)
		add_item(reader, i);
	reader->block = (struct block){ 0 };
	reader->server_depth = 0;
}

/* "443", "*:443", "127.0.0.1", "[::]:443", "unix:/run/x" */
static const char *address_of(struct reader *reader, const char *word)
{
	size_t digits = strspn(word, "0123456789");
	const char *colon = strrchr(word, ':');
	char *text;

	if (digits && !word[digits])
		text = talloc_asprintf(reader->mem, "0.0.0.0:%s", word);
	else if (strncmp(word, "*:", 2) == 0)
		text = talloc_asprintf(reader->mem, "0.0.0.0%s", word + 1);
	else if (strncmp(word, "unix:", 5) == 0 || (colon && colon[1] && !strchr(colon, ']')))
		text = talloc_strdup(reader->mem, word);
	else
		text = talloc_asprintf(reader->mem, "%s:80", word);
	reader->failed = reader->failed || !text;
	return text;
}

static void take_listen(struct reader *reader)
{
	struct block *block = &reader->block;
	bool is_tls = false;

	for (size_t i = 2; i < reader->word_count; i++)
		is_tls = is_tls || strcmp(reader->words[i], "ssl") == 0;
	if (block->address && (block->is_tls_address || !is_tls))
		return;
	block->address = address_of(reader, reader->words[1]);
	block->is_tls_address = is_tls;
}

static void take_directive(struct reader *reader)
{
	struct block *block = &reader->block;
	const char *name = reader->word_count > 1 ? reader->words[0] : "";

	if (strcmp(name, "ssl_certificate") == 0 && block->certificate_count < PAIRS_MAX) {
		block->lines[block->certificate_count] = reader->line;
		block->certificates[block->certificate_count++] = reader->words[1];
	} else if (strcmp(name, "ssl_certificate_key") == 0 && block->key_count < PAIRS_MAX) {
		block->keys[block->key_count++] = reader->words[1];
	} else if (strcmp(name, "listen") == 0 && reader->server_depth) {
		take_listen(reader);
	} else if (strcmp(name, "server_name") == 0 && reader->server_depth) {
		for (size_t i = 1; i < reader->word_count && block->name_count < NAMES_MAX; i++)
			if (reader->words[i][0])
				block->names[block->name_count++] = reader->words[i];
	}
}

/* --- Words and blocks --------------------------------------------------------------------------------------------------- */

/* "# configuration file /etc/nginx/nginx.conf:" begins a section; includes are not nested in a dump. */
static void take_comment(struct reader *reader, bool begins_line)
{
	static const char head[] = "# configuration file ";
	const char *start = reader->at;
	const char *newline = memchr(start, '\n', (size_t)(reader->end - start));
	const char *stop = newline ? newline : reader->end;
	size_t len = (size_t)(stop - start);

	reader->at = stop;
	if (!begins_line || len <= sizeof(head) || memcmp(start, head, sizeof(head) - 1) != 0 || stop[-1] != ':')
		return;
	end_block(reader);
	reader->depth = 0;
	reader->word_count = 0;
	reader->file = keep(reader, start + sizeof(head) - 1, len - sizeof(head));
	reader->line = 0; /* the header's own line does not count */
	if (!reader->directory) {
		const char *slash = strrchr(reader->file, '/');

		reader->directory = slash ? keep(reader, reader->file, (size_t)(slash - reader->file)) : "";
	}
}

/* A word as it is put together; what is longer than any path is cut. */
struct word {
	char text[PATH_MAX];
	size_t len;
};

static void put(struct word *word, char byte)
{
	if (word->len + 1 < sizeof(word->text))
		word->text[word->len++] = byte;
}

static void take_quoted(struct reader *reader, struct word *word)
{
	char quote = *reader->at++;

	for (; reader->at < reader->end && *reader->at != quote; reader->at++) {
		if (*reader->at == '\\' && reader->at + 1 < reader->end)
			reader->at++;
		reader->line += *reader->at == '\n';
		put(word, *reader->at);
	}
	reader->at += reader->at < reader->end;
}

static bool ends_word(char byte)
{
	return strchr(" \t\r\n;{}", byte) != NULL; /* and NUL, which strchr finds too */
}

static void take_bare(struct reader *reader, struct word *word)
{
	for (; reader->at < reader->end && !ends_word(*reader->at); reader->at++) {
		if (*reader->at == '\\' && reader->at + 1 < reader->end)
			reader->at++;
		put(word, *reader->at);
		/* "${name}" is one word. */
		if (*reader->at != '$' || reader->at + 1 >= reader->end || reader->at[1] != '{')
			continue;
		while (reader->at + 1 < reader->end && *reader->at != '}')
			put(word, *++reader->at);
	}
}

static void take_word(struct reader *reader)
{
	struct word word;

	word.len = 0;

	if (*reader->at == '"' || *reader->at == '\'')
		take_quoted(reader, &word);
	else
		take_bare(reader, &word);
	if (reader->word_count < WORDS_MAX)
		reader->words[reader->word_count++] = keep(reader, word.text, strnlen(word.text, word.len));
}

static void take_brace(struct reader *reader, char brace)
{
	if (brace == '{') {
		reader->depth++;
		if (!reader->server_depth && reader->word_count == 1 && strcmp(reader->words[0], "server") == 0) {
			end_block(reader); /* of what stood outside of it */
			reader->server_depth = reader->depth;
		}
	} else {
		if (reader->server_depth && reader->depth == reader->server_depth)
			end_block(reader);
		reader->depth -= reader->depth > 0;
	}
	reader->word_count = 0;
}

int nginx_dump_read(TALLOC_CTX *mem, const char *text, size_t len, const struct certctl_inventory_item *const **ret,
	struct certctl_error *err)
{
	struct reader reader = { .mem = mem, .at = text, .end = text + len, .line = 1, .file = "nginx -T" };

	reader.items = talloc_zero_array(mem, const struct certctl_inventory_item *, 1);
	reader.failed = !reader.items;
	while (reader.at < reader.end && !reader.failed && reader.item_count <= ITEMS_MAX) {
		char byte = *reader.at;

		if (byte == '#') {
			take_comment(&reader, reader.at == text || reader.at[-1] == '\n');
		} else if (byte == '{' || byte == '}') {
			reader.at++;
			take_brace(&reader, byte);
		} else if (byte == ';') {
			reader.at++;
			take_directive(&reader);
			reader.word_count = 0;
		} else if (ends_word(byte)) {
			reader.at++;
			reader.line += byte == '\n';
		} else {
			take_word(&reader);
		}
	}
	end_block(&reader);
	if (reader.failed)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	if (reader.item_count > ITEMS_MAX)
		return certctl_fail(err, CERTCTL_E_LIMIT, "nginx -T: more than %d certificates", ITEMS_MAX);
	*ret = reader.items;
	return 0;
}
