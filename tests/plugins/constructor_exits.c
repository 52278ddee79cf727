/* Ends its process politely while it is being loaded. */
#include "zoo.h"

#include <unistd.h>

__attribute__((constructor)) static void wake(void)
{
	_exit(0);
}

ZOO_PLUGIN("constructor-exits", .caps = 0);
