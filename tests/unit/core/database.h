/**
 * A database for a test program: one private cluster in a temporary folder, migrated, stopped at the end.
 * As root the folder must be passable for the database's user; test_temporary_dir() is not.
 */
#ifndef TEST_CORE_DATABASE_H
#define TEST_CORE_DATABASE_H

#include "core/platform/db/cluster.h"
#include "core/platform/db/db.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static struct db_cluster *test_cluster;
static struct db_pool *test_pool; /* as the application */

static void test_database_stop(void)
{
	struct certctl_error err = { 0 };

	talloc_free(test_pool);
	if (test_cluster && db_cluster_stop(test_cluster, &err) < 0)
		fprintf(stderr, "%s\n", err.what);
	talloc_free(test_cluster);
}

static inline const char *test_passable_dir(void)
{
	char *folder = talloc_strdup(test_mem(), test_temporary_dir()), *parent = talloc_strdup(test_mem(), folder);

	*strrchr(parent, '/') = '\0';
	chmod(parent, 0711);
	chmod(folder, 0711);
	return folder;
}

static inline struct db_pool *test_new_pool(const char *conninfo, unsigned size)
{
	struct db_pool_options options = {
		.conninfo = conninfo, .program = "test", .size = size, .statement_ms = 20000
	};
	struct certctl_error err = { 0 };
	struct db_pool *pool = NULL;

	ASSERT_OK(db_pool_new(NULL, &options, &pool, &err), err);
	return pool;
}

/* The program's pool; the first call makes the cluster. */
static inline struct db_pool *test_database(void)
{
	struct certctl_error err = { 0 };

	if (test_pool)
		return test_pool;
	char *directory = talloc_asprintf(test_mem(), "%s/data", test_passable_dir());
	struct db_cluster_options options = { .directory = directory };

	if (db_cluster_start(NULL, &options, &test_cluster, &err) < 0) {
		fprintf(stderr, "%s\n", err.what);
		abort();
	}
	atexit(test_database_stop);
	struct db_pool *owner = test_new_pool(db_cluster_owner_conninfo(test_cluster), 1);

	ASSERT_OK(db_migrate(owner, db_migrations, &err), err);
	talloc_free(owner);
	test_pool = test_new_pool(db_cluster_conninfo(test_cluster), 8);
	return test_pool;
}

/* A statement of a test's own, without parameters. */
static inline void test_sql(const char *sql)
{
	struct db_query query = { .name = "", .sql = sql };
	struct certctl_error err = { 0 };
	struct db_pool *owner = test_new_pool(db_cluster_owner_conninfo(test_cluster), 1);

	ASSERT_OK(db_once(owner, NULL, &query, DB_NO_VALUES, NULL, &err), err);
	talloc_free(owner);
}

/* The first column of the first row, or "". */
static inline const char *test_value(const char *sql)
{
	struct db_query query = { .name = "", .sql = sql };
	struct certctl_error err = { 0 };
	struct db_result *rows = NULL;
	struct db_pool *owner = test_new_pool(db_cluster_owner_conninfo(test_cluster), 1);
	const char *text;

	ASSERT_OK(db_once(owner, test_mem(), &query, DB_NO_VALUES, &rows, &err), err);
	talloc_free(owner);
	text = rows && db_rows(rows) > 0 ? db_value_at(rows, 0, 0) : "";
	return text ? text : "";
}

#endif
