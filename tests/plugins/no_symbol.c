/* Exports something, but not what a plugin exports. */
#include <certctl/error.h>

CERTCTL_API int certctl_plugin_of_another_product(void);
int certctl_plugin_of_another_product(void)
{
	return 1;
}
