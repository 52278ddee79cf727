/* Does not come back from being loaded. */
#include "zoo.h"

#include <unistd.h>

__attribute__((constructor)) static void wake(void)
{
	for (;;)
		pause();
}

ZOO_PLUGIN("constructor-hangs", .caps = 0);
