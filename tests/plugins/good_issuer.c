/*
 * An issuer that is right in everything, has an option of every type, and uses all that a host offers.  Its item options say what
 * issue() does, so that tests can ask for a slow or a stubborn one.
 */
#include <certctl/issuer.h>

#include <string.h>
#include <time.h>

enum colour { RED = 1, GREEN };
static const struct certctl_choice colours[] = {
	{ "red", RED, "Like fire." },
	{ "green", GREEN, "Like grass." },
	{ 0 },
};

struct place {
	const char *name;
	int64_t floor;
};
static const struct certctl_field place_options[] = {
	CERTCTL_OPTION(struct place, name, CERTCTL_TEXT, .required = true, .help = "What it is called."),
	CERTCTL_OPTION(struct place, floor, CERTCTL_INTEGER, .min = -3, .max = 100, .help = "Which floor."),
	{ 0 },
};

struct config {
	const char *text, *url, *host, *readable, *writable, *email, *owner;
	int64_t number;
	bool flag;
	struct certctl_duration patience;
	struct certctl_size limit;
	int colour;
	struct certctl_secret password;
	struct certctl_list words, places;
	struct place place;
	struct certctl_time since;
};
static const struct certctl_field options[] = {
	CERTCTL_OPTION(struct config, text, CERTCTL_TEXT, .fallback = "hello", .min = 1, .max = 40, .help = "A text."),
	CERTCTL_OPTION(struct config, url, CERTCTL_URL, .fallback = "https://ca.example.com/", .help = "A URL."),
	CERTCTL_OPTION(struct config, host, CERTCTL_HOST, .fallback = "ca.example.com:443", .help = "A host."),
	CERTCTL_OPTION(struct config, readable, CERTCTL_PATH, .path_access = CERTCTL_PATH_READ, .help = "Read."),
	CERTCTL_OPTION(struct config, writable, CERTCTL_PATH, .path_access = CERTCTL_PATH_WRITE, .help = "Written."),
	CERTCTL_OPTION(struct config, email, CERTCTL_EMAIL, .fallback = "ca@example.com", .help = "An address."),
	CERTCTL_OPTION(struct config, owner, CERTCTL_REFERENCE, .refers_to = "owner", .help = "Whose it is."),
	CERTCTL_OPTION(struct config, number, CERTCTL_INTEGER, .fallback = "30", .min = 1, .max = 600,
		.help = "A number."),
	CERTCTL_OPTION(struct config, flag, CERTCTL_BOOLEAN, .fallback = "true", .help = "Yes or no."),
	CERTCTL_OPTION(struct config, patience, CERTCTL_DURATION, .fallback = "90d", .help = "How long."),
	CERTCTL_OPTION(struct config, limit, CERTCTL_SIZE, .fallback = "64KiB", .help = "How much."),
	CERTCTL_OPTION(struct config, colour, CERTCTL_ENUM, .choices = colours, .fallback = "green",
		.help = "Which colour."),
	CERTCTL_OPTION(struct config, password, CERTCTL_SECRET, .help = "Shown to nobody."),
	CERTCTL_OPTION(struct config, words, CERTCTL_LIST, .item_type = CERTCTL_TEXT, .help = "Several words."),
	CERTCTL_OPTION(struct config, places, CERTCTL_LIST, .item_type = CERTCTL_OBJECT, .nested = place_options,
		.nested_size = sizeof(struct place), .help = "Several places."),
	CERTCTL_OPTION(struct config, place, CERTCTL_OBJECT, .nested = place_options,
		.nested_size = sizeof(struct place), .help = "One place."),
	CERTCTL_OPTION(struct config, since, CERTCTL_TIME, .help = "Since when."),
	{ 0 },
};

struct item {
	const char *deed;
	int64_t wait_ms;
};
static const struct certctl_field item_options[] = {
	CERTCTL_OPTION(struct item, deed, CERTCTL_TEXT, .fallback = "issue", .help = "What issue() does."),
	CERTCTL_OPTION(struct item, wait_ms, CERTCTL_INTEGER, .min = 0, .max = 600000,
		.help = "For how long it waits."),
	{ 0 },
};

struct certctl_issuer {
	const struct config *config;
};

static int open_issuer(const struct certctl_host *host, const void *config, struct certctl_issuer **ret,
	struct certctl_error *err)
{
	struct certctl_issuer *self = talloc_zero(NULL, struct certctl_issuer);

	(void)host;
	if (!self)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "no memory");
	self->config = config;
	*ret = self;
	return 0;
}

static void close_issuer(struct certctl_issuer *self)
{
	talloc_free(self);
}

static int test_issuer(struct certctl_issuer *self, const struct certctl_host *host, struct certctl_error *err)
{
	(void)self, (void)host, (void)err;
	return 0;
}

/* Shows what reached the plugin of its configuration. */
static int info(struct certctl_issuer *self, const struct certctl_host *host, TALLOC_CTX *mem, struct certctl_info *ret,
	struct certctl_error *err)
{
	const struct config *config = self->config;
	struct certctl_fact *facts = talloc_zero_array(mem, struct certctl_fact, 2);
	const struct certctl_fact **list = talloc_zero_array(mem, const struct certctl_fact *, 3);

	(void)host;
	if (!facts || !list)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "no memory");
	facts[0] = (struct certctl_fact){ "text", config->text };
	facts[1] = (struct certctl_fact){ "password", talloc_asprintf(mem, "%zu bytes", config->password.len) };
	list[0] = &facts[0];
	list[1] = &facts[1];
	ret->endpoint = config->url;
	ret->authentication = "none";
	ret->key_storage = "nowhere";
	ret->facts = list;
	return 0;
}

static void wait_ms(const struct certctl_host *host, int64_t ms, bool is_stubborn)
{
	int64_t until = host->remaining_ms(host) - ms;

	while (host->remaining_ms(host) > until && (is_stubborn || !host->cancelled(host)))
		nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
}

/* Everything a host offers, in the order an ACME client would use it. */
static int use_host(const struct certctl_host *host, const struct certctl_order *order, TALLOC_CTX *mem,
	struct certctl_error *err)
{
	struct certctl_challenge challenge = {
		.type = "http-01", .identifier = "a.example.com", .token = "t", .value = "v"
	};
	char *value = NULL;
	int64_t version = 0;
	int rc;

	host->log(host, CERTCTL_LOG_INFO, "zoo.issuing", "order", order->id, NULL);
	rc = host->state_get(host, "account", mem, &value, &version, err);
	if (rc < 0 && rc != CERTCTL_E_NOT_FOUND)
		return rc;
	if ((rc = host->state_put(host, "account", "the account", version, &version, err)) < 0 ||
		(rc = host->checkpoint(host, "order placed", err)) < 0 ||
		(rc = host->publish_challenge(host, &challenge, err)) < 0)
		return rc;
	return host->withdraw_challenge(host, &challenge, err);
}

static int issue(struct certctl_issuer *self, const struct certctl_host *host, const struct certctl_order *order,
	TALLOC_CTX *mem, struct certctl_issued *ret, struct certctl_error *err)
{
	const struct item *item = order->item;
	int rc;

	if (strcmp(item->deed, "refuse") == 0)
		return certctl_fail(err, CERTCTL_E_DENIED, "the CA says no");
	if (strcmp(item->deed, "wait") == 0 || strcmp(item->deed, "insist") == 0) {
		wait_ms(host, item->wait_ms, strcmp(item->deed, "insist") == 0);
		if (host->cancelled(host))
			return certctl_fail(err, CERTCTL_E_CANCELLED, "stopped as asked");
	}
	if (strcmp(item->deed, "host") == 0 && (rc = use_host(host, order, mem, err)) < 0)
		return rc;
	if (strcmp(item->deed, "pending") == 0) {
		ret->outcome = CERTCTL_PENDING;
		ret->retry_after_s = 7;
		ret->state = "asked";
		return 0;
	}
	ret->outcome = CERTCTL_ISSUED;
	ret->leaf_pem = talloc_asprintf(mem, "leaf of %s by %s", order->id, self->config->text);
	ret->chain_pem = "";
	ret->serial = order->serial;
	return 0;
}

static int find(struct certctl_issuer *self, const struct certctl_host *host, const struct certctl_order *order,
	TALLOC_CTX *mem, struct certctl_issued *ret, struct certctl_error *err)
{
	(void)self, (void)host, (void)order, (void)mem, (void)ret;
	return certctl_fail(err, CERTCTL_E_NOT_FOUND, "never issued");
}

static int abandon(struct certctl_issuer *self, const struct certctl_host *host, const struct certctl_order *order,
	struct certctl_error *err)
{
	(void)self, (void)host, (void)order, (void)err;
	return 0;
}

static int revoke(struct certctl_issuer *self, const struct certctl_host *host, const char *certificate_pem, int reason,
	struct certctl_error *err)
{
	(void)self, (void)host;
	return strcmp(certificate_pem, "mine") == 0 && reason == 1 ? 0
								   : certctl_fail(err, CERTCTL_E_NOT_FOUND, "not mine");
}

static int chain(struct certctl_issuer *self, const struct certctl_host *host, TALLOC_CTX *mem, const char **ret_pem,
	struct certctl_error *err)
{
	(void)self, (void)host, (void)mem, (void)err;
	*ret_pem = "the chain";
	return 0;
}

static int renewal_window(struct certctl_issuer *self, const struct certctl_host *host, const char *certificate_pem,
	TALLOC_CTX *mem, struct certctl_renewal_window *ret, struct certctl_error *err)
{
	(void)self, (void)host, (void)certificate_pem, (void)mem, (void)err;
	*ret = (struct certctl_renewal_window){ .has_answer = true,
		.start_unix_s = 1000,
		.end_unix_s = 2000,
		.retry_after_s = 60,
		.explanation_url = "https://ca.example.com/why" };
	return 0;
}

static const struct certctl_issuer_ops ops = {
	.size = sizeof(ops),
	.caps = CERTCTL_ISSUER_CAN_FIND | CERTCTL_ISSUER_CAN_REVOKE | CERTCTL_ISSUER_CAN_CHAIN |
		CERTCTL_ISSUER_CAN_RENEWAL_WINDOW | CERTCTL_ISSUER_CAN_ABANDON | CERTCTL_ISSUER_REPEATABLE,
	.open = open_issuer,
	.close = close_issuer,
	.test = test_issuer,
	.info = info,
	.issue = issue,
	.find = find,
	.abandon = abandon,
	.revoke = revoke,
	.chain = chain,
	.renewal_window = renewal_window,
};

CERTCTL_PLUGIN(CERTCTL_ISSUER, "good", .version = "1.2.3", .summary = "An issuer that is right in everything",
	.options = options, .config_size = sizeof(struct config), .item_options = item_options,
	.item_size = sizeof(struct item), .needs = CERTCTL_NEEDS_FILES, .concurrency = 4, .ops = &ops);
