#include "fixture.h"

#include <agent/deploy/store.h>

static void links_are_relative_beside_the_store_and_absolute_elsewhere(void)
{
	char *store = deploy_store_path(test_mem(), "/etc/nginx/certs/site.key", "bnd-web");

	ASSERT_TEXT(store, "/etc/nginx/certs/.certctl/bnd-web");
	char *beside = deploy_store_link_text(test_mem(), store, "/etc/nginx/certs/site.pem");
	char *elsewhere = deploy_store_link_text(test_mem(), store, "/etc/nginx/public/site.pem");
	char *below = deploy_store_link_text(test_mem(), store, "/etc/nginx/certs/more/site.pem");

	CU_ASSERT(strncmp(beside, ".certctl/bnd-web/current/", 25) == 0);
	CU_ASSERT(strncmp(elsewhere, "/etc/nginx/certs/.certctl/bnd-web/current/", 42) == 0);
	CU_ASSERT_EQUAL(below[0], '/');
	ASSERT_TEXT(strrchr(beside, '-'), "-site.pem");
	ASSERT_TEXT(deploy_store_path(test_mem(), "/site.key", "b"), "/.certctl/b");
	ASSERT_TEXT(deploy_directory_of(test_mem(), "/site.key"), "/");
}

static void files_of_one_name_in_two_folders_have_two_names(void)
{
	CU_ASSERT_STRING_NOT_EQUAL(deploy_store_name(test_mem(), "/a/site.pem"),
		deploy_store_name(test_mem(), "/b/site.pem"));
	ASSERT_TEXT(deploy_store_name(test_mem(), "/a/site.pem"), deploy_store_name(test_mem(), "/a/site.pem"));
}

static int open_store(char **ret_path)
{
	char *path = talloc_asprintf(test_mem(), "%s/.certctl/bnd-web", test_temporary_dir());
	int fd = -1;

	ASSERT_OK(deploy_store_make(path, &fd, &err), err);
	*ret_path = path;
	return fd;
}

static void one_rename_changes_the_generation_and_one_brings_it_back(void)
{
	char *path;
	int store_fd = open_store(&path), generation_fd = -1;
	int64_t current = -1, next = 0;

	ASSERT_OK(deploy_store_current(store_fd, &current, &err), err);
	CU_ASSERT_EQUAL(current, 0);
	for (int64_t generation = 1; generation <= 2; generation++) {
		ASSERT_OK(deploy_store_next(store_fd, &next, &err), err);
		CU_ASSERT_EQUAL(next, generation);
		ASSERT_OK(deploy_store_create(store_fd, generation, &generation_fd, &err), err);
		close(generation_fd);
	}
	ASSERT_OK(deploy_store_prepare(store_fd, 2, 1, &err), err);
	static const int64_t way[] = { 2, 1, 1, 2, 0, 0, 1 };

	for (size_t i = 0; i < CERTCTL_COUNT(way); i++) {
		ASSERT_OK(deploy_store_point(store_fd, way[i], &err), err);
		ASSERT_OK(deploy_store_current(store_fd, &current, &err), err);
		CU_ASSERT_EQUAL(current, way[i]);
	}
	ASSERT_OK(deploy_store_tidy(store_fd, &err), err);
	CU_ASSERT_FALSE(is_there(path_in(path, "forward")));
	CU_ASSERT_FALSE(is_there(path_in(path, "back")));
	ASSERT_OK(deploy_store_remove(store_fd, 2, &err), err);
	ASSERT_OK(deploy_store_remove(store_fd, 2, &err), err);
	CU_ASSERT_FALSE(is_there(path_in(path, "2")));
	close(store_fd);
}

static void a_link_that_is_not_ours_is_named(void)
{
	static const char *const texts[] = { "../../etc", "0", "-1", "007", "1/", "99999999999999999999", "x" };
	char *path;
	int store_fd = open_store(&path);
	int64_t current;

	for (size_t i = 0; i < CERTCTL_COUNT(texts); i++) {
		ASSERT_OK(certctl_link_replace(store_fd, "current", texts[i], &err), err);
		ASSERT_FAILS(deploy_store_current(store_fd, &current, &err), CERTCTL_E_CONFLICT, texts[i], err);
	}
	close(store_fd);
}

static void a_store_that_others_may_write_to_is_refused(void)
{
	char *path;
	int fd = open_store(&path);

	close(fd);
	chmod(path, 0777);
	ASSERT_FAILS(deploy_store_open(path, &fd, &err), CERTCTL_E_DENIED, "others may write", err);
	chmod(path, 0711);
	if (geteuid() == 0) {
		CU_ASSERT_EQUAL(chown(path, 12345, 12345), 0);
		ASSERT_FAILS(deploy_store_open(path, &fd, &err), CERTCTL_E_DENIED, "others may write", err);
	}
}

const struct test tests[] = {
	TEST(links_are_relative_beside_the_store_and_absolute_elsewhere),
	TEST(files_of_one_name_in_two_folders_have_two_names),
	TEST(one_rename_changes_the_generation_and_one_brings_it_back),
	TEST(a_link_that_is_not_ours_is_named),
	TEST(a_store_that_others_may_write_to_is_refused),
	{ 0 },
};
