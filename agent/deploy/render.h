/** From a bundle and a key to the bytes of each file of a plan. */
#ifndef CERTCTL_DEPLOY_RENDER_H
#define CERTCTL_DEPLOY_RENDER_H

#include <certctl/target.h>

/** A bundle, read and checked. */
struct deploy_material {
	const struct certctl_key *key;
	struct certctl_certificate *leaf;
	struct certctl_certificate **chain; /* issuing CA first, without the leaf */
	size_t chain_count;
};

/** Read leaf and chain, order the chain, check that key, leaf, chain and names belong together and that it is that leaf. */
int deploy_material_read(TALLOC_CTX *mem, const struct certctl_bundle *bundle, const struct certctl_key *key,
	int64_t now_unix_s, struct deploy_material *ret, struct certctl_error *err) CERTCTL_CHECKED;

/** Does the file hold the key? */
bool deploy_file_has_key(const struct certctl_plan_file *file);
/** The mode it gets: what the plan says, or 0600 with a key in it and 0644 without. */
uint32_t deploy_file_mode(const struct certctl_plan_file *file);

/**
 * The content of one file.
 * @param real_path  where the file of the plan with this path lies in the new generation, for CERTCTL_PART_PATH; NULL: none such
 */
int deploy_render(TALLOC_CTX *mem, const struct deploy_material *material, const struct certctl_plan_file *file,
	const char *(*real_path)(void *arg, const char *path), void *arg, struct certctl_secret *ret,
	struct certctl_error *err) CERTCTL_CHECKED;

/** SHA-256 over all that a plan asks for and its material: equal when the deployment would put the same in place. */
int deploy_content_hash(const struct deploy_material *material, const struct certctl_plan *plan, char ret_hex[65],
	struct certctl_error *err) CERTCTL_CHECKED;

#endif
