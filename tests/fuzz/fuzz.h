/* What every fuzz target offers to its driver: libFuzzer's, or replay.c. */
#ifndef CERTCTL_FUZZ_H
#define CERTCTL_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/** Must survive any bytes.  A property that does not hold ends in certctl_assert(). */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
