/**
 * How often somebody may do something: a bucket of tokens a name, in memory of fixed size.  When there are more names than
 * room, the bucket that is closest to full gives way, which is the one that has the least to remember.
 */
#ifndef CORE_RATES_H
#define CORE_RATES_H

#include <certctl/error.h>
#include <talloc.h>

struct http_rates;

/** @param per_second  tokens a second that come back; 0: everything is allowed.  @param burst  tokens that a bucket holds */
int http_rates_new(TALLOC_CTX *mem, int64_t per_second, int64_t burst, struct http_rates **ret,
	struct certctl_error *err) CERTCTL_CHECKED;
/** Take one. @return 0, or how many seconds (1 at least) until there is one again */
int64_t http_rates_take(struct http_rates *rates, const char *name, int64_t now_ms);
/** Would one be there?  Takes nothing; the same result. */
int64_t http_rates_ask(struct http_rates *rates, const char *name, int64_t now_ms);

/** What of an address is counted together: all of IPv4, a /64 of IPv6. */
const char *http_rates_address(TALLOC_CTX *mem, const char *source_ip);

#endif
