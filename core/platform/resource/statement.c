/* Statements made of tables: their text, their values, and the memory of what was prepared.  Knows no resource's rules. */
#include "engine.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* Shapes are few: what is asked for again and again is asked for in the same way.  Beyond this they run unprepared. */
#define STATEMENTS_MAX 256
#define SLOTS          1024

struct resource_statements {
	pthread_mutex_t lock;
	struct db_query *slots[SLOTS]; /* by hash of the text */
	unsigned count;
};

static int release(struct resource_statements *statements)
{
	pthread_mutex_destroy(&statements->lock);
	return 0;
}

int resource_services_init(TALLOC_CTX *mem, struct resource_services *services, struct certctl_error *err)
{
	services->statements = talloc_zero(mem, struct resource_statements);
	if (!services->statements)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	pthread_mutex_init(&services->statements->lock, NULL);
	talloc_set_destructor(services->statements, release);
	return 0;
}

/* --- Text and values ------------------------------------------------------------------------------------------------- */

void statement_init(struct statement *statement, TALLOC_CTX *mem)
{
	certctl_buffer_init(&statement->text, mem, 256 << 10);
	statement->count = 0;
}

size_t statement_value(struct statement *statement, const char *value)
{
	certctl_assert(statement->count < RESOURCE_VALUES_MAX);
	statement->values[statement->count++] = db_text(value);
	return statement->count;
}

void statement_put(struct statement *statement, const char *text, size_t number)
{
	const char *at;

	for (; (at = strstr(text, "$v")); text = at + 2) {
		certctl_buffer_append(&statement->text, text, (size_t)(at - text));
		certctl_buffer_printf(&statement->text, "$%zu", number);
	}
	certctl_buffer_puts(&statement->text, text);
}

void statement_put_scope(struct statement *statement, const struct resource *resource,
	const struct http_request *request)
{
	const struct resource_scope *scope = &resource->scope;

	if (!request->scope || !(scope->team || scope->issuer || scope->profile))
		return;
	/* A limit to teams says nothing of profiles: only those count that speak of what the resource has. */
	certctl_buffer_printf(&statement->text, " AND in_scope($%zu::jsonb%s%s%s, %s, %s, %s)",
		statement_value(statement, request->scope), scope->team ? "" : " - 'teams'",
		scope->issuer ? "" : " - 'issuers'", scope->profile ? "" : " - 'profiles'",
		scope->team ? scope->team : "NULL", scope->issuer ? scope->issuer : "NULL",
		scope->profile ? scope->profile : "NULL");
}

/* --- Prepared ones --------------------------------------------------------------------------------------------------- */

static size_t hash(const char *text)
{
	uint64_t value = UINT64_C(14695981039346656037); /* FNV-1a */

	for (; *text; text++)
		value = (value ^ (unsigned char)*text) * UINT64_C(1099511628211);
	return (size_t)(value % SLOTS);
}

/* Types are PostgreSQL's to find out, from what each value is compared with or written to. */
static const unsigned no_types[RESOURCE_VALUES_MAX];

static struct db_query *remember(struct resource_statements *statements, const char *text, size_t count)
{
	struct db_query *query = talloc_zero(statements, struct db_query);

	if (!query)
		return NULL;
	query->name = talloc_asprintf(query, "resource_%u", statements->count);
	query->sql = talloc_strdup(query, text);
	query->types = no_types;
	query->count = count;
	if (!query->name || !query->sql) {
		talloc_free(query);
		return NULL;
	}
	statements->count++;
	return query;
}

/* The kept query of this text; NULL: there is none and no room for it. */
static const struct db_query *find(struct resource_statements *statements, const char *text, size_t count)
{
	size_t at = hash(text);
	const struct db_query *query;

	pthread_mutex_lock(&statements->lock);
	while (statements->slots[at] && strcmp(statements->slots[at]->sql, text) != 0)
		at = (at + 1) % SLOTS;
	if (!statements->slots[at] && statements->count < STATEMENTS_MAX)
		statements->slots[at] = remember(statements, text, count);
	query = statements->slots[at];
	pthread_mutex_unlock(&statements->lock);
	return query;
}

static int query_of(struct statement *statement, const struct resource_services *services, struct db_query *own,
	const struct db_query **ret, struct certctl_error *err)
{
	int rc = certctl_buffer_finish(&statement->text, err);

	if (rc < 0)
		return rc;
	*own = (struct db_query){ .sql = statement->text.data, .types = no_types, .count = statement->count };
	*ret = find(services->statements, statement->text.data, statement->count);
	if (!*ret)
		*ret = own;
	return 0;
}

int statement_run(struct statement *statement, const struct resource_services *services, struct db *db, TALLOC_CTX *mem,
	struct db_result **ret, struct certctl_error *err)
{
	const struct db_query *query = NULL;
	struct db_query own;
	int rc = query_of(statement, services, &own, &query, err);

	return rc < 0 ? rc : db_run(db, mem, query, statement->values, statement->count, ret, err);
}

int statement_once(struct statement *statement, const struct resource_services *services, struct http_request *request,
	struct db_result **ret, struct certctl_error *err)
{
	const struct db_query *query = NULL;
	struct db_query own;
	int rc = query_of(statement, services, &own, &query, err);

	return rc < 0 ? rc
		      : db_once(services->db(request), request, query, statement->values, statement->count, ret, err);
}
