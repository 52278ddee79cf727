/**
 * An allocator that fails when a test says so: it replaces the C library's for the program that includes this and every library in
 * it.  Not under sanitizers: they bring an allocator of their own, which cannot be replaced.
 */
#ifndef CERTCTL_TEST_ALLOCATION_H
#define CERTCTL_TEST_ALLOCATION_H

#include "test.h"

#include <errno.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

/* How many allocations of this thread succeed from now on. */
static _Thread_local int64_t allowed = INT64_MAX;

static bool may_allocate(void)
{
	if (allowed-- > 0)
		return true;
	allowed = 0;
	errno = ENOMEM;
	return false;
}

CERTCTL_API void *malloc(size_t size)
{
	return may_allocate() ? __libc_malloc(size) : NULL;
}

CERTCTL_API void *calloc(size_t count, size_t size)
{
	return may_allocate() ? __libc_calloc(count, size) : NULL;
}

CERTCTL_API void *realloc(void *old, size_t size)
{
	return may_allocate() ? __libc_realloc(old, size) : NULL;
}

#endif
