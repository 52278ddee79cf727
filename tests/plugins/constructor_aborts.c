/* Ends its process while it is being loaded, before anything of it was checked. */
#include "zoo.h"

#include <stdlib.h>

__attribute__((constructor)) static void wake(void)
{
	abort();
}

ZOO_PLUGIN("constructor-aborts", .caps = 0);
